"""Tables of mixed columns that cannot be used as they are: one line, bounded memory."""

import resource

import numpy as np
import pandas as pd
import pytest
from support.bad_input import assert_one_line_and_nothing_left, cases, csv

from tfsoftmax import DataError, SourceOptions, load_dataset
from tfsoftmax.data.readers import csv as csv_reader

N = 40
INDEX = np.arange(N)
FRAME = pd.DataFrame(
    {
        "town": np.array(["Oslo", "Rome"])[INDEX % 2],
        "size": INDEX / 4,
        "day": pd.date_range("2020-01-01", periods=N).strftime("%Y-%m-%d"),
        "open": np.where(INDEX % 2, "yes", "no"),
        "label": np.array(["u", "v"])[INDEX % 2],
    }
)


def changed(column, cell, row=N, frame=FRAME):
    """The table as CSV with another cell in a row, from 1."""
    frame = frame.astype({column: object})
    frame.loc[row - 1, column] = cell
    return frame.to_csv(index=False)


# What it is: (what the line says, what makes the arguments, exit code if it is not 1).
MIXED = {
    "a text of 10 MB": (
        "row 40, column 'town': a text of 10,000,000 char",
        csv(changed("town", "x" * 10**7)),
    ),
    "10 MB of blanks in a text": (
        "row 40, column 'town': a text of 10,000,002 char",
        csv(changed("town", f"x{' ' * 10**7}y")),
    ),
    "invalid UTF-8": ("not UTF-8|not utf-8", csv(changed("town", "é").encode("latin-1"))),
    "no truth": (
        "row 40, column 'open': expected yes or no.*'maybe'",
        csv(changed("open", "maybe")),
    ),
    "no day": (r"column 'day': it has \(row 40: 'soon'\)", csv(changed("day", "soon"))),
    "the 30th of February": (
        "row 40, column 'day': expected a date.*'2020-02-30'",
        csv(changed("day", "2020-02-30")),
    ),
    "no number": ("row 40, column 'size': 'big' is not a number", csv(changed("size", "big"))),
    "an infinite number": ("row 40, column 'size': inf is beyond", csv(changed("size", "inf"))),
    "a missing number that is an error": (
        "row 40, column 'size': the value is missing",
        csv(changed("size", None), "--missing", "error"),
    ),
    "a row cut short": ("row 41: 1 columns, expected 5", csv(FRAME.to_csv(index=False) + "Oslo\n")),
    "no other column": (
        "no column is left to learn from",
        csv("a,label\n" + ",x\n,y\n" * 9, "--column", "a=number", "--drop", "a"),
    ),
    "a kind of no column": (
        "no column 'twon'; did you mean 'town'",
        csv(FRAME.to_csv(index=False), "--column", "twon=category"),
    ),
    "no kind": (
        "--column town=catgory: no kind 'catgory'; did you mean 'category'",
        csv(FRAME.to_csv(index=False), "--column", "town=catgory"),
        2,
    ),
    "a cross of a number": (
        "'size' is a number, and a cross takes .* --column size=category",
        csv(FRAME.to_csv(index=False), "--cross", "town:size"),
    ),
}


@pytest.mark.parametrize("case", cases("mixed", MIXED))
def test_bad_mixed_tables(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)


@pytest.mark.parametrize(
    ("column", "cell"),
    [("day", "2020-02-30"), ("open", "maybe"), ("size", "big"), ("town", "x" * 2**21)],
)
def test_rows_that_do_not_fit_can_be_left_out(tmp_path, column, cell):
    (tmp_path / "t.csv").write_text(changed(column, cell, row=7))
    dataset = load_dataset(tmp_path / "t.csv", options=SourceOptions(bad_rows="skip"))
    (skipped,) = dataset.notes.skipped
    assert (skipped.rows, skipped.first[:5]) == (1, "row 7")
    assert len(dataset.train) + len(dataset.test) == N - 1


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("day", "soon", "row 40, column 'day': expected a date"),
        ("open", "maybe", "row 40, column 'open': expected yes or no"),
        ("nothing", "5", "row 40, column 'nothing': '5.0' comes after so many rows"),
        ("name", "n0", "column 'name': its texts differ in all of the first rows"),
    ],
)
def test_what_later_rows_have_is_checked_as_the_first_rows_have_it(
    tmp_path, monkeypatch, column, cell, message
):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._FIRST_ROWS", 20)
    monkeypatch.setattr("tfsoftmax.data.tables.kinds_of_columns._ROWS_OF_KINDS", 20)
    frame = FRAME.assign(nothing=np.nan, name=[f"n{n}" for n in INDEX])
    (tmp_path / "t.csv").write_text(changed(column, cell, frame=frame))
    with pytest.raises(DataError, match=message):
        load_dataset(tmp_path / "t.csv")
    # A category that comes later is one as any other.
    (tmp_path / "t.csv").write_text(changed("town", "Riga"))
    assert load_dataset(tmp_path / "t.csv").spec.encoding is not None


def with_categories(tmp_path, n_rows):
    lines = [
        f"c{n},{n % 7},{'uv'[n % 2]}\nc{n},{n % 7},{'uv'[n % 2]}\n" for n in range(n_rows // 2)
    ]
    (tmp_path / "t.csv").write_text("code,size,label\n" + "".join(lines))
    return tmp_path / "t.csv"


def test_a_category_that_turns_out_to_have_many_values_is_hashed(tmp_path, monkeypatch, caplog):
    path = with_categories(tmp_path, 3000)
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._FIRST_ROWS", 500)
    monkeypatch.setattr("tfsoftmax.data.tables.kinds_of_columns._ROWS_OF_KINDS", 500)
    dataset = load_dataset(path)
    column = dataset.spec.encoding.columns[0]
    assert (column.kind, column.size) == ("hashed", 2**16)
    assert "column 'code' has more than 1,000 different values, so it is hashed" in caplog.text
    # That is what is advised, too.
    said = load_dataset(path, options=SourceOptions(column="code=hashed"))
    assert said.spec == dataset.spec
    assert said.sha256() == dataset.sha256()
    monkeypatch.setattr("tfsoftmax.data.tables.learned._MOST_SAID", 1400)
    with pytest.raises(
        DataError, match=r"more than 1,400 different values.*column=\[.code=hashed.\]"
    ):
        load_dataset(path, options=SourceOptions(column="code=category"))


@pytest.mark.slow
def test_a_million_categories_take_no_more_memory_than_their_rows(tmp_path):
    path = with_categories(tmp_path, 2_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="more than 65,536 different values are too many"):
        load_dataset(path, options=SourceOptions(column="code=category"))
    assert load_dataset(path).spec.encoding.columns[0].kind == "hashed"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2**20, f"{grown / 1024:.0f} MiB"


def test_a_table_that_changes_between_its_passes_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    FRAME.to_csv(path, index=False)
    read_parts, passes = csv_reader.read_parts, []

    def read(*args, texts=None, **how):
        passes.append(texts)
        if len(passes) == 3:
            path.write_text(changed("town", "Riga"))
        yield from read_parts(*args, texts=texts, **how)

    monkeypatch.setattr(csv_reader, "read_parts", read)
    with pytest.raises(DataError, match="changed while it was read"):
        load_dataset(path)
