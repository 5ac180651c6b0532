"""Finds columns whose values all differ: they name rows, and say nothing about other rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfsoftmax.distributed.gathering import gathered, said_by_all
from tfsoftmax.distributed.workers import Workers

_HEAD = 1000


class Distinct:
    """Finds out whether all values of a column differ, part by part.

    It costs almost nothing where two of the first values are equal, as in most columns.

    >>> names = Distinct()
    >>> names.add(np.array([3.0, 1.0])), names.add(np.array([2.0])), names.holds
    (None, None, True)
    """

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self.possible = True

    def add(self, values: np.ndarray) -> None:
        """Adds values; a fraction or NaN cannot name a row."""
        if not len(values):
            return
        alike = not self._parts or self._parts[0].dtype == values.dtype
        self.possible = (
            self.possible and alike and _all_differ(values[:_HEAD]) and _all_differ(values)
        )
        if self.possible:
            self._parts.append(values)
        else:
            self._parts.clear()

    def fail(self) -> None:
        """Decides that they do not all differ."""
        self.possible = False
        self._parts.clear()

    @staticmethod
    def of_all(columns: Sequence[Distinct], workers: Workers) -> None:
        """Takes in the values of all workers in some columns; all must call it."""
        own = [[each.possible, each._type] for each in columns]
        of_columns = zip(*said_by_all(own, workers), strict=True)
        for column, found in zip(columns, of_columns, strict=True):
            types = {of_values for _, of_values in found if of_values}
            if not all(possible for possible, _ in found) or len(types) > 1:
                column.fail()
            elif types:
                none = np.empty(0, types.pop())
                # In two parts, so that they are compared.
                values = np.concatenate([none, *column._parts])
                column._parts = [gathered(values, workers), none]

    @property
    def _type(self) -> str:
        """The type of its values; empty if it has none."""
        return self._parts[0].dtype.str if self._parts else ""

    @property
    def holds(self) -> bool:
        """Whether all values added differ."""
        if self.possible and len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
            self.possible = _all_differ(self._parts[0])
        return self.possible and bool(self._parts)


def _all_differ(values: np.ndarray) -> bool:
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        return False
    return len(np.unique(values)) == len(values)
