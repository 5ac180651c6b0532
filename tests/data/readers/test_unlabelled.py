"""Rows to predict, read for a model that says what it takes."""

import numpy as np
import pytest
from sklearn.datasets import dump_svmlight_file
from support.data_files import FRAME, NUMBERS

from tfsoftmax import DataError, SourceOptions, Spec, UsageError
from tfsoftmax.data.readers.unlabelled import locate_rows, read_unlabelled

TAKEN = Spec((2,), "float32", ("a", "b"), feature_names=("width", "row"))


def unlabelled(folder, ending):
    frame = FRAME[["height", "width", "label", "row"]]
    path = folder / f"new{ending}"
    if ending.lower() == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in ending else ",")
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".PARQUET"])
def test_columns_to_predict_are_found_by_name_in_any_order(tmp_path, ending):
    path = unlabelled(tmp_path, ending)
    assert locate_rows(str(path)).path == path
    found = np.concatenate(list(read_unlabelled(path, TAKEN)))
    np.testing.assert_array_equal(found, NUMBERS[:, [1, 0]])


def test_arrays_and_nameless_tables_to_predict(tmp_path):
    np.save(tmp_path / "new.npy", NUMBERS.astype(np.float64))
    spec = Spec((3,), "float32", ("a", "b"))
    found = np.vstack(list(read_unlabelled(tmp_path / "new.npy", spec)))
    np.testing.assert_array_equal(found, NUMBERS)
    FRAME.drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    found = np.vstack(list(read_unlabelled(tmp_path / "new.csv", spec)))
    np.testing.assert_array_equal(found, NUMBERS)


BYTES = Spec((2, 2), "uint8", ("a", "b"), (0, 255))


@pytest.mark.parametrize(
    ("name", "content", "spec", "message"),
    [
        ("t.csv", "row,height\n1,2\n", TAKEN, "no column 'width', which the model takes"),
        ("t.csv", "row,width\n1,2\n1,two\n", TAKEN, "row 2, column 'width': 'two' is not a number"),
        ("t.csv", "row,width\n1,\n", TAKEN, "row 1, column 'width': the value is missing"),
        ("t.csv", "row,width,row\n1,2,3\n", TAKEN, "two columns are called 'row'"),
        ("t.csv", "a,b,c\n1,2,3\n", BYTES, "3 columns, but the model takes 4 numbers"),
        ("t.csv", "a,b,c,d\n1,2,3,4\n1,2,3,256\n", BYTES, "row 2, feature 3: found 256; the model"),
        ("t.csv", "a,b,c,d\n1,2,3,-1\n", BYTES, "whole numbers from 0 to 255"),
        ("t.csv", "a,b,c,d\n1,2,3,0.5\n", BYTES, "row 1, feature 3: found 0.5"),
        ("t.csv", "", TAKEN, "the file is empty"),
        ("t.csv", "row;width\n1;2\n", TAKEN, "separated by ';'"),
        ("t.parquet", "no", TAKEN, "not a Parquet file"),
        ("t.npy", "no", TAKEN, "cannot be read as an .npy file: not an .npy array"),
        ("t.npy", np.zeros((2, 3)), TAKEN, "rows of 3 numbers, but the model takes 2"),
        ("t.npy", np.zeros(2), TAKEN, "expected rows of numbers, found float64 .2,."),
        ("t.npy", np.zeros((2, 2), complex), TAKEN, "expected rows of numbers, found complex128"),
        ("t.npy", np.zeros((2, 2), object), TAKEN, "holds Python objects"),
        ("t.npy", np.array([[1, 2], [3, np.nan]]), TAKEN, "row 2, row: the value is missing"),
        ("t.npy", np.array([[1, 2], [3, 1e300]]), TAKEN, "row 2, row: the value is infinite"),
        ("t.npy", np.full((1, 4), np.nan), BYTES, "row 1, feature 0: found nan"),
        ("t.npy", np.full((1, 4), 1e300), BYTES, "row 1, feature 0: found 1e.300"),
    ],
)
def test_rows_to_predict_that_are_bad_are_named(tmp_path, name, content, spec, message):
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        np.save(path, content)
    with pytest.raises(DataError, match=message) as caught:
        list(read_unlabelled(path, spec))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_values_to_predict_stay_for_a_model_that_fills_them(tmp_path):
    spec = Spec((2,), "float32", ("a", "b"), feature_names=("width", "row"), missing=True)
    (tmp_path / "t.csv").write_text("row,width\n1,\n2,3\n")
    found = np.vstack(list(read_unlabelled(tmp_path / "t.csv", spec)))
    np.testing.assert_array_equal(found, [[np.nan, 1], [3, 2]])


def test_a_zip_file_called_npy_is_none(tmp_path):
    np.savez(tmp_path / "t.npz", NUMBERS)
    (tmp_path / "t.npz").rename(tmp_path / "t.npy")
    with pytest.raises(DataError, match="not an .npy array"):
        list(read_unlabelled(tmp_path / "t.npy", TAKEN))


def asked(path, first_index, n_features=4):
    spec = Spec((n_features,), "float32", ("a", "b"))
    options = SourceOptions(first_index=first_index)
    parts = [rows[:] for rows in read_unlabelled(locate_rows(f"svmlight:{path}"), spec, options)]
    return np.vstack(parts)


@pytest.mark.parametrize("first_index", [0, 1])
@pytest.mark.parametrize("labelled", [True, False])
def test_svmlight_rows_to_predict_may_have_labels(tmp_path, first_index, labelled):
    rows = np.float32([[0, 1.5, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0], [0, 3, -1, 0]])
    dump_svmlight_file(rows, [7] * 4, str(tmp_path / "t.svm"), zero_based=first_index == 0)
    lines = (tmp_path / "t.svm").read_text().splitlines()
    if not labelled:  # An empty row is a label, or it is a blank line.
        lines = [line.partition(" ")[2] or "0" for line in lines]
    (tmp_path / "new.txt").write_text("# new ones\n\n" + "\n".join(lines))
    np.testing.assert_array_equal(asked(tmp_path / "new.txt", first_index), rows)


@pytest.mark.parametrize(
    ("content", "first_index", "error", "message"),
    [
        ("1 1:2\n1 5:1\n", 1, DataError, "row 2: an index of 5, but the last .* features has 4$"),
        ("1 4:1\n", 0, DataError, "row 1: an index of 4, but the last .* features has 3$"),
        ("1 0:1\n", 1, DataError, "row 1: an index of 0, but first_index=1"),
        ("1:1\n1:x\n", 1, DataError, "line 2: .*; expected LABEL INDEX:VALUE"),
        ("1 1:nan\n", 1, DataError, "row 1, feature 0: the value is missing"),
        ("1 1:2\n", None, UsageError, "count from 0 or 1, .* say it, as in first_index=1"),
    ],
)
def test_svmlight_rows_to_predict_that_are_bad_are_named(
    tmp_path, content, first_index, error, message
):
    (tmp_path / "t.svm").write_text(content)
    with pytest.raises(error, match=message):
        asked(tmp_path / "t.svm", first_index)


def test_svmlight_rows_are_not_for_a_model_that_knows_columns_by_name(tmp_path):
    (tmp_path / "t.svm").write_text("1 1:2\n")
    for spec in (TAKEN, BYTES):
        with pytest.raises(DataError, match="does not know its features by an index"):
            list(read_unlabelled(tmp_path / "t.svm", spec, SourceOptions(first_index=1)))
