"""Checksums of rows, whoever has them: those of the checksums of blocks of rows."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.features import Features, FeaturesLike, features_of
from tfsoftmax.data.sharded_rows import ShardedRows, exchanged, workers_with
from tfsoftmax.data.sparse_rows import SparseFeatures, as_kept
from tfsoftmax.distributed.gathering import merged

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# What has a checksum of its own: so many bytes of rows, or so many sparse rows.
_BLOCK_BYTES = 2**22
_BLOCK_ROWS = 2**12
_DIGEST_BYTES = hashlib.sha256().digest_size


def digest_of_rows(features: FeaturesLike) -> bytes:
    """A checksum of all rows; of sparse ones, of their entries.

    >>> rows = np.arange(6.0).reshape(3, 2)
    >>> digest_of_rows(rows) == digest_of_rows(np.asfortranarray(rows))
    True
    """
    rows = features_of(features)
    block_rows = _block_rows(rows)
    starts = range(0, len(rows), block_rows)
    found = np.zeros((len(starts), _DIGEST_BYTES), np.uint8)
    mine = rows.mine if isinstance(rows, ShardedRows) else range(len(rows))
    for number, start in enumerate(starts):
        workers_with(rows).check_peers()
        stop = min(start + block_rows, len(rows))
        if mine.start <= start and stop <= mine.stop:
            found[number] = _digest(as_kept(rows, [slice(start, stop)]))
    if isinstance(rows, ShardedRows):
        found = merged(found + _digests_across(rows, block_rows, len(starts)), workers_with(rows))
    return hashlib.sha256(found.tobytes()).digest()


def _block_rows(rows: Features) -> int:
    """Rows of a block: of any such rows as many, wherever they are kept."""
    if isinstance(rows, SparseFeatures):
        return _BLOCK_ROWS
    return max(1, _BLOCK_BYTES // max(1, rows.row_bytes))


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


def _digest(block: np.ndarray | csr_array) -> np.ndarray:
    """The checksum of a block, as bytes."""
    digest, arrays = hashlib.sha256(), [block]
    if not isinstance(block, np.ndarray):
        lengths, indices = np.diff(block.indptr).astype(np.int64), block.indices
        arrays = [lengths, indices.astype(np.int32, copy=False), block.data]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), np.uint8)
