"""The first pass over a table: learns vocabularies and boundaries from its training rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.collector import Collector
from tfsoftmax.data.encoded import CellsReader
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.tables.asked import HASHED_SIZE
from tfsoftmax.data.tables.columns import listed
from tfsoftmax.data.tables.kinds_of_columns import MOST_CATEGORIES, Draft
from tfsoftmax.data.tables.reader import readers_of
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    import pandas as pd

# A column that is said to be a category has at most so many.
_MOST_SAID = 2**16
# From so many training rows on, a category that is in one of them only has no feature of its own.
_ROWS_OF_RARE = 100
_WHOLE = re.compile("0|-?[1-9][0-9]{0,18}")
_MISSING = -1


class Learner:
    """Reads the cells that decide how a table is encoded, part after part.

    Its rows are not features: for each column that something is learned of, they have the code
    of the cell, so that a collector keeps those of the rows that are trained on.

    Args:
      source: for messages.
      draft: what the columns are.
      options: how they are written.

    Attributes:
      cells: reads the columns.
    """

    def __init__(self, source: str, draft: Draft, options: SourceOptions):
        self._source, self._draft = source, draft
        self.cells = CellsReader(source, draft.encoding, options)
        self._learned: list[_Codes | _Numbers] = []
        for column in draft.encoding.columns:
            said = draft.asked.columns.get(column.name)
            if column.kind == "category":
                self._learned.append(_Codes(column, said is not None))
            elif column.kind == "buckets" and said:
                self._learned.append(_Numbers(column, said.ranges))
        self._whole = {
            name: _WholeCells()
            for name, said in draft.asked.columns.items()
            if said.kind in ("category", "hashed")
        }
        self._left_out = readers_of(draft.left_out, options)
        self._missing: set[str] = set()
        self._rare: dict[str, int] = {}

    def rows(
        self,
        frame: pd.DataFrame,
        first_row: int,
        collector: Collector | None = None,
        where: str | None = None,
        usable: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads the next part.

        Args, Raises: as `NumbersReader.rows`.

        Returns:
          int32 ``[n, n_learned]``, and bool ``[n]``, which rows can be used.
        """
        where = where or self._source
        for name, reader in self._left_out.items():
            reader.read(frame[name], first_row)
        self._check_empty(frame, first_row, where)
        cells, usable = self.cells.read(frame, first_row, collector, where, usable)
        for name, whole in self._whole.items():
            whole.add(cells[name][usable])
        for given in self._draft.encoding.inputs:
            if given.dtype == "float32" and np.isnan(cells[given.name][usable]).any():
                self._missing.add(given.name)
        rows = np.empty((len(frame), len(self._learned)), np.int32)
        for index, learned in enumerate(self._learned):
            rows[:, index] = learned.codes(cells[learned.column.name], self._source)
        return rows, usable

    def _check_empty(self, frame: pd.DataFrame, first_row: int, where: str) -> None:
        for name in self._draft.empty:
            there = frame[name].notna().to_numpy(bool)
            if not there.any():
                continue
            row, cell = int(np.argmax(there)), str(frame[name][there].iloc[0])
            said = setting("column", [f"{name}=category"])
            out = setting("drop", [name])
            raise DataError(
                f"{where}, row {first_row + row}, column {name!r}: {cell[:40]!r} comes after so "
                "many rows without a value that it is not known what the column is; say it, as in "
                + said
                + ", or leave it out with "
                + out
            )

    def finish(self) -> Notes:
        """Checks what is known once all parts are read.

        Raises:
          DataError: if a column turns out to be unusable.
        """
        for reader in self._left_out.values():
            if not reader.distinct.holds:
                raise DataError(
                    f"{self._source}, column {reader.name!r}: its texts differ in all of the first "
                    "rows, but not in all rows, so it does not only name them; say what it is, as "
                    "in "
                    + setting("column", [f"{reader.name}=hashed"])
                    + ", or leave it out with "
                    + setting("drop", [reader.name])
                )
        return self.cells.numbers.finish()

    def encoding(self, rows: np.ndarray) -> Encoding:
        """The encoding, learned from training rows.

        Args:
          rows: those of the rows that `rows` returned, ``[n_train, n_learned]``.
        """
        columns = {column.name: column for column in self._draft.encoding.columns}
        for index, learned in enumerate(self._learned):
            columns[learned.column.name] = learned.learn(rows[:, index], self._source)
            self._rare[learned.column.name] = learned.n_rare
        whole = {name for name, cells in self._whole.items() if cells.hold}
        for name in whole & columns.keys():
            columns[name] = replace(
                columns[name], vocabulary=tuple(sorted(columns[name].vocabulary, key=int))
            )
        return Encoding(
            tuple(
                Input(each.name, "int64" if each.name in whole else each.dtype)
                for each in self._draft.encoding.inputs
            ),
            tuple(columns.values()),
        )

    def notes(self, encoding: Encoding, filled: bool) -> Notes:
        """What became of the columns.

        Args:
          encoding: as it was learned.
          filled: whether missing numbers are filled in without being asked for.
        """
        numbers = [each.name for each in encoding.columns if each.kind == "number"]
        columns = [self._described(each) for each in encoding.columns if each.kind != "number"]
        if numbers:
            columns.append(f"numbers: {listed(numbers)}")
        hints = [*self._draft.hints, *(each.hint for each in self._learned if each.hint)]
        if self._draft.empty:
            hints.insert(0, f"left out, as they have no value: {listed(self._draft.empty)}")
        if filled and self._missing:
            mean = (
                "missing numbers are taken for the mean, and an input says that they are missing: "
            )
            hints.append(mean + setting("missing", "indicator"))
        return Notes(
            index=self._draft.index,
            left_out=self._draft.left_out,
            columns=tuple(columns),
            hints=tuple(hints),
        )

    def _described(self, column: Column) -> str:
        rare = self._rare.get(column.name, 0)
        rarely = f", and {rare:,} rare ones as unknown" if rare else ""
        return f"{column.name}: {column.in_words}{rarely}"


class _Codes:
    """Gives the categories of a column codes, in the order in which they are seen."""

    def __init__(self, column: Column, said: bool):
        self.column, self._said = column, said
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
        if len(known) > (_MOST_SAID if self._said else MOST_CATEGORIES):
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

    def learn(self, codes: np.ndarray, source: str) -> Column:
        """The column with the vocabulary of some rows."""
        if self._codes is None:
            return replace(self.column, kind="hashed", size=HASHED_SIZE)
        counts = np.bincount(codes[codes >= 0], minlength=len(self._codes))
        least = 2 if len(codes) >= _ROWS_OF_RARE else 1
        self.n_rare = int(((counts > 0) & (counts < least)).sum())
        names = (name for name, count in zip(self._codes, counts, strict=True) if count >= least)
        return replace(self.column, vocabulary=tuple(sorted(names)))


class _Numbers:
    """Finds the boundaries of ranges of a number."""

    hint: str | None = None
    n_rare = 0

    def __init__(self, column: Column, n_ranges: int):
        self.column, self._n_ranges = column, n_ranges

    def codes(self, cells: np.ndarray, source: str) -> np.ndarray:
        """The bits of each cell as a whole number, int32 ``[n]``."""
        return np.ascontiguousarray(cells, np.float32).view(np.int32)

    def learn(self, codes: np.ndarray, source: str) -> Column:
        """The column with boundaries between as many of these rows each.

        Reference: scikit-learn's ``KBinsDiscretizer(strategy="quantile")``.
        """
        if not self._n_ranges:
            return self.column
        numbers = np.ascontiguousarray(codes).view(np.float32)
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
class _WholeCells:
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
