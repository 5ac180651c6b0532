"""``ChosenColumns``: some columns of features, such as those that are numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfsoftmax.data.features import Features, FeaturesLike, features_of
from tfsoftmax.data.sharded_rows import of_own
from tfsoftmax.data.sparse_rows import SparseFeatures

# Bytes of whole rows that are read at a time.
_PART_BYTES = 2**23


class ChosenColumns(Features):
    """Some columns of other features, with their zeros, read when they are needed.

    >>> rows = ChosenColumns(np.arange(6.0).reshape(2, 3), [2, 0])
    >>> rows.shape, rows[:].tolist()
    ((2, 2), [[2.0, 0.0], [5.0, 3.0]])
    """

    def __init__(self, features: FeaturesLike, columns: Sequence[int] | np.ndarray):
        """Takes the features, and the indices of the columns in their new order."""
        self._features, self._columns = features_of(features), np.asarray(columns, np.int64)
        self.shape = (len(self._features), len(self._columns))
        self.dtype, self.in_file = self._features.dtype, self._features.in_file

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        """As for `Features`."""
        features, done = self._features, 0
        part_rows = max(1, _PART_BYTES // max(1, features.nbytes // max(1, len(features))))
        for block in blocks:
            start, stop, _ = block.indices(len(self))
            for first in range(start, stop, part_rows):
                part = slice(first, min(first + part_rows, stop))
                if isinstance(features, SparseFeatures):
                    rows = features.read_sparse([part])[:, self._columns].toarray()
                else:
                    rows = features[part][:, self._columns]
                out[done : done + len(rows)] = rows
                done += len(rows)
        return done


def chosen_columns(features: FeaturesLike, columns: Sequence[int] | np.ndarray) -> FeaturesLike:
    """Some columns of features, of which several workers may have rows.

    >>> chosen_columns(np.eye(2), [1])[:].tolist()
    [[0.0], [1.0]]
    """
    return of_own(features, lambda own: ChosenColumns(own, columns))
