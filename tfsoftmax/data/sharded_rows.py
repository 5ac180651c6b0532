"""``ShardedRows``: rows of which each of several workers has some, those of its parts of a source.

They are numbered as one process would have them. A worker reads its own; what is said of all rows
is put together here. Functions that do so must be called by all workers, in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import numpy as np

from tfsoftmax.data.features import Features, FeaturesLike, features_of, read_rows
from tfsoftmax.distributed.gathering import gathered, merged
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import UsageError

# Bytes of rows that are exchanged at a time, and that have a checksum of their own.
_BLOCK_BYTES = 2**22
_DIGEST_BYTES = hashlib.sha256().digest_size


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
        own, first = [], self.mine.start
        for block in blocks:
            start, stop, _ = block.indices(len(self))
            if start == stop:
                continue
            if not self.mine and stop - start == 1:
                out[:1] = 0
                return 1
            if start < first or stop > self.mine.stop:
                self._refuse(start, stop)
            own.append(slice(start - first, stop - first))
        return self.own.read(own, out)

    def _refuse(self, start: int, stop: int) -> NoReturn:
        workers = self.sharing.workers
        raise UsageError(
            f"worker {workers.index} of {workers.count} has read its own parts of the data, and "
            f"rows {start:,} to {stop - 1:,} are not among them: read all in each worker, with "
            "load_dataset without workers, for what needs all rows in one"
        )

    def made_of(self, own: FeaturesLike) -> ShardedRows:
        """Other features of the same rows, of which these are the worker's own."""
        return ShardedRows(own, self.bounds, self.in_file, self.sharing)

    def take(self, indices: np.ndarray) -> ShardedRows:
        """Selects rows, the same ones in all workers, by ascending indices."""
        assert (indices[:-1] <= indices[1:]).all(), "rows of several workers stay in order"
        bounds = np.searchsorted(indices, self.bounds)
        index = self.sharing.workers.index
        own = indices[bounds[index] : bounds[index + 1]] - self.mine.start
        return ShardedRows(self.own.take(own), bounds, self.in_file, self.sharing)


def sharded(own: FeaturesLike, sharing: Sharing) -> ShardedRows:
    """The rows of all workers, in the workers' order, of a worker's own ``[n, n_features]``."""
    facts = np.array([len(own), features_of(own).in_file])
    sizes, in_files = gathered(facts[None], sharing.workers).T
    return ShardedRows(own, np.append(0, np.cumsum(sizes)), bool(in_files.any()), sharing)


def workers_with(features: object) -> Workers:
    """The workers that have rows between them; for all other features, this process alone.

    >>> workers_with(np.eye(2)).count
    1
    """
    return features.sharing.workers if isinstance(features, ShardedRows) else ALONE


def own_rows(features: FeaturesLike) -> FeaturesLike:
    """Those of the rows that this process has; of all but `ShardedRows`, all of them."""
    return features.own if isinstance(features, ShardedRows) else features


def shards_of(features: FeaturesLike) -> list[range] | None:
    """Which rows each worker has; None if they are not shared out."""
    if not isinstance(features, ShardedRows):
        return None
    return [range(*pair) for pair in pairwise(features.bounds.tolist())]


def in_memory(features: FeaturesLike) -> np.ndarray:
    """All rows, in the memory of all workers.

    >>> in_memory(np.eye(1)).tolist()
    [[1.0]]
    """
    if not isinstance(features, ShardedRows):
        return np.asarray(features)
    return gathered(read_rows(features.own, [slice(None)]), features.sharing.workers)


def exchanged(
    features: ShardedRows, wanted: np.ndarray, block_rows: int | None = None
) -> Iterator[np.ndarray]:
    """Reads rows of whoever has them, in blocks; all rows pass through all workers.

    Args:
      features: the rows of all.
      wanted: ascending indices, which may be others in each worker.
      block_rows: how many rows are exchanged at a time; None is a few megabytes of them.

    Yields:
      The next of the wanted rows ``[n, n_features]``, maybe none.
    """
    workers, mine = features.sharing.workers, features.mine
    block_rows = block_rows or max(1, _BLOCK_BYTES // max(1, features.row_bytes))
    for start in range(0, len(features), block_rows):
        stop = min(start + block_rows, len(features))
        block = np.zeros((stop - start, *features.shape[1:]), features.dtype)
        first, last = max(start, mine.start), min(stop, mine.stop)
        if first < last:
            block[first - start : last - start] = features[first:last]
        chosen = wanted[slice(*np.searchsorted(wanted, [start, stop]))]
        yield merged(block, workers)[chosen - start]


def numbers_of_rows(
    features: FeaturesLike, of_rows: Callable[[FeaturesLike], np.ndarray]
) -> np.ndarray:
    """What a function finds in each row, ``[n_samples, ...]``, of the rows of all workers."""
    return gathered(of_rows(own_rows(features)), workers_with(features))


def digest_of_rows(features: FeaturesLike) -> bytes:
    """A checksum of all rows, whoever has them: that of the checksums of blocks of rows.

    >>> rows = np.arange(6.0).reshape(3, 2)
    >>> digest_of_rows(rows) == digest_of_rows(np.asfortranarray(rows))
    True
    """
    rows = features_of(features)
    block_rows = max(1, _BLOCK_BYTES // max(1, rows.row_bytes))
    starts = range(0, len(rows), block_rows)
    found = np.zeros((len(starts), _DIGEST_BYTES), np.uint8)
    mine = rows.mine if isinstance(rows, ShardedRows) else range(len(rows))
    for number, start in enumerate(starts):
        workers_with(rows).check_peers()
        stop = min(start + block_rows, len(rows))
        if mine.start <= start and stop <= mine.stop:
            found[number] = _digest(rows[start:stop])
    if isinstance(rows, ShardedRows):
        found = merged(found + _digests_across(rows, block_rows, len(starts)), workers_with(rows))
    return hashlib.sha256(found.tobytes()).digest()


def _digests_across(rows: ShardedRows, block_rows: int, n_blocks: int) -> np.ndarray:
    """The checksums of the blocks of which no worker has all rows, in the chief; else 0."""
    found = np.zeros((n_blocks, _DIGEST_BYTES), np.uint8)
    within = rows.bounds[(rows.bounds % block_rows > 0) & (rows.bounds < len(rows))]
    for number in np.unique(within // block_rows).tolist():
        start, stop = number * block_rows, min((number + 1) * block_rows, len(rows))
        (block,) = exchanged(rows.take(np.arange(start, stop)), np.arange(stop - start), block_rows)
        if rows.sharing.workers.is_chief:
            found[number] = _digest(block)
    return found


def _digest(block: np.ndarray) -> np.ndarray:
    return np.frombuffer(hashlib.sha256(np.ascontiguousarray(block).data).digest(), np.uint8)
