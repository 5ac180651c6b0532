"""Columns whose value alone tells the class of every row, as a copy of the label does."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers

if TYPE_CHECKING:
    import pandas as pd

# What is said of such columns.
TELLS_CLASS = (
    "a column that alone tells the class of every row; if it is known only once the class is, "
    "leave it out"
)
# Rows of a part that are looked at first; most columns are given up in them.
_FIRST_ROWS = 1_000
# A column of more values is given up, too, and so is one of more than these few where most differ.
_MOST_VALUES, _FEW_VALUES = 1_000, 50
# By chance any of the columns of a table would tell the class once in 2 to this many tables.
_BITS = 20


class Telltales:
    """Finds the columns of a table of which each value has rows of one class only.

    A column is given up at its first value that rows of two classes have, or where it has too
    many values. It is found if that is no chance: a value of n rows has those of one class alone
    with probability q^(n - 1), where q is the class's share of all rows.

    Args:
      names: of the columns.

    >>> import pandas as pd
    >>> label = np.repeat(["no", "yes"], 15)
    >>> found = Telltales(["code", "other"])
    >>> found.add(pd.DataFrame({"code": label == "no", "other": np.arange(30) % 3}), label)
    >>> found.columns()
    ('code',)
    """

    def __init__(self, names: Sequence[str]):
        self._n_columns = len(names)
        self._class_of: dict[str, dict[int, str]] = {name: {} for name in names}
        self._rows = Counter[str]()

    def add(
        self, frame: pd.DataFrame, labels: np.ndarray, usable: np.ndarray | None = None
    ) -> None:
        """Adds a part of the table.

        Args:
          frame: has the columns.
          labels: ``[n]``, None or NaN where a row has none: that is left out.
          usable: bool ``[n]``, rows that are not left out; None is all.
        """
        import pandas as pd

        if not self._class_of:
            return
        try:
            codes, uniques = pd.factorize(labels)
        except TypeError:  # Lists, for example, which are no classes.
            self._class_of.clear()
            return
        classes = np.array([str(label) for label in uniques], object)
        there = codes >= 0 if usable is None else usable & (codes >= 0)
        for rows in filter(len, np.split(np.flatnonzero(there), [_FIRST_ROWS])):
            counts = np.bincount(codes[rows], minlength=len(classes)).tolist()
            self._rows.update(dict(zip(classes, counts, strict=True)))
            for name in list(self._class_of):
                column = frame[name].iloc[rows]
                self._merge(name, _classes_by_value(column, classes[codes[rows]], self._most))

    @property
    def _most(self) -> int:
        """The most values of a column that is not given up."""
        return min(_MOST_VALUES, max(_FEW_VALUES, self._rows.total() // 2))

    def _merge(self, name: str, found: Iterable[tuple[int, str]] | None) -> None:
        """Takes in the classes of some values, or gives the column up."""
        known = self._class_of[name]
        mixed = found is None or any(known.setdefault(value, one) != one for value, one in found)
        if mixed or len(known) > self._most:
            del self._class_of[name]

    def of_all(self, workers: Workers) -> None:
        """Takes in what the others have found in their rows; all must call it."""
        own = {name: list(found.items()) for name, found in self._class_of.items()}
        said = said_by_all([dict(self._rows), own], workers)
        self._rows = sum((Counter(rows) for rows, _ in said), Counter[str]())
        for _, columns in said:
            for name in list(self._class_of):
                self._merge(name, columns.get(name))

    def columns(self) -> tuple[str, ...]:
        """Their names; none where there is one class only."""
        return tuple(name for name, found in self._class_of.items() if self._tells(found))

    def _tells(self, class_of: dict[int, str]) -> bool:
        n_rows, values = self._rows.total(), Counter(class_of.values())
        bits = sum(
            (self._rows[one] - count) * math.log2(n_rows / self._rows[one])
            for one, count in values.items()
        )
        return bits >= _BITS + math.log2(self._n_columns)


def _classes_by_value(
    column: pd.Series, classes: np.ndarray, most: int
) -> list[tuple[int, str]] | None:
    """Pairs of a number for each value and the class of its rows; None if one has several.

    Args:
      column: its values.
      classes: of the rows.
      most: also None if there are more values than these.
    """
    import pandas as pd

    try:
        values, uniques = pd.factorize(column, use_na_sentinel=False)
    except TypeError:  # Lists, for example.
        return None
    if len(uniques) > most:
        return None
    of_value = np.empty(len(uniques), object)
    of_value[values] = classes
    if (of_value[values] != classes).any():
        return None
    return list(zip(_numbers_of(uniques), of_value.tolist(), strict=True))


def _numbers_of(uniques: Any) -> list[int]:
    """A number for each value, the same in all parts of a table and in all workers."""
    import pandas as pd

    values = pd.Series(uniques)
    if pd.api.types.is_numeric_dtype(values):
        # 0 is added to make -0 the same as 0.
        numbers = values.to_numpy(np.float64, na_value=np.nan) + 0.0
        return [int(bits) for bits in numbers.view(np.int64)]
    hashes = pd.util.hash_array(values.to_numpy(object), categorize=False)
    return [int(each) for each in hashes]
