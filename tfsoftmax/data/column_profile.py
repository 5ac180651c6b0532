"""``ColumnProfile``: how the values of one column are distributed, in a few counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

# Categories, and predicted classes, that have a count of their own; the others have one together.
_MOST_CODES = 30
_DECILES = np.arange(1, 10) / 10


@dataclass(frozen=True)
class ColumnProfile:
    """How many rows have which values in a column.

    Numbers are counted between the deciles of the training rows, and a number that is two
    deciles or more, such as the 0 of a column of mostly zeros, by itself. Of categories the 30
    most frequent ones are counted, and the others together.

    Attributes:
      name: of the column.
      bins: what is counted: ranges of numbers, or categories.
      counts: rows in each bin.
      missing: rows without a value.
      unknown: rows with a category that the model does not know.
      cuts: between the ranges, ascending; a number equal to a cut is in the range above it.
        None of categories.
      codes: the code of each category, but of the last bin, which is of all others. None of
        numbers.

    >>> known = ColumnProfile.of_numbers("age", np.array([1.0, 2.0, 2.0, np.nan]))
    >>> known.bins, known.counts, known.missing
    (('below 1', '1', '1 to 2', '2', 'above 2'), (0, 1, 0, 2, 0), 1)
    >>> known.count(np.array([5.0, np.nan, np.nan])).counts
    (0, 0, 0, 0, 1)
    """

    name: str
    bins: tuple[str, ...]
    counts: tuple[int, ...] = ()
    missing: int = 0
    unknown: int = 0
    cuts: tuple[float, ...] | None = None
    codes: tuple[int, ...] | None = None

    @classmethod
    def of_numbers(cls, name: str, numbers: np.ndarray) -> ColumnProfile:
        """Chooses the ranges, and counts the numbers ``[n_samples]``; NaN is missing."""
        cuts = _cuts(np.asarray(numbers[~np.isnan(numbers)], np.float64))
        return cls(name, _ranges(cuts), cuts=cuts).count(numbers)

    @classmethod
    def of_codes(cls, name: str, codes: np.ndarray, names: Mapping[int, str]) -> ColumnProfile:
        """Chooses the categories, and counts them.

        Args:
          name: of the column.
          codes: ``[n_samples]``, -1 where missing and -2 where unknown.
          names: of the codes.
        """
        frequent = np.bincount(codes[codes >= 0], minlength=1)
        chosen = np.argsort(-frequent, kind="stable")[:_MOST_CODES]
        kept = tuple(int(code) for code in chosen if frequent[code])
        bins = (*(names[code] for code in kept), "(all others)")
        return cls(name, bins, codes=kept).count(codes)

    def count(self, values: np.ndarray) -> ColumnProfile:
        """Counts other values of the column in the same bins."""
        if self.cuts is not None:
            present = values[~np.isnan(values)].astype(np.float64)
            found = np.searchsorted(self.cuts, present, side="right")
            missing, unknown = len(values) - len(present), 0
        else:
            assert self.codes is not None
            known = values[values >= 0]
            place = np.full(max(known.max(initial=0), *self.codes, 0) + 1, len(self.codes))
            place[list(self.codes)] = np.arange(len(self.codes))
            found = place[known]
            missing, unknown = int((values == -1).sum()), int((values == -2).sum())
        counts = np.bincount(found, minlength=len(self.bins)).tolist()
        return replace(self, counts=tuple(counts), missing=missing, unknown=unknown)

    def __add__(self, other: ColumnProfile) -> ColumnProfile:
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        missing, unknown = self.missing + other.missing, self.unknown + other.unknown
        return replace(self, counts=counts, missing=missing, unknown=unknown)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> ColumnProfile:
        """Makes one of the dictionary in that of `Profile.to_json`."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        return cls(**values)


def _cuts(numbers: np.ndarray) -> tuple[float, ...]:
    if not len(numbers):
        return ()
    found, times = np.unique(
        np.quantile(numbers, _DECILES, method="inverted_cdf"), return_counts=True
    )
    alone = found[times > 1]
    return tuple(np.unique(np.concatenate([found, np.nextafter(alone, np.inf)])).tolist())


def _ranges(cuts: Sequence[float]) -> tuple[str, ...]:
    if not cuts:
        return ("any",)
    between = (
        _written(low)
        if high == np.nextafter(low, np.inf)
        else f"{_written(low)} to {_written(high)}"
        for low, high in pairwise(cuts)
    )
    after = len(cuts) > 1 and cuts[-1] == np.nextafter(cuts[-2], np.inf)
    last = f"{'above' if after else 'from'} {_written(cuts[-1])}"
    return (f"below {_written(cuts[0])}", *between, last)


def _written(number: float) -> str:
    """The shortest text that tells a number from the other ones of float32."""
    return str(np.float32(number)).removesuffix(".0")
