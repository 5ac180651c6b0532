"""Columns that tell the class by themselves are pointed out, and no others."""

import numpy as np
import pandas as pd
import pytest
from support.workers import in_threads

from tfsoftmax import SourceOptions, from_frame, load_dataset
from tfsoftmax.data.tables.telltales import TELLS_CLASS, Telltales

N = 400
GENERATOR = np.random.default_rng(0)
LABEL = np.array(["oak", "elm", "ash"])[GENERATOR.integers(0, 3, N)]
CODE = np.select([LABEL == "oak", LABEL == "elm"], [7.0, np.nan], 9.0)


def leaking():
    """Columns that tell the class of every row, one that does not in a single row, and others."""
    nearly = CODE.copy()
    nearly[-1] = 7.0 if LABEL[-1] != "oak" else 9.0
    return pd.DataFrame(
        {
            "copied": LABEL,
            "coded": CODE,
            "finer": [f"{one} {GENERATOR.integers(4)}" for one in LABEL],
            "dated": pd.to_datetime("2024-01-01")
            + pd.to_timedelta(np.unique(LABEL, return_inverse=True)[1], "D"),
            "flag": LABEL == "oak",
            "nearly": nearly,
            "other": GENERATOR.integers(0, 5, N),
            "different": GENERATOR.normal(size=N),
            "label": LABEL,
        }
    )


TOLD = ("copied", "coded", "finer", "dated")


def test_training_points_out_what_inspect_does(tmp_path, log):
    dataset = from_frame(leaking())
    assert dataset.notes.telltale == TOLD
    assert TELLS_CLASS + ': drop=["copied", "coded", "finer", "dated"]' in log.text
    leaking().to_csv(tmp_path / "t.csv", index=False)
    leaking().to_parquet(tmp_path / "t.parquet")
    for file in ("t.csv", "t.parquet"):
        assert load_dataset(tmp_path / file).notes.telltale == TOLD
    # What it advises.
    options = SourceOptions(drop=TOLD, missing="mean")
    assert from_frame(leaking(), options=options).notes.telltale == ()


def test_rows_beyond_the_memory_limit_have_the_note_when_they_are_read_again(tmp_path):
    leaking().to_csv(tmp_path / "t.csv", index=False)
    options = SourceOptions(features=("coded", "other"), missing="mean", memory_limit=1000)
    for _ in range(2):
        found = load_dataset(tmp_path / "t.csv", data_dir=tmp_path, options=options)
        assert found.notes.telltale == ("coded",)


def found_in(frame, labels, pieces=1):
    found = Telltales(list(frame))
    for rows in np.array_split(np.arange(len(frame)), pieces):
        found.add(frame.iloc[rows], np.asarray(labels)[rows])
    return found.columns()


@pytest.mark.parametrize("pieces", [1, 7, N])
def test_they_are_the_same_however_a_table_is_cut(pieces):
    frame = leaking().drop(columns="label")
    assert found_in(frame, LABEL, pieces) == TOLD
    whole = frame.astype({"other": "Int64", "copied": "category"})
    assert found_in(whole, LABEL, pieces) == TOLD


@pytest.mark.parametrize("cuts", [[200], [0, 3, 390]])
def test_workers_find_together_what_one_process_does(cuts):
    frame = leaking().drop(columns="label")
    parts = np.split(np.arange(N), cuts)

    def task(worker):
        found, rows = Telltales(list(frame)), parts[worker.index]
        found.add(frame.iloc[rows], LABEL[rows])
        found.of_all(worker)
        return found.columns()

    assert in_threads(len(parts), task) == [TOLD] * len(parts)


def test_rows_without_a_class_or_left_out_do_not_count():
    labels = LABEL.astype(object)
    frame = pd.DataFrame({"coded": CODE})
    frame.loc[[3, 5], "coded"] = 1.0
    labels[3] = None
    usable = np.arange(N) != 5
    found = Telltales(["coded"])
    found.add(frame, labels, usable)
    assert found.columns() == ("coded",)


@pytest.mark.parametrize("n_rows", [8, 20, 60])
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_none_of_many_columns_tells_the_class_by_chance(n_rows, share):
    """Of 2,000 columns with as many values as may be, some have every value in one class."""
    rng = np.random.default_rng(1)
    labels = rng.random(n_rows) < share
    columns = {
        f"{values} {index}": rng.integers(0, values, n_rows)
        for values in (2, 3, n_rows // 2, n_rows)
        for index in range(500)
    }
    assert found_in(pd.DataFrame(columns), labels) == ()


def test_a_copy_is_found_among_as_few_rows_as_leave_no_doubt():
    labels = np.arange(40) % 2
    assert found_in(pd.DataFrame({"x": labels + 5}), labels) == ("x",)
    # A rare class is told by a few rows, which are hardly alike by chance.
    labels = np.arange(1000) >= 996
    assert found_in(pd.DataFrame({"x": labels * 2.5}), labels) == ("x",)
    assert found_in(pd.DataFrame({"x": [3] * 40}), np.zeros(40)) == ()


def test_cells_and_labels_of_any_type_are_looked_at_without_an_error():
    lists = pd.Series([[1], [2]] * 20)
    strange = pd.DataFrame({"lists": lists, "mixed": [1, "x"] * 20, "bytes": [b"x", None] * 20})
    labels = np.arange(40) % 2
    assert found_in(strange, labels) == ("mixed", "bytes")
    assert found_in(strange[["mixed"]], np.array([[1], [2]] * 20 + [None], object)[:40]) == ()


def test_zero_and_minus_zero_are_one_value():
    frame = pd.DataFrame({"x": [0.0, -0.0] * 30, "y": [0.0, 1.0] * 30})
    assert found_in(frame, np.arange(60) % 2, pieces=3) == ("y",)
