"""``ShardedRows``: rows of which each of several workers has some, those of its parts of a source.

They are numbered as one process would have them. A worker reads its own; what is said of all rows
is put together here. Functions that do so must be called by all workers, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tfsoftmax.data.features import Features, FeaturesLike, features_of
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows, as_kept, csr_of
from tfsoftmax.distributed.gathering import gathered
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import UsageError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Bytes of rows that are exchanged at a time.
_BLOCK_BYTES = 2**22
# The arrays of a sparse row of zeros.
_NO_ENTRIES = (0, np.float32), (0, np.int32), (2, np.int32)


@dataclass(frozen=True)
class Sharing:
    """Who has the rows of a source, and where rows go that a worker gets of others.

    Attributes:
      workers: all.
      folder: for rows beyond the memory limit.
      memory_limit: bytes of features in memory at a time.
    """

    workers: Workers
    folder: Path
    memory_limit: int


class ShardedRows(Features):
    """Rows of all workers, of which each can read its own alone.

    Attributes:
      own: the worker's.
      bounds: where those of each worker begin, and where the last ones end, ``[n_workers + 1]``.
      mine: the worker's own, among all.
      sharing: between whom.
      here: whether all rows are the worker's own.
    """

    def __init__(self, own: FeaturesLike, bounds: np.ndarray, in_file: bool, sharing: Sharing):
        """Makes them of a worker's own rows.

        Args:
          own: ``[n, n_features]``.
          bounds: see above.
          in_file: whether those of some worker are in a file.
          sharing: see above.
        """
        self.own, self.bounds, self.sharing = features_of(own), bounds, sharing
        index = sharing.workers.index
        self.mine = range(int(bounds[index]), int(bounds[index + 1]))
        self.shape, self.dtype = (int(bounds[-1]), *own.shape[1:]), own.dtype
        self.in_file, self.here = in_file, len(self.mine) == len(self)
        assert len(self.own) == len(self.mine)

    @property
    def nbytes(self) -> int:
        """Size in bytes of the worker's own rows."""
        return self.own.nbytes

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        """As for `Features`, of the worker's own rows.

        A worker that has none reads zeros for a single row, which it may hold in place of none.
        """
        if self._in_place_of_none(blocks):
            out[:1] = 0
            return 1
        return self.own.read(self._among_own(blocks), out)

    def _in_place_of_none(self, blocks: Sequence[slice]) -> bool:
        """Whether a worker that has no rows asks for the single one that it holds instead."""
        return not self.mine and sum(len(range(*b.indices(len(self)))) for b in blocks) == 1

    def _among_own(self, blocks: Sequence[slice]) -> list[slice]:
        """Which of the worker's own rows these blocks are, without those of no rows."""
        own, first = [], self.mine.start
        for block in blocks:
            start, stop, _ = block.indices(len(self))
            if start >= stop:
                continue
            if start < first or stop > self.mine.stop:
                self._refuse(start, stop)
            own.append(slice(start - first, stop - first))
        return own

    def _refuse(self, start: int, stop: int) -> NoReturn:
        workers = self.sharing.workers
        raise UsageError(
            f"worker {workers.index} of {workers.count} has read its own parts of the data, and "
            f"rows {start:,} to {stop - 1:,} are not among them: read all in each worker, with "
            "load_dataset without workers, for what needs all rows in one"
        )

    def made_of(self, own: FeaturesLike) -> ShardedRows:
        """Other features of the same rows, of which these are the worker's own."""
        return _shared_out(own, self.bounds, self.in_file, self.sharing)

    def take(self, indices: np.ndarray) -> ShardedRows:
        """Selects rows, the same ones in all workers, by ascending indices."""
        assert (indices[:-1] <= indices[1:]).all(), "rows of several workers stay in order"
        bounds = np.searchsorted(indices, self.bounds)
        index = self.sharing.workers.index
        own = indices[bounds[index] : bounds[index + 1]] - self.mine.start
        return _shared_out(self.own.take(own), bounds, self.in_file, self.sharing)


class ShardedSparseRows(ShardedRows, SparseFeatures):
    """The same, of sparse rows."""

    own: SparseFeatures
    _n_bytes: int | None = None

    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        """As for `SparseFeatures`, of the rows that `read` reads."""
        if self._in_place_of_none(blocks):
            values, indices, ends = (np.zeros(n, kind) for n, kind in _NO_ENTRIES)
            return csr_of(values, indices, ends, self.shape[1])
        return self.own.read_sparse(self._among_own(blocks) or [slice(0, 0)])

    def lengths(self, start: int, stop: int) -> np.ndarray:
        """As for `SparseFeatures`, of the worker's own rows."""
        (own,) = self._among_own([slice(start, stop)]) or [slice(0, 0)]
        return self.own.lengths(own.start, own.stop)

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """As for `Features`."""
        return self.own[rows] if self.here else super().__getitem__(rows)

    @property
    def bytes_a_row(self) -> float:
        """As for `Features`, of the rows of all; the first time, all must ask for it."""
        if self._n_bytes is None:
            own = np.array([self.own.nbytes])
            self._n_bytes = int(gathered(own, self.sharing.workers).sum())
        return self._n_bytes / max(1, len(self))


