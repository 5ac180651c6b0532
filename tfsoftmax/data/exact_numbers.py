"""Converts numbers to the model's dtype, and rejects those that would change their value."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

# Up to here, float32 and float64 hold every whole number.
_LARGEST_EXACT_FLOAT32 = 2**24
_LARGEST_EXACT_FLOAT64 = 2**53
# At most as many digits as the largest float32 has.
_INTEGER = re.compile(r"\s*[+-]?\d{1,38}\s*")
_FLOAT32_EPSILON = float(np.finfo(np.float32).eps)
# A column of whole numbers that span fewer float32 numbers than this has lost too much, ...
_FEWEST_FLOAT32_STEPS = 64
# ... and one of any numbers, if they are rounded, so much that it is noted: 1 / 256 of their range.
_FEW_FLOAT32_STEPS = 128
_MOST_NAMED = 5
_log = logging.getLogger(__name__)


def convert_exactly(
    where: str,
    numbers: np.ndarray,
    spec: Spec,
    first: int = 0,
    expected: str = "the model takes whole numbers from {low} to {high}",
) -> np.ndarray:
    """Converts rows to the dtype of a spec.

    Args:
      where: what to call the rows in an error.
      numbers: ``[n_samples, n_features]``.
      spec: of the rows.
      first: number of the first row in an error.
      expected: which integers are expected, in an error.

    Returns:
      ``[n_samples, n_features]``; a number too large for float32 becomes infinite.

    Raises:
      DataError: naming row and feature of a number that an integer dtype does not hold.

    >>> convert_exactly("x", np.array([[1.0, 2.0]]), Spec((2,), "uint8", ("a", "b"))).tolist()
    [[1, 2]]
    """
    # Numbers that do not fit come out different, which is checked below.
    with np.errstate(invalid="ignore", over="ignore"):
        rows = numbers.astype(spec.dtype)
    if np.issubdtype(rows.dtype, np.integer) and not (rows == numbers).all():
        row, column = (int(index) for index in np.argwhere(rows != numbers)[0])
        low, high = np.iinfo(rows.dtype).min, np.iinfo(rows.dtype).max
        raise DataError(
            f"{where}, row {first + row}, {spec.feature_name(column)}: found "
            f"{numbers[row, column]:g}; {expected.format(low=low, high=high)}"
        )
    return rows


def integers_in(texts: Iterable[object]) -> np.ndarray:
    """Parses strings as Python integers; any other string counts as the first integer found.

    >>> integers_in(["7", "x", "9007199254740993"]).tolist()
    [7, 7, 9007199254740993]
    """
    found = [int(text) if _INTEGER.fullmatch(text) else None for text in map(str, texts)]
    first = next((number for number in found if number is not None), None)
    if first is None:
        return np.empty(0, object)
    return np.array([first if number is None else number for number in found], object)


def _may_be_rounded(column: np.ndarray) -> bool:
    finite = column[np.isfinite(column)]
    return bool(
        (np.abs(finite) > _LARGEST_EXACT_FLOAT64).any() and (finite == np.floor(finite)).all()
    )


class WholeNumbers:
    """Checks, block by block, that columns of whole numbers survive their conversion to float32.

    Beyond 2^53 no two different numbers may become the same: such columns hold identifiers, or
    times in nanoseconds. Below that they may, provided that the values of the column span
    more than a few float32 numbers. Columns of other numbers that span so few are noted.

    Attributes:
      doubtful: indices of columns read as float64, which may already have been rounded.

    >>> numbers = WholeNumbers("example")
    >>> numbers.add_rows(Spec((1,), "float32", ()), np.array([[1], [20_000_000], [20_000_001]]))
    >>> numbers.check()
    """

    def __init__(self, source: str):
        self._source = source
        self._low: np.ndarray | float = np.inf
        self._high: np.ndarray | float = -np.inf
        self._errors: dict[int, DataError] = {}
        self._rounded: dict[int, str] = {}
        self.doubtful: set[int] = set()

    def add(
        self,
        numbers: np.ndarray,
        whole: Callable[[int], np.ndarray],
        name: Callable[[int], str],
        first: int = 0,
        where: str | None = None,
    ) -> None:
        """Checks more rows.

        Args:
          numbers: ``[n_samples, n_features]``, possibly rounded, NaN for a missing value.
          whole: from the index of a column to its values ``[n]`` before rounding, without
            missing ones; strings as `integers_in` parses them.
          name: from the index of a column to its name.
          first: number of the first row in an error.
          where: what to call the source in an error, such as one of many files; None is its
            name.

        Raises:
          DataError: naming a row, and two numbers beyond 2^53 that would become the same.
        """
        if not len(numbers):
            return
        low = np.fmin.reduce(numbers, axis=0).astype(np.float64)
        high = np.fmax.reduce(numbers, axis=0).astype(np.float64)
        self._low, self._high = np.fmin(self._low, low), np.fmax(self._high, high)
        self._find_rounded(numbers, name)
        for index in map(int, np.flatnonzero(np.fmax(-low, high) > _LARGEST_EXACT_FLOAT32)):
            column = whole(index)
            if column.dtype.kind in "iuO":
                self.compare(index, column, name(index), first, where)
            elif _may_be_rounded(column):
                self.doubtful.add(index)

    def add_rows(
        self, spec: Spec, rows: np.ndarray, first: int = 0, where: str | None = None
    ) -> None:
        """Checks more rows ``[n_samples, n_features]`` in their own dtype, as `add` does."""
        if rows.dtype.name in ("int32", "uint32", "int64", "uint64", "float64"):
            self.add(rows, lambda index: rows[:, index], spec.feature_name, first, where)

    def add_frame(
        self, frame: Any, names: Sequence[str], numbers: np.ndarray, first: int, where: str
    ) -> None:
        """Checks columns of a pandas frame that were converted to `numbers`, as `add` does."""

        def whole(index: int) -> np.ndarray:
            column = frame[names[index]]
            if column.dtype.kind not in "iuf":
                return integers_in(column)
            if column.dtype.kind == "f":
                return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
            # Missing values are replaced by another value, so that row numbers stay right.
            filled = column.fillna(column.dropna().iloc[0])
            return np.asarray(filled.to_numpy(column.dtype.name.lower()))

        self.add(numbers, whole, lambda index: f"column {names[index]!r}", first, where)

    def compare(
        self, index: int, numbers: np.ndarray, name: str, first: int = 0, where: str | None = None
    ) -> None:
        """Compares the values of a column with the same values in float32.

        Args:
          index: of the column.
          numbers: ``[n]``, of an integer dtype or Python integers.
          name: of the column.
          first: number of the first row in an error.
          where: as for `add`.

        Raises:
          DataError: as for `add`.
        """
        found = np.unique(numbers)
        rounded = found.astype(np.float64).astype(np.float32)
        same = np.append(False, rounded[1:] == rounded[:-1])
        beyond = same & (np.abs(rounded) > _LARGEST_EXACT_FLOAT64)
        if same.any():
            example = int(np.argmax(beyond if beyond.any() else same))
            row = first + int(np.argmax(numbers == found[example]))
            error = DataError(
                f"{where or self._source}, row {row}, {name}: {found[example]} and "
                f"{found[example - 1]} are the same number once they are computed with (float32): "
                "subtract what all have in common, or leave the column out"
            )
            if beyond.any():
                raise error
            self._errors.setdefault(index, error)

    def _find_rounded(self, numbers: np.ndarray, name: Callable[[int], str]) -> None:
        """Remembers columns of a small range with a value that float32 does not hold."""
        for index in map(int, np.flatnonzero(self._spans_less_than(_FEW_FLOAT32_STEPS))):
            column = numbers[:, index].astype(np.float64)
            with np.errstate(over="ignore"):
                rounded = np.isfinite(column) & (column.astype(np.float32) != column)
            if rounded.any():
                self._rounded.setdefault(index, name(index))

    def _spans_less_than(self, steps: int) -> np.ndarray:
        """Which columns span fewer float32 numbers, as far as they were seen."""
        low, high = np.atleast_1d(self._low), np.atleast_1d(self._high)
        with np.errstate(invalid="ignore", over="ignore"):  # Infinite ones are refused elsewhere.
            return np.asarray(high - low < steps * _FLOAT32_EPSILON * np.maximum(-low, high))

    def of_all(self, workers: Workers) -> None:
        """Takes in what is known of all workers' values, each of its own rows; all must call it."""
        own = [each.tolist() for each in np.broadcast_arrays(self._low, self._high)]
        said = [*own, sorted(self.doubtful), sorted(self._rounded.items())]
        for low, high, doubtful, rounded in said_by_all(said, workers):
            self._low, self._high = np.fmin(self._low, low), np.fmax(self._high, high)
            self.doubtful.update(doubtful)
            self._rounded.update(rounded)

    def check(self) -> None:
        """Checks columns as a whole, after all rows, and notes where much was rounded away.

        Raises:
          DataError: naming a row, and two numbers that would become the same, in a column whose
            values span only a few float32 numbers.
        """
        few = self._spans_less_than(_FEWEST_FLOAT32_STEPS)
        for index, error in self._errors.items():
            if few[index]:
                raise error
        lost = self._spans_less_than(_FEW_FLOAT32_STEPS) & (self._low < self._high)
        found = [name for index, name in sorted(self._rounded.items()) if lost[index]]
        if found:
            more = f" and {len(found) - _MOST_NAMED:,} more" if found[_MOST_NAMED:] else ""
            _log.warning(
                "Note: %s: %s%s: beside their size the values differ so little that float32, in "
                "which they are computed with, rounds much of that away; subtract what all have "
                "in common",
                self._source,
                ", ".join(found[:_MOST_NAMED]),
                more,
            )
