"""``placed``: rows whose features have other places, such as among more features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.features import Features, FeaturesLike, features_of
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows, csr_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Bytes of rows that are read at a time.
_PART_BYTES = 2**23


def placed(
    features: FeaturesLike, places: np.ndarray, n_features: int, entries: Sequence[int] | None
) -> FeaturesLike:
    """Rows whose features are moved to other places; 0 where none is moved to.

    Args:
      features: ``[n_samples, n]``; what is in a file stays there.
      places: the new index of each of them, each once.
      n_features: of the result.
      entries: None keeps rows with their zeros; else the result is sparse, and these of its
        features are entries even if they are 0.

    >>> placed(np.float32([[1, 2]]), np.array([3, 0]), 4, None).tolist()
    [[2.0, 0.0, 0.0, 1.0]]
    """
    rows = features_of(features)
    if entries is None and not isinstance(rows, SparseFeatures):
        moved = _PlacedRows(rows, places, n_features)
        return moved if rows.in_file else moved[:]
    sparse = _PlacedSparseRows(rows, places, n_features, entries or ())
    return sparse if rows.in_file else SparseRows(sparse.read_sparse([slice(None)]))


class _PlacedRows(Features):
    """Rows with their zeros."""

    def __init__(self, features: Features, places: np.ndarray, n_features: int):
        self._features, self._places = features, places
        self.shape, self.dtype = (len(features), n_features), features.dtype
        self.in_file = features.in_file

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        done, part_rows = 0, max(1, _PART_BYTES // max(1, self._features.row_bytes))
        for block in blocks:
            start, stop, _ = block.indices(len(self))
            for first in range(start, stop, part_rows):
                rows = self._features[first : min(first + part_rows, stop)]
                part = out[done : done + len(rows)]
                part[:] = 0
                part[:, self._places] = rows
                done += len(rows)
        return done


class _PlacedSparseRows(SparseFeatures):
    """Sparse rows, of rows that may have their zeros."""

    def __init__(
        self, features: Features, places: np.ndarray, n_features: int, entries: Sequence[int]
    ):
        self._features, self._places = features, places
        self.shape, self.in_file = (len(features), n_features), features.in_file
        self._always = np.isin(places, list(entries))

    @property
    def nbytes(self) -> int:
        return self._features.nbytes

    def lengths(self, start: int, stop: int) -> np.ndarray:
        if isinstance(self._features, SparseFeatures):
            return self._features.lengths(start, stop)
        return super().lengths(start, stop)

    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        if isinstance(self._features, SparseFeatures):
            found = self._features.read_sparse(blocks)
            values, columns, ends = found.data, found.indices, found.indptr
        else:
            dense = np.concatenate([self._features[block] for block in blocks])
            there = (dense != 0) | self._always
            values, columns = dense[there], np.nonzero(there)[1]
            ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        columns = self._places[columns]
        # In each row, by column.
        order = np.lexsort((columns, np.repeat(np.arange(len(ends) - 1), np.diff(ends))))
        return csr_of(values[order], columns[order].astype(np.int32), ends, self.shape[1])

    def take(self, indices: np.ndarray) -> FeaturesLike:
        chosen = features_of(self._features.take(indices))
        entries = self._places[self._always].tolist()
        return _PlacedSparseRows(chosen, self._places, self.shape[1], entries)
