"""What is learned of a column of a table from its training rows, by one worker or several."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from tfsoftmax.columns.column import Column
from tfsoftmax.data.tables.asked import HASHED_SIZE
from tfsoftmax.data.tables.kinds_of_columns import MOST_CATEGORIES
from tfsoftmax.distributed.gathering import gathered, said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting

# A column that is said to be a category has at most so many.
_MOST_SAID = 2**16
# From so many training rows on, a category that is in one of them only has no feature of its own.
_ROWS_OF_RARE = 100
_WHOLE = re.compile("0|-?[1-9][0-9]{0,18}")
_MISSING = -1


class LearnedCategories:
    """Gives the categories of a column codes, in the order in which they are seen."""

    def __init__(self, column: Column, said: bool):
        self.column, self._said = column, said
        self._most = _MOST_SAID if said else MOST_CATEGORIES
        self._codes: dict[str, int] | None = {}
        self.hint: str | None = None
        self.n_rare = 0

    def codes(self, cells: np.ndarray, source: str) -> np.ndarray:
        """The code of each cell, int32 ``[n]``."""
        import pandas as pd

        known = self._codes
        if known is None:
            return np.full(len(cells), _MISSING, np.int32)
        inverse, unique = pd.factorize(cells)
        codes = [
            known.setdefault(text, len(known)) if text else _MISSING for text in unique.tolist()
        ]
        if len(known) > self._most:
            self._give_up(source)
        return np.array(codes, np.int32)[inverse]

    def _give_up(self, source: str) -> None:
        hashed = [f"{self.column.name}=hashed"]
        if self._said:
            raise DataError(
                f"{source}, column {self.column.name!r}: more than {_MOST_SAID:,} different values "
                "are too many for a category; hash them with " + setting("column", hashed)
            )
        self._codes = None
        self.hint = (
            f"column {self.column.name!r} has more than {MOST_CATEGORIES:,} different values, so "
            "it is hashed: " + setting("column", hashed)
        )

    def of_all(self, workers: Workers, source: str) -> None:
        """Gives up if all workers together, or one of them, have seen too many categories."""
        seen = said_by_all(None if self._codes is None else list(self._codes), workers)
        too_many = None in seen or len(set(chain.from_iterable(seen))) > self._most
        if too_many and self._codes is not None:
            self._give_up(source)

    def learn(self, codes: np.ndarray, source: str, workers: Workers) -> Column:
        """The column with the vocabulary of some rows, of which each worker has its own."""
        if self._codes is None:
            return replace(self.column, kind="hashed", size=HASHED_SIZE)
        own = np.bincount(codes[codes >= 0], minlength=len(self._codes)).tolist()
        counts: Counter[str] = Counter()
        for of_worker in said_by_all(dict(zip(self._codes, own, strict=True)), workers):
            counts.update(of_worker)
        least = 2 if sum(said_by_all(len(codes), workers)) >= _ROWS_OF_RARE else 1
        self.n_rare = sum(0 < count < least for count in counts.values())
        names = (name for name, count in counts.items() if count >= least)
        return replace(self.column, vocabulary=tuple(sorted(names)))


class LearnedBoundaries:
    """Finds the boundaries of ranges of a number."""

    hint: str | None = None
    n_rare = 0

    def __init__(self, column: Column, n_ranges: int):
        self.column, self._n_ranges = column, n_ranges

    def codes(self, cells: np.ndarray, source: str) -> np.ndarray:
        """The bits of each cell as a whole number, int32 ``[n]``."""
        return np.ascontiguousarray(cells, np.float32).view(np.int32)

    def of_all(self, workers: Workers, source: str) -> None:
        """Nothing was found yet."""

    def learn(self, codes: np.ndarray, source: str, workers: Workers) -> Column:
        """The column with boundaries between as many of all workers' rows each.

        Reference: scikit-learn's ``KBinsDiscretizer(strategy="quantile")``.
        """
        if not self._n_ranges:
            return self.column
        numbers = gathered(np.ascontiguousarray(codes), workers).view(np.float32)
        numbers = numbers[~np.isnan(numbers)].astype(np.float64)
        if not len(numbers):
            raise DataError(
                f"{source}, column {self.column.name!r}: it has no value in the training rows, so "
                "there is nothing to cut into ranges"
            )
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, self._n_ranges + 1)))
        boundaries = np.unique(edges[1:-1].astype(np.float32)).tolist()
        if not boundaries:
            raise DataError(
                f"{source}, column {self.column.name!r}: nearly all training rows have one value, "
                f"{numbers[0]:g}, so there are no ranges; give boundaries, or leave the column out "
                "with " + setting("drop", [self.column.name])
            )
        return replace(self.column, boundaries=tuple(boundaries))


@dataclass
class WholeCells:
    """Finds out whether all cells of a column are whole numbers of 64 bits, written plainly."""

    hold: bool = True

    def add(self, cells: np.ndarray) -> None:
        """Looks at cells; a missing one is no number."""
        import pandas as pd

        if self.hold:
            unique = pd.unique(cells)
            self.hold = all(
                _WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63 for text in unique
            )