def _shared_out(
    own: FeaturesLike, bounds: np.ndarray, in_file: bool, sharing: Sharing
) -> ShardedRows:
    """`ShardedRows`, of sparse rows such that are sparse, too."""
    kind = ShardedSparseRows if isinstance(own, SparseFeatures) else ShardedRows
    return kind(own, bounds, in_file, sharing)


def sharded(own: FeaturesLike, sharing: Sharing) -> ShardedRows:
    """The rows of all workers, in the workers' order, of a worker's own ``[n, n_features]``."""
    facts = np.array([len(own), features_of(own).in_file])
    sizes, in_files = gathered(facts[None], sharing.workers).T
    return _shared_out(own, np.append(0, np.cumsum(sizes)), bool(in_files.any()), sharing)


def workers_with(features: object) -> Workers:
    """The workers that have rows between them; for all other features, this process alone.

    >>> workers_with(np.eye(2)).count
    1
    """
    return features.sharing.workers if isinstance(features, ShardedRows) else ALONE


def own_rows(features: FeaturesLike) -> FeaturesLike:
    """Those of the rows that this process has; of all but `ShardedRows`, all of them."""
    return features.own if isinstance(features, ShardedRows) else features


def held_sparse(features: FeaturesLike, held: slice) -> SparseFeatures:
    """Neighbouring sparse rows that a worker goes through; those in memory are not copied.

    Args:
      features: those of all, which all workers may have.
      held: of `ShardedSparseRows`, the worker's own; if it has none, any single one.
    """
    rows = features_of(features)
    assert isinstance(rows, SparseFeatures)
    if not isinstance(rows, ShardedSparseRows):
        taken = rows.take(np.arange(held.start, held.stop))
        assert isinstance(taken, SparseFeatures)
        return taken
    return rows.own if rows.mine else SparseRows(rows.read_sparse([held]))


def of_own(features: FeaturesLike, make: Callable[[FeaturesLike], FeaturesLike]) -> FeaturesLike:
    """Other features of the same rows, each worker's made of its own.

    >>> of_own(np.eye(1), lambda own: 2 * own).tolist()
    [[2.0]]
    """
    if isinstance(features, ShardedRows):
        return features.made_of(make(features.own))
    return make(features)


def shards_of(features: FeaturesLike) -> list[range] | None:
    """Which rows each worker has; None if they are not shared out."""
    if not isinstance(features, ShardedRows):
        return None
    return [range(*pair) for pair in pairwise(features.bounds.tolist())]


def in_memory(features: FeaturesLike) -> np.ndarray | csr_array:
    """All rows, in the memory of all workers; sparse ones without their zeros (`as_kept`).

    >>> in_memory(np.eye(1)).tolist()
    [[1.0]]
    """
    return _of_all(as_kept(own_rows(features), [slice(None)]), workers_with(features))


def _of_all(own: np.ndarray | csr_array, workers: Workers) -> np.ndarray | csr_array:
    """The rows of all workers, of which each has its own; all must call it."""
    if isinstance(own, np.ndarray):
        return gathered(own, workers)
    lengths = gathered(np.diff(own.indptr).astype(np.int64), workers)
    indices = gathered(own.indices.astype(np.int32, copy=False), workers)
    values = gathered(own.data, workers)
    return csr_of(values, indices, np.append(0, np.cumsum(lengths)), own.shape[1])


def exchanged(
    features: ShardedRows, wanted: np.ndarray, block_rows: int | None = None
) -> Iterator[np.ndarray | csr_array]:
    """Reads rows of whoever has them, in blocks; all rows pass through all workers.

    Args:
      features: the rows of all.
      wanted: ascending indices, which may be others in each worker.
      block_rows: how many rows are exchanged at a time; None is a few megabytes of them.

    Yields:
      The next of the wanted rows ``[n, n_features]``, maybe none; as for `in_memory`.
    """
    workers, mine = features.sharing.workers, features.mine
    block_rows = block_rows or max(1, int(_BLOCK_BYTES // max(1, features.bytes_a_row)))
    for start in range(0, len(features), block_rows):
        stop = min(start + block_rows, len(features))
        first = min(max(start, mine.start), stop)
        own = as_kept(features, [slice(first, max(first, min(stop, mine.stop)))])
        chosen = wanted[slice(*np.searchsorted(wanted, [start, stop]))]
        yield _of_all(own, workers)[chosen - start]


def numbers_of_rows(
    features: FeaturesLike, of_rows: Callable[[FeaturesLike], np.ndarray]
) -> np.ndarray:
    """What a function finds in each row, ``[n_samples, ...]``, of the rows of all workers."""
    return gathered(of_rows(own_rows(features)), workers_with(features))
