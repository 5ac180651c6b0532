"""Sparse rows of several workers are those of one, whoever asks for which."""

import numpy as np
import pytest
from support.parted import in_workers
from support.sparse import InFile, sparse_matrix
from support.workers import in_threads

from tfsoftmax import Split, UsageError
from tfsoftmax.data.digests import digest_of_rows
from tfsoftmax.data.moved_rows import in_each, on_chief, taken_by_each
from tfsoftmax.data.sharded_rows import (
    Sharing,
    exchanged,
    held_sparse,
    in_memory,
    of_own,
    sharded,
)
from tfsoftmax.data.sparse_files import SparseFileRows
from tfsoftmax.data.sparse_rows import SparseRows, sparse_blocks
from tfsoftmax.training.occurring import OccurringInputs

# Where each worker's rows begin, and where the last ones end.
BOUNDS = [[0, 0, 130, 300], [0, 299, 300, 300], [0, 50, 50, 300]]
MATRIX = sparse_matrix()


def shared(workers, bounds, folder=None, memory_limit=2**30, kind=SparseRows):
    """All rows, of which a worker has those between two bounds."""
    own = kind(MATRIX[bounds[workers.index] : bounds[workers.index + 1]])
    return sharded(own, Sharing(workers, folder, memory_limit))


def assert_rows(found, expected):
    assert found.shape == expected.shape
    assert (found != expected).nnz == 0


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("kind", [SparseRows, InFile])
def test_what_is_found_does_not_depend_on_who_has_them(bounds, kind, monkeypatch):
    monkeypatch.setattr("tfsoftmax.data.digests._BLOCK_ROWS", 32)
    chosen = np.arange(3, 300, 7)

    def task(workers):
        rows = shared(workers, bounds, kind=kind)
        assert_rows(in_memory(rows), MATRIX)
        assert_rows(in_memory(rows.take(chosen)), MATRIX[chosen])
        first, last = bounds[workers.index : workers.index + 2]
        np.testing.assert_array_equal(rows[first:last], MATRIX[first:last].toarray())
        own = SparseRows(MATRIX[first:last])
        np.testing.assert_array_equal(rows.lengths(first, last), own.lengths(0, last - first))
        held = held_sparse(rows, slice(first, last) if first < last else slice(0, 1))
        expected = MATRIX[first:last] if first < last else 0 * MATRIX[:1]
        assert_rows(held.read_sparse([slice(None)]), expected)
        return digest_of_rows(rows), digest_of_rows(rows.take(chosen)), rows.bytes_a_row

    found = set(in_workers(3, task))
    ((*digests, bytes_a_row),) = found
    whole = SparseRows(MATRIX)
    assert digests == [digest_of_rows(whole), digest_of_rows(whole.take(chosen))]
    np.testing.assert_allclose(bytes_a_row, whole.bytes_a_row, rtol=1e-3)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("memory_limit", [100, 2**30])
def test_each_gets_the_rows_that_it_wants(tmp_path, bounds, memory_limit):
    labels = np.arange(300, dtype=np.int32)

    def task(workers):
        rows = shared(workers, bounds, tmp_path, memory_limit)
        wanted = np.random.default_rng(workers.index).permutation(300)[: 150 * workers.index]
        wanted.sort()
        blocks = list(exchanged(rows, wanted, block_rows=64))
        assert len(blocks) == 5
        assert sum(block.shape[0] for block in blocks) == len(wanted)
        taken = taken_by_each(Split(rows, labels), wanted)
        assert taken.labels.tolist() == wanted.tolist()
        assert_rows(taken.features.read_sparse([slice(None)]), MATRIX[wanted])
        in_file = isinstance(taken.features, SparseFileRows)
        assert in_file == (memory_limit == 100 and len(wanted) > 0)

        chiefs = on_chief(Split(rows, labels))
        assert chiefs.features.here == workers.is_chief
        if workers.is_chief:
            parts = [block for _, block in sparse_blocks(chiefs.features)]
            assert_rows(parts[0], MATRIX)
            np.testing.assert_array_equal(chiefs.features[[9, 2]], MATRIX[[9, 2]].toarray())
        if memory_limit > 100:
            each = in_each(Split(rows, labels), "it")
            assert_rows(each.features.read_sparse([slice(None)]), MATRIX)

    in_workers(3, task)


def test_rows_made_of_them_are_shared_in_the_same_way():
    numbers = np.full(700, -1, np.int32)
    numbers[::2] = np.arange(350)

    def task(workers):
        rows = shared(workers, BOUNDS[0])
        made = of_own(rows, lambda own: OccurringInputs(own, None, numbers, 350))
        assert_rows(in_memory(made), MATRIX[:, ::2])
        assert made.bounds is rows.bounds

    in_workers(3, task)


def test_rows_of_others_are_refused():
    def task(workers):
        return list(sparse_blocks(shared(workers, BOUNDS[0])))

    for error in in_threads(3, task):
        assert isinstance(error, UsageError)
        assert "has read its own parts" in str(error)
