"""Finds rows that occur more than once, such as in both training and test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.features import FeaturesLike, row_blocks
from tfsoftmax.data.sharded_rows import numbers_of_rows, own_rows, workers_with
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows, sparse_blocks, stacked
from tfsoftmax.distributed.gathering import merged

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Numbers that are hashed at a time.
_NUMBERS_PER_PART = 2**20


class SharedRows(NamedTuple):
    """Test rows that have the same features as a training row.

    Attributes:
      rows: how many.
      first: index of the first of them in the test split; None if there is none.
    """

    rows: int
    first: int | None


def shared_rows(dataset: Dataset) -> SharedRows:
    """Finds test rows that are also training rows, and so do not test anything.

    Rows of an encoded table are compared as encoded: unknown categories, for one, are alike.

    >>> from tfsoftmax import Spec, Split
    >>> train = Split(np.eye(3, dtype=np.float32), np.int32([0, 1, 0]))
    >>> test = Split(np.float32([[0, 0, 0], [0, 1, 0]]), np.int32([0, 1]))
    >>> shared_rows(Dataset("tiny", Spec((3,), "float32", ("a", "b")), train, test))
    SharedRows(rows=1, first=1)
    """
    found = rows_among(dataset.test.features, dataset.train.features)
    return SharedRows(int(found.sum()), int(found.argmax()) if found.any() else None)


def rows_among(features: FeaturesLike, known: FeaturesLike) -> np.ndarray:
    """Whether each row is also among other rows: bool ``[n_samples]``.

    Args:
      features: ``[n_samples, n_features]``.
      known: the other rows, of the same dtype; either may be sparse.

    >>> rows_among(np.float32([[0, 0], [0, 1]]), np.eye(2, dtype=np.float32)).tolist()
    [False, True]
    """
    if isinstance(features, SparseFeatures) != isinstance(known, SparseFeatures):
        features, known = _sparse(features), _sparse(known)
    hashes = numbers_of_rows(features, row_hashes)
    found = np.isin(hashes, np.unique(row_hashes(own_rows(known))))
    if (workers := workers_with(known)).count > 1:
        found = merged(found.astype(np.int32), workers) > 0
    return found


def _sparse(features: FeaturesLike) -> SparseFeatures:
    """The same rows without their zeros."""
    from scipy.sparse import csr_array

    if isinstance(features, SparseFeatures):
        return features
    blocks = [csr_array(block) for block in row_blocks(features)]
    return SparseRows(stacked(blocks, features.shape[1]))


def row_hashes(features: FeaturesLike) -> np.ndarray:
    """A hash of each row, uint64: the same for equal rows, and hardly ever for different ones.

    It is the sum of the row's bit patterns, each times an odd number of its own, modulo 2^64
    (multiply-shift hashing of vectors: Dietzfelbinger, 1996); 0 and -0 are equal.

    >>> bool(np.diff(row_hashes(np.float32([[1, -0.0], [1, 0.0]])))[0])
    False
    """
    if isinstance(features, SparseFeatures):
        blocks = [_hash_entries(block) for _, block in sparse_blocks(features)]
        return np.concatenate([np.empty(0, np.uint64), *blocks])
    row_bytes = features.shape[1] * features.dtype.itemsize
    word_bytes = next(size for size in (8, 4, 2, 1) if row_bytes % size == 0)
    n_words = row_bytes // word_bytes
    factors = np.random.default_rng(0).integers(2**63, size=n_words, dtype=np.uint64)
    factors = factors * np.uint64(2) + np.uint64(1)
    part_rows = max(1, _NUMBERS_PER_PART // n_words)
    hashes = [np.empty(0, np.uint64)]
    for block in row_blocks(features):
        for start in range(0, len(block), part_rows):
            rows = block[start : start + part_rows]
            if np.issubdtype(rows.dtype, np.floating):
                rows = rows + 0  # -0.0 + 0 is 0.0
            words = np.ascontiguousarray(rows).view(f"u{word_bytes}").astype(np.uint64)
            hashes.append((_mix(words) * factors).sum(axis=1, dtype=np.uint64))
    return np.concatenate(hashes)


def _hash_entries(block: csr_array) -> np.ndarray:
    """Hashes of sparse rows; an entry of 0 counts as none."""
    words = (block.data + 0).view(np.uint32).astype(np.uint64)
    # An odd number for each feature, as there may be too many to draw one for each.
    factors = _mix(_mix(block.indices.astype(np.uint64))) | np.uint64(1)
    terms = np.where(words == 0, np.uint64(0), _mix(words) * factors)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
    return np.diff(sums[block.indptr])


def _mix(words: np.ndarray) -> np.ndarray:
    """Spreads what differs in words over all their bits, uint64."""
    words = (words + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return words ^ (words >> np.uint64(32))
