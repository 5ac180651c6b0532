"""Blank lines in a CSV file: never a row that comes and goes without a word."""

import pytest

from tfsoftmax import DataError, SourceOptions, Spec
from tfsoftmax.data.readers.unlabelled import read_unlabelled

SPEC = Spec((1,), "float32", ("a", "b"), feature_names=("x",))
FILLS = Spec((1,), "float32", ("a", "b"), feature_names=("x",), missing="mean")


def rows(path, text, spec, **options):
    path.write_bytes(text.encode())
    parts = read_unlabelled(path, spec, SourceOptions(**options))
    return [value for part in parts for value in part[:, 0].tolist()]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", ["", "  ", '""'])
def test_a_blank_line_of_one_column_is_a_missing_value(tmp_path, end, blank):
    text = end.join(["x", "1", blank, "3", blank, blank, "6", ""])
    with pytest.raises(DataError, match="row 2, column 'x': the value is missing"):
        rows(tmp_path / "new.csv", text, SPEC)
    found = rows(tmp_path / "new.csv", text, FILLS)
    assert [str(value) for value in found] == ["1.0", "nan", "3.0", "nan", "nan", "6.0"]


def test_blank_lines_around_the_rows_are_none(tmp_path):
    text = "\n\nx\n1\n2\n\n\n"
    assert rows(tmp_path / "new.csv", text, SPEC) == [1, 2]
    named = Spec((1,), "float32", ("a", "b"))
    assert rows(tmp_path / "new.csv", "1\n2\n\n", named, header=False) == [1, 2]
    text = "# a comment\nx\n1\n# another\n2\n"
    assert rows(tmp_path / "new.csv", text, SPEC, comment="#") == [1, 2]


def test_a_first_row_that_is_blank_is_one_where_there_is_no_header(tmp_path):
    named = Spec((1,), "float32", ("a", "b"), missing="mean")
    found = rows(tmp_path / "new.csv", "\n2\n", named, header=False)
    assert [str(value) for value in found] == ["nan", "2.0"]


def test_parts_of_a_file_count_on(tmp_path, monkeypatch):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", 4)
    text = "x\n" + "1\n" * 9 + "\n1\n"
    with pytest.raises(DataError, match="row 10, column 'x': the value is missing"):
        rows(tmp_path / "new.csv", text, SPEC)


def test_blank_lines_between_rows_of_several_columns_are_no_rows(tmp_path):
    assert rows(tmp_path / "new.csv", "x,y\n1,0\n\n2,0\n   \n3,0\n", SPEC) == [1, 2, 3]
