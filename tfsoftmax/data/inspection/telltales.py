"""Columns whose value alone tells the class of every row, as a copy of the label does."""

from __future__ import annotations

from collections import Counter

import numpy as np

# Rows that are looked at together; most columns are given up in the first of them.
_ROWS = 1_000
# A column of more values is given up, too.
_MOST_VALUES = 1_000
# Fewer rows of a class, or fewer of each of its values on average, may be so by chance.
_FEWEST_ROWS, _FEWEST_ROWS_A_VALUE = 5, 2


class Telltales:
    """Finds the columns of which each value has rows of one class only.

    A column is given up at its first value that rows of two classes have, or where its values
    are so many that they may be different in every row.

    Args:
      n_columns: number of columns.

    >>> found = Telltales(2)
    >>> classes = np.repeat([0, 1], 6)
    >>> found.add(np.column_stack([10 + classes, np.arange(12) % 3]), classes)
    >>> found.columns()
    {0}
    """

    def __init__(self, n_columns: int):
        self._class_of: dict[int, dict[int, int]] = {index: {} for index in range(n_columns)}
        self._rows = Counter[int]()

    def add(self, rows: np.ndarray, classes: np.ndarray) -> None:
        """Adds rows of numbers, ``[n, n_columns]``, NaN where a value is missing.

        Args:
          rows: the numbers.
          classes: int ``[n]``, below 0 where a row has none: that is left out.
        """
        rows, classes = rows[classes >= 0], classes[classes >= 0]
        self._rows.update(classes.tolist())
        for first in range(0, len(rows), _ROWS):
            part = rows[first : first + _ROWS].astype(np.float64)
            # As bits, so that NaN is a value like others; 0 is added to make -0 the same as 0.
            values = (np.where(np.isnan(part), np.nan, part) + 0.0).view(np.int64)
            codes = classes[first : first + _ROWS].tolist()
            for index in list(self._class_of):
                self._add(index, set(zip(values[:, index].tolist(), codes, strict=True)))

    def _add(self, index: int, pairs: set[tuple[int, int]]) -> None:
        class_of = self._class_of[index]
        mixed = any(class_of.setdefault(value, code) != code for value, code in pairs)
        if mixed or len(class_of) > _MOST_VALUES:
            del self._class_of[index]

    def columns(self) -> set[int]:
        """Their indices; none where there is one class only."""
        return {index for index, found in self._class_of.items() if self._tells(found)}

    def _tells(self, class_of: dict[int, int]) -> bool:
        values = Counter(class_of.values())
        return len(values) > 1 and all(
            self._rows[code] >= max(_FEWEST_ROWS, _FEWEST_ROWS_A_VALUE * count)
            for code, count in values.items()
        )
