"""Figures of columns that need all of a column's values at once, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfsoftmax.data.features import FeaturesLike, row_blocks

# Bytes of columns in memory at a time; a single column may be larger.
_GROUP_BYTES = 2**28


def quantiles(features: FeaturesLike, columns: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Exact quantiles of some columns, by linear interpolation; missing values do not count.

    Rows that are read from a file are read once for every 256 MiB of these columns.

    Args:
      features: ``[n_samples, n_features]``.
      columns: indices; each column has at least one value.
      shares: which quantiles, each from 0 to 1.

    Returns:
      float64 ``[len(shares), len(columns)]``.

    >>> rows = np.array([[1.0, 5.0], [3.0, np.nan], [2.0, 7.0]])
    >>> quantiles(rows, np.array([0, 1]), [0.5]).tolist()
    [[2.0, 6.0]]
    """
    found = [np.quantile(values.astype(np.float64), shares) for values in _each(features, columns)]
    return np.reshape(found, (len(columns), len(shares))).T


def most_frequent(features: FeaturesLike, columns: np.ndarray) -> np.ndarray:
    """The most frequent value of some columns, the smallest of equals; as for `quantiles`.

    Returns:
      float64 ``[len(columns)]``.

    >>> most_frequent(np.array([[2.0], [np.nan], [1.0], [np.nan]]), np.array([0])).tolist()
    [1.0]
    """
    found = []
    for column in _each(features, columns):
        values, counts = np.unique(column, return_counts=True)
        found.append(float(values[np.argmax(counts)]))
    return np.array(found)


def _each(features: FeaturesLike, columns: np.ndarray) -> Iterator[np.ndarray]:
    """The values of one column after the other, without those that are missing."""
    n_samples = len(features)
    a_group = max(1, _GROUP_BYTES // (n_samples * features.dtype.itemsize))
    for first in range(0, len(columns), a_group):
        wanted = columns[first : first + a_group]
        group, done = np.empty((len(wanted), n_samples), features.dtype), 0
        for block in row_blocks(features):
            group[:, done : done + len(block)] = block[:, wanted].T
            done += len(block)
        for values in group:
            yield values[values == values]  # NaN alone differs from itself.
