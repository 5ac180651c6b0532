"""What is wrong in a part of a source ends all workers, with the line that one process says."""

import logging

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from support.marks import slow
from support.parted import in_workers, table, write_records
from support.tfrecord import example
from support.workers import in_threads

from tfsoftmax import DataError, SourceOptions, load_dataset

BAD = {
    "a value": (lambda row: {"features": [float("nan"), 1.0], "label": [row % 2]}, "record 3"),
    "a label": (lambda row: {"features": [1.0, 2.0], "label": [b""]}, "record 3"),
    "the width": (lambda row: {"features": [1.0], "label": [row % 2]}, "record 3"),
}


@pytest.mark.parametrize("which", BAD)
@pytest.mark.parametrize("bad_file", [slow(0), 2])
def test_all_end_with_the_same_error(tmp_path, which, bad_file):
    make, record = BAD[which]
    for number in range(3):
        rows = [{"features": [row, 1.0], "label": [row % 2]} for row in range(8)]
        rows = [{**row, "features": list(map(float, row["features"]))} for row in rows]
        if number == bad_file:
            rows[2] = make(2)
        write_records(tmp_path / f"{number}.tfrecord", [example(**row) for row in rows])
    with pytest.raises(DataError) as alone:
        load_dataset(f"tfrecord:{tmp_path}")
    assert f"{bad_file}.tfrecord, {record}" in str(alone.value)
    found = in_threads(3, lambda workers: load_dataset(f"tfrecord:{tmp_path}", workers=workers))
    assert [type(each) for each in found] == [DataError] * 3
    assert {str(each) for each in found} == {str(alone.value)}
    assert {each.options for each in found} == {alone.value.options}


BAD_ENTRIES = {
    "a value": {"ids": [1, 2], "values": [1.0, float("inf")]},
    "an id": {"ids": [1, -2], "values": [1.0, 2.0]},
    "a large id": {"ids": [1, 2**30], "values": [1.0, 2.0]},
    "too few values": {"ids": [1, 2], "values": [1.0]},
}


@pytest.mark.parametrize("which", BAD_ENTRIES)
@pytest.mark.parametrize("n_features", [None, slow(900)])
def test_errors_in_records_of_ids_and_values_are_those_of_one(tmp_path, which, n_features):
    for number in range(3):
        rows = [{"ids": [row, 600], "values": [1.0, 2.0]} for row in range(8)]
        if number == 1:
            rows[2] = BAD_ENTRIES[which]
        records = [example(**row, label=[index % 2]) for index, row in enumerate(rows)]
        write_records(tmp_path / f"{number}.tfrecord", records)
    name, options = f"tfrecord:{tmp_path}", SourceOptions(n_features=n_features)
    with pytest.raises(DataError, match=r"1\.tfrecord, record 3") as alone:
        load_dataset(name, options=options)
    found = in_threads(3, lambda each: load_dataset(name, options=options, workers=each))
    assert {str(each) for each in found} == {str(alone.value)}


# The cells of a column of the bad file.
BAD_CELLS = {
    "a missing number": ("b", [1.0, np.nan] * 4),
    "a text": ("b", ["x", "2", "3", "4"] * 2),
    "texts": ("b", ["x", "y", "z", "4"] * 2),
    "a mark": ("b", ["$5", "2", "3", "4"] * 2),
    "words": ("b", [True, False] * 4),
    "an infinite number": ("b", [np.inf, 3.0] * 4),
    "no label": ("label", ["x", None] * 4),
    "another column": ("c", [1.0] * 8),
    "large numbers": ("b", 2**60 + np.arange(8)),
    "a long text": ("town", ["Bern", "x" * 2**21, "Genf", "Zug"] * 2),
    "no date": ("day", ["2024-03-01", "March"] * 4),
}


@pytest.mark.parametrize("which", BAD_CELLS)
@pytest.mark.parametrize("bad_file", [slow(0), 2])
def test_errors_in_files_of_tables_are_those_of_one(tmp_path, which, bad_file):
    rng = np.random.default_rng(0)
    column, cells = BAD_CELLS[which]
    frames = [
        pd.DataFrame({"a": rng.normal(size=8), "b": rng.normal(size=8), "label": ["x", "y"] * 4})
        for _ in range(3)
    ]
    if column in ("town", "day"):
        frames = [
            each.assign(town=["Bern", "Genf"] * 4, day=pd.date_range("2024-01-01", periods=8))
            for each in frames
        ]
    frames[bad_file][column] = cells
    for number, frame in enumerate(frames):
        frame.to_csv(tmp_path / f"{number}.csv", index=False)
    with pytest.raises(DataError) as alone:
        load_dataset(f"csv:{tmp_path}")
    found = in_threads(3, lambda workers: load_dataset(f"csv:{tmp_path}", workers=workers))
    assert [type(each) for each in found] == [DataError] * 3
    assert {str(each) for each in found} == {str(alone.value)}
    assert which == "no date" or ".csv" in str(alone.value)


def test_the_first_error_is_said_even_if_it_is_a_text_that_all_have_to_see(tmp_path):
    for number, cell in enumerate(["2.5", "zzz", ""]):
        rows = "".join(f"{row}.5,{row % 2}\n" for row in range(20))
        (tmp_path / f"{number}.csv").write_text(f"a,label\n{rows}{cell},1\n")
    name = f"csv:{tmp_path}"
    with pytest.raises(DataError, match=r"1\.csv, row 21, column 'a': 'zzz' is not") as alone:
        load_dataset(name)
    found = in_threads(3, lambda workers: load_dataset(name, workers=workers))
    assert {str(each) for each in found} == {str(alone.value)}


def test_bad_rows_of_all_are_skipped_and_counted(tmp_path, caplog):
    frame = table(100)
    frame.loc[[3, 60, 61], "b"] = np.nan
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(frame), tmp_path / "t.parquet", row_group_size=20
    )
    name, options = f"parquet:{tmp_path / 't.parquet'}", SourceOptions(bad_rows="skip")
    expected = load_dataset(name, options=options)
    with caplog.at_level(logging.ERROR):
        found = in_workers(3, lambda each: load_dataset(name, options=options, workers=each))
    for dataset in found:
        assert dataset.notes == expected.notes
        assert dataset.notes.skipped[0].rows == 3
