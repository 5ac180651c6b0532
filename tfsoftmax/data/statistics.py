"""Statistics of columns, computed block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.chosen_columns import ChosenColumns
from tfsoftmax.data.features import FeaturesLike, row_blocks
from tfsoftmax.data.sharded_rows import ShardedRows, own_rows, workers_with
from tfsoftmax.data.sparse_rows import SparseFeatures, sparse_blocks
from tfsoftmax.distributed.gathering import gathered, merged
from tfsoftmax.distributed.workers import Workers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_EPSILON = float(np.finfo(np.float32).eps)
# Numbers in a part of a block; a part is copied as float64 more than once.
_NUMBERS_PER_PART = 2**19
# Bytes of columns in memory at a time, for quantiles; a single column may be larger.
_GROUP_BYTES = 2**28


@dataclass
class ColumnStatistics:
    """Statistics of each column, all ``[n_features]``; missing values (NaN) do not count.

    Attributes:
      count: int64, number of values that are not missing.
      mean: float64.
      squares: float64, sum of the squared differences from the mean.
      low, high: smallest and largest value; inf and -inf where there is none.
      zeros: int64, number of values that are exactly 0.
      n_samples: number of rows.

    >>> found = ColumnStatistics.of(np.array([[1.0, 5.0], [3.0, np.nan]]))
    >>> found.mean.tolist(), found.deviation.tolist(), found.missing.tolist()
    ([2.0, 5.0], [1.0, 0.0], [0, 1])
    """

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray
    zeros: np.ndarray
    n_samples: int = 0

    @classmethod
    def none(cls, n_features: int) -> ColumnStatistics:
        """Statistics of no rows."""
        none, zeros = np.zeros(n_features, np.int64), np.zeros(n_features)
        return cls(none, zeros, zeros.copy(), zeros + np.inf, zeros - np.inf, none.copy())

    @classmethod
    def of(cls, features: FeaturesLike) -> ColumnStatistics:
        """Statistics of rows ``[n_samples, n_features]``, read in one pass."""
        if isinstance(features, ShardedRows):
            return cls.of(features.own)._of_all(features.sharing.workers)
        found = cls.none(features.shape[1])
        if isinstance(features, SparseFeatures):
            left_out = np.full(features.shape[1], len(features))
            # Each block costs as much as there are columns, too.
            for _, block in sparse_blocks(features, least_entries=features.shape[1]):
                left_out -= found._add_entries(block)
            found._add_zeros(left_out)
            return found
        part_rows = max(1, _NUMBERS_PER_PART // max(1, features.shape[1]))
        for block in row_blocks(features):
            for start in range(0, len(block), part_rows):
                found.add(block[start : start + part_rows])
        return found

    def add(self, rows: np.ndarray) -> None:
        """Adds rows.

        Reference: Chan, Golub and LeVeque, Algorithms for computing the sample variance (The
        American Statistician 1983), eq. 1.5. Sums do not grow with the mean, so a column of large
        values that differ little keeps its precision.
        """
        numbers = rows.astype(np.float64)
        present = ~np.isnan(numbers) if np.issubdtype(rows.dtype, np.floating) else None
        if present is None or present.all():
            count = np.full(rows.shape[1], len(rows))
            mean = numbers.mean(axis=0)
            squares = np.square(numbers - mean).sum(axis=0)
            low, high = numbers.min(axis=0), numbers.max(axis=0)
        else:
            count = present.sum(axis=0)
            mean = np.where(present, numbers, 0.0).sum(axis=0) / np.maximum(count, 1)
            squares = np.where(present, np.square(numbers - mean), 0.0).sum(axis=0)
            low = np.where(present, numbers, np.inf).min(axis=0)
            high = np.where(present, numbers, -np.inf).max(axis=0)
        self._merge(slice(None), count, mean, squares)
        self.zeros = self.zeros + (numbers == 0).sum(axis=0)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.n_samples += len(rows)

    def _merge(
        self, at: slice | np.ndarray, count: np.ndarray, mean: np.ndarray, squares: np.ndarray
    ) -> None:
        """Adds the moments of other values of some columns."""
        total = np.maximum(self.count[at] + count, 1)
        gap = mean - self.mean[at]
        self.squares[at] = self.squares[at] + squares + gap**2 * (self.count[at] * count / total)
        self.mean[at] += gap * (count / total)
        self.count[at] += count

    def _of_all(self, workers: Workers) -> ColumnStatistics:
        """Those of the rows of all workers, of which each has those of its own; all call it."""
        own = np.stack([self.count, self.mean, self.squares, self.low, self.high, self.zeros])
        found = ColumnStatistics.none(len(self.count))
        for index in range(workers.count):
            # One worker's at a time: of many features they are large.
            there = own if index == workers.index else np.zeros_like(own)
            count, mean, squares, low, high, zeros = merged(there, workers)
            found._merge(slice(None), count.astype(np.int64), mean, squares)
            found.zeros += zeros.astype(np.int64)
            found.low, found.high = np.minimum(found.low, low), np.maximum(found.high, high)
        found.n_samples = int(gathered(np.array([self.n_samples]), workers).sum())
        return found

    def _add_zeros(self, count: np.ndarray) -> None:
        """Adds so many zeros to each column."""
        self._merge(slice(None), count, np.zeros(len(count)), np.zeros(len(count)))
        self.zeros += count
        self.low = np.where(count > 0, np.minimum(self.low, 0.0), self.low)
        self.high = np.where(count > 0, np.maximum(self.high, 0.0), self.high)

    def _add_entries(self, rows: csr_array) -> np.ndarray:
        """Adds the entries of sparse rows; returns how many each column has."""
        columns = rows.tocsc()
        values = columns.data.astype(np.float64)
        sizes = np.diff(columns.indptr)
        self.n_samples += rows.shape[0]
        at = np.flatnonzero(sizes)
        if not len(at):
            return sizes
        # Each sum is over the entries of one column, which lie side by side.
        starts, of = columns.indptr[at], np.repeat(np.arange(len(at)), sizes[at])
        present = ~np.isnan(values)
        numbers = np.where(present, values, 0.0)
        count = np.add.reduceat(present, starts, dtype=np.int64)
        mean = np.add.reduceat(numbers, starts) / np.maximum(count, 1)
        squares = np.add.reduceat(np.where(present, np.square(numbers - mean[of]), 0.0), starts)
        self._merge(at, count, mean, squares)
        self.zeros[at] += np.add.reduceat(values == 0, starts, dtype=np.int64)
        low, high = np.where(present, values, np.inf), np.where(present, values, -np.inf)
        self.low[at] = np.minimum(self.low[at], np.minimum.reduceat(low, starts))
        self.high[at] = np.maximum(self.high[at], np.maximum.reduceat(high, starts))
        return sizes

    @property
    def missing(self) -> np.ndarray:
        """Number of missing values of each column."""
        return self.n_samples - self.count

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation; 0 where it may be only rounding errors."""
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        return np.where(deviation > _EPSILON * np.abs(self.mean), deviation, 0.0)

    @property
    def zero_share(self) -> np.ndarray:
        """Share of a column's values that are exactly 0."""
        return self.zeros / np.maximum(self.count, 1)

    @property
    def mostly_zeros(self) -> np.ndarray:
        """Whether more than half of a column's values are exactly 0, but not all."""
        return (self.zero_share > 0.5) & (self.low < self.high)

    @property
    def magnitude(self) -> np.ndarray:
        """The largest magnitude of a column's values; 0 where there is none."""
        return np.where(self.count > 0, np.maximum(np.abs(self.low), np.abs(self.high)), 0.0)

    @property
    def entry_size(self) -> np.ndarray:
        """Root mean square of a column's values that are not 0; 0 where there is none."""
        entries = self.count - self.zeros
        squares = self.squares + np.square(self.mean) * self.count
        return np.sqrt(np.where(entries > 0, squares / np.maximum(entries, 1), 0.0))

    @property
    def constant(self) -> np.ndarray:
        """Whether a column has one value only, or none."""
        return ~(self.low < self.high)


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
    found = [
        np.quantile(values.astype(np.float64), shares) for values in _columns(features, columns)
    ]
    return np.reshape(found, (len(columns), len(shares))).T


