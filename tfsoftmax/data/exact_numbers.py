"""Numbers in the type they are computed with: what would become another number is an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

# Beyond these, not every whole number is a float32, or a float64.
_WHOLE_32, _WHOLE_64 = 2**24, 2**53
# None is larger than a float32 can be.
_DIGITS = re.compile(r"\s*[+-]?\d{1,38}\s*")
_SPACING = float(np.finfo(np.float32).eps)
# A column that spans fewer steps of float32 than this says much less than it did.
_STEPS = 64


def convert_exactly(
    where: str,
    numbers: np.ndarray,
    spec: Spec,
    first: int = 0,
    expected: str = "the model takes whole numbers from {low} to {high}",
) -> np.ndarray:
    """Rows of numbers in the type of a spec.

    Args:
      where: what the rows are called in an error.
      numbers: ``[n_samples, n_features]``.
      spec: of the rows.
      first: what the first row is called.
      expected: what is said of whole numbers, in an error.

    Raises:
      DataError: naming row and feature, if whole numbers are kept and one is not, or is out
        of their range. What is too large for float32 becomes infinite.

    >>> convert_exactly("x", np.array([[1.0, 2.0]]), Spec((2,), "uint8", ("a", "b"))).tolist()
    [[1, 2]]
    """
    # What does not fit becomes something else, and is named.
    with np.errstate(invalid="ignore", over="ignore"):
        rows = numbers.astype(spec.dtype)
    if np.issubdtype(rows.dtype, np.integer) and not (rows == numbers).all():
        row, column = (int(place) for place in np.argwhere(rows != numbers)[0])
        low, high = np.iinfo(rows.dtype).min, np.iinfo(rows.dtype).max
        raise DataError(
            f"{where}, row {first + row}, {spec.feature_name(column)}: found "
            f"{numbers[row, column]:g}; {expected.format(low=low, high=high)}"
        )
    return rows


def integers_in(texts: Iterable[object]) -> np.ndarray:
    """The whole numbers that texts are, as Python's own; all else is as the first of them.

    >>> integers_in(["7", "x", "9007199254740993"]).tolist()
    [7, 7, 9007199254740993]
    """
    found = [int(text) if _DIGITS.fullmatch(text) else None for text in map(str, texts)]
    first = next((number for number in found if number is not None), None)
    if first is None:
        return np.empty(0, object)
    return np.array([first if number is None else number for number in found], object)


def _may_be_rounded(column: np.ndarray) -> bool:
    there = column[np.isfinite(column)]
    return bool((np.abs(there) > _WHOLE_64).any() and (there == np.floor(there)).all())


class WholeNumbers:
    """Columns of whole numbers as they are read: made float32, they must say as much.

    Beyond 2^53 no two numbers may become one: such a column holds identifiers, or times in
    nanoseconds. Below, neighbours may, as long as the column as a whole spans more than a few of
    the steps that float32 has there.

    Attributes:
      doubtful: places of columns that came as float64 and may have been rounded before.

    >>> numbers = WholeNumbers("example")
    >>> numbers.add_rows(Spec((1,), "float32", ()), np.array([[1], [20_000_000], [20_000_001]]))
    >>> numbers.check()
    """

    def __init__(self, source: str):
        self._source = source
        self._low: np.ndarray | float = np.inf
        self._high: np.ndarray | float = -np.inf
        self._errors: dict[int, DataError] = {}
        self.doubtful: set[int] = set()

    def add(
        self,
        numbers: np.ndarray,
        whole: Callable[[int], np.ndarray],
        name: Callable[[int], str],
        first: int = 0,
        where: str | None = None,
    ) -> None:
        """Takes a look at more rows.

        Args:
          numbers: ``[n_samples, n_features]``, perhaps rounded, NaN where one is missing.
          whole: from the place of a column to its numbers ``[n]`` as they were, those that are
            there; of texts, as `integers_in` has them.
          name: from the place of a column to what it is called.
          first: what the first row is called in an error.
          where: what the source is called in it, a part of many; None is by its name.

        Raises:
          DataError: naming a row, and two numbers beyond 2^53 that would become one.
        """
        if not len(numbers):
            return
        low = np.fmin.reduce(numbers, axis=0).astype(np.float64)
        high = np.fmax.reduce(numbers, axis=0).astype(np.float64)
        self._low, self._high = np.fmin(self._low, low), np.fmax(self._high, high)
        for place in map(int, np.flatnonzero(np.fmax(-low, high) > _WHOLE_32)):
            column = whole(place)
            if column.dtype.kind in "iuO":
                self.compare(place, column, name(place), first, where)
            elif _may_be_rounded(column):
                self.doubtful.add(place)

    def add_rows(
        self, spec: Spec, rows: np.ndarray, first: int = 0, where: str | None = None
    ) -> None:
        """Takes a look at rows ``[n_samples, n_features]`` as they were, as `add` does."""
        if rows.dtype.kind in "iu" and rows.dtype.itemsize >= np.dtype(np.int32).itemsize:
            self.add(rows, lambda place: rows[:, place], spec.feature_name, first, where)

    def add_frame(
        self, frame: Any, names: Sequence[str], numbers: np.ndarray, first: int, where: str
    ) -> None:
        """Takes a look at columns of a pandas frame that were read as `numbers`, as `add` does."""

        def whole(place: int) -> np.ndarray:
            column = frame[names[place]]
            if column.dtype.kind not in "iuf":
                return integers_in(column)
            if column.dtype.kind == "f":
                return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
            # Nothing is one of the others, so that rows keep their numbers.
            there = column.fillna(column.dropna().iloc[0])
            return np.asarray(there.to_numpy(column.dtype.name.lower()))

        self.add(numbers, whole, lambda place: f"column {names[place]!r}", first, where)

    def compare(
        self, place: int, numbers: np.ndarray, name: str, first: int = 0, where: str | None = None
    ) -> None:
        """Compares the numbers of a column, as they were, with what becomes of them.

        Args:
          place: of the column.
          numbers: ``[n]``, integers or Python's own.
          name: of the column.
          first: what the first row is called.
          where: as for `add`.

        Raises:
          DataError: as for `add`.
        """
        found = np.unique(numbers)
        kept = found.astype(np.float64).astype(np.float32)
        same = np.append(False, kept[1:] == kept[:-1])
        beyond = same & (np.abs(kept) > _WHOLE_64)
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
            self._errors.setdefault(place, error)

    def check(self) -> None:
        """Looks back at all rows.

        Raises:
          DataError: naming a row, and two numbers that would become one, in a column that
            spans few steps of float32.
        """
        low, high = np.atleast_1d(self._low), np.atleast_1d(self._high)
        few = high - low < _STEPS * _SPACING * np.maximum(-low, high)
        for place, error in self._errors.items():
            if few[place]:
                raise error
