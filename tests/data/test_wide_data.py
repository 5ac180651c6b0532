"""Data with very many columns: what it costs to look at them, and indices beyond all bounds."""

import time

import numpy as np
import pytest

from tfsoftmax import DataError, SourceOptions, from_arrays, load_dataset
from tfsoftmax.data.inspection import inspect_dataset
from tfsoftmax.data.tables.columns import columns_of

# Quadratic, each of these took 15 s or more; linear, less than one.
_COLUMNS, _SECONDS = 60_000, 6


def test_choosing_columns_takes_time_in_proportion_to_their_number():
    names = [f"c{number}" for number in range(_COLUMNS)]
    options = SourceOptions(label_column="c7", drop=tuple(names[10_000:20_000]))
    began = time.perf_counter()
    columns = columns_of("wide", names, options)
    assert time.perf_counter() - began < _SECONDS
    assert columns.features == (*names[:7], *names[8:10_000], *names[20_000:])


@pytest.mark.slow
def test_inspecting_takes_time_in_proportion_to_the_columns():
    rows = np.random.default_rng(0).integers(0, 9, (10, _COLUMNS), np.uint8)
    dataset = from_arrays(rows, [0, 1] * 5)
    began = time.perf_counter()
    found = inspect_dataset(dataset, official_test=False)
    assert time.perf_counter() - began < _SECONDS
    assert [column.high for column in found.columns] == rows.max(axis=0).tolist()


def test_an_svmlight_index_far_beyond_the_values_is_an_error_at_once(tmp_path):
    """350 bytes took four minutes to be inspected, and room for millions of columns."""
    path = tmp_path / "sparse.svm"
    path.write_text("".join(f"{row % 2} 1:1 7:2 50000000:3\n" for row in range(12)))
    with pytest.raises(DataError, match="row 1: its largest index makes 50,000,000 .* 36"):
        load_dataset(f"svmlight:{path}", data_dir=tmp_path)


def test_hashed_features_of_a_few_rows_are_no_such_error(tmp_path):
    path = tmp_path / "hashed.svm"
    path.write_text("".join(f"{row % 2} 1:1 {2**20}:{row + 1}\n" for row in range(10)))
    dataset = load_dataset(f"svmlight:{path}", data_dir=tmp_path)
    assert dataset.spec.n_features == 2**20
    assert dataset.train.features.nbytes < 1000