def most_frequent(features: FeaturesLike, columns: np.ndarray) -> np.ndarray:
    """The most frequent value of some columns, the smallest of equals; as for `quantiles`.

    Returns:
      float64 ``[len(columns)]``.

    >>> most_frequent(np.array([[2.0], [np.nan], [1.0], [np.nan]]), np.array([0])).tolist()
    [1.0]
    """
    found = []
    for column in _columns(features, columns):
        values, counts = np.unique(column, return_counts=True)
        found.append(float(values[np.argmax(counts)]))
    return np.array(found)


def _columns(features: FeaturesLike, columns: np.ndarray) -> Iterator[np.ndarray]:
    """The values of each column, without missing ones."""
    features, workers = own_rows(features), workers_with(features)
    n_samples = max(1, len(features))
    a_group = max(1, _GROUP_BYTES // (n_samples * features.dtype.itemsize))
    for first in range(0, len(columns), a_group):
        wanted = columns[first : first + a_group]
        group, done = np.empty((len(wanted), len(features)), features.dtype), 0
        for block in row_blocks(ChosenColumns(features, wanted)):
            group[:, done : done + len(block)] = block.T
            done += len(block)
        for own in group:
            values = gathered(own, workers)
            yield values[values == values]  # NaN alone differs from itself.
