"""Statistics of sparse rows are those of the same rows with their zeros."""

from dataclasses import fields

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numbers

from tfsoftmax.data.chosen_columns import ChosenColumns
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.data.statistics import ColumnStatistics, most_frequent, quantiles

VALUES = st.one_of(st.just(0.0), st.just(np.nan), st.floats(-1e6, 1e6, width=32))


def sparse(rows):
    """Keeps NaN, and some zeros, as entries."""
    matrix = scipy.sparse.csr_array(rows)
    return SparseRows(matrix)


@pytest.fixture
def few_entries(monkeypatch):
    monkeypatch.setattr("tfsoftmax.data.sparse_rows._BLOCK_ENTRIES", 20)


def rows_with_everything():
    generator = np.random.default_rng(0)
    rows = scipy.sparse.random_array((80, 9), density=0.3, rng=generator).toarray() - 0.1
    rows[generator.random(rows.shape) < 0.5] = 0
    rows[::9, 2] = np.nan
    rows[:, 4], rows[:, 5], rows[:, 6] = 0, np.nan, 1e6 + generator.random(80)
    return rows.astype(np.float32)


@given(numbers.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=VALUES))
def test_any_rows(rows):
    found, expected = ColumnStatistics.of(sparse(rows)), ColumnStatistics.of(rows)
    for field in fields(ColumnStatistics):
        np.testing.assert_allclose(
            getattr(found, field.name),
            getattr(expected, field.name),
            rtol=1e-9,
            atol=1e-9 * max(1.0, float(np.square(np.nan_to_num(rows, nan=0)).max())),
            err_msg=field.name,
        )


@pytest.mark.usefixtures("few_entries")
def test_blocks_and_columns_without_entries():
    rows = rows_with_everything()
    found, expected = ColumnStatistics.of(sparse(rows)), ColumnStatistics.of(rows)
    for name in ("count", "zeros", "low", "high", "missing", "n_samples", "magnitude"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(found.deviation, expected.deviation, rtol=1e-7)


def test_an_entry_that_is_0_counts_as_any_other_0():
    matrix = scipy.sparse.csr_array((np.float32([0, 2]), [0, 1], [0, 1, 2]), (2, 2))
    assert ColumnStatistics.of(SparseRows(matrix)).zeros.tolist() == [2, 1]


@pytest.mark.usefixtures("few_entries")
def test_quantiles_count_the_zeros():
    rows, columns, shares = rows_with_everything(), np.array([7, 2, 6]), (0.25, 0.5, 0.9)
    np.testing.assert_array_equal(
        quantiles(sparse(rows), columns, shares), quantiles(rows, columns, shares)
    )
    np.testing.assert_array_equal(
        most_frequent(sparse(rows), columns), most_frequent(rows, columns)
    )


@pytest.mark.parametrize("part_bytes", [1, 2**23])
def test_chosen_columns_are_the_columns(monkeypatch, part_bytes):
    monkeypatch.setattr("tfsoftmax.data.chosen_columns._PART_BYTES", part_bytes)
    rows = rows_with_everything()
    for features in (rows, sparse(rows)):
        chosen = ChosenColumns(features, [6, 0, 2])
        np.testing.assert_array_equal(chosen[:], rows[:, [6, 0, 2]])
        np.testing.assert_array_equal(chosen[20:30], rows[20:30, [6, 0, 2]])
        np.testing.assert_array_equal(chosen.take(np.array([5, 3]))[:], rows[[5, 3]][:, [6, 0, 2]])
        assert ChosenColumns(features, [])[:].shape == (80, 0)
