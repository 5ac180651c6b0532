"""The first pass over a table: learns vocabularies and boundaries from its training rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.collector import Collector
from tfsoftmax.data.encoded import CellsReader
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.tables.columns import listed
from tfsoftmax.data.tables.distinct import Distinct
from tfsoftmax.data.tables.kinds_of_columns import Draft
from tfsoftmax.data.tables.learned import LearnedBoundaries, LearnedCategories, WholeCells
from tfsoftmax.data.tables.reader import readers_of
from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    import pandas as pd


class Learner:
    """Reads the cells that decide how a table is encoded, part after part.

    Its rows are not features: for each column that something is learned of, they have the code
    of the cell, so that a collector keeps those of the rows that are trained on.

    Args:
      source: for messages.
      draft: what the columns are.
      options: how they are written.
      workers: that learn together, each of its own rows. What is learned are counts, which add up,
        and of boundaries the numbers themselves.

    Attributes:
      cells: reads the columns.
    """

    def __init__(self, source: str, draft: Draft, options: SourceOptions, workers: Workers = ALONE):
        self._source, self._draft, self._workers = source, draft, workers
        self.cells = CellsReader(source, draft.encoding, options)
        self._learned: list[LearnedCategories | LearnedBoundaries] = []
        for column in draft.encoding.columns:
            said = draft.asked.columns.get(column.name)
            if column.kind == "category":
                self._learned.append(LearnedCategories(column, said is not None))
            elif column.kind == "buckets" and said:
                self._learned.append(LearnedBoundaries(column, said.ranges))
        self._whole = {
            name: WholeCells()
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

    def of_all(self, workers: Workers) -> bool:
        """Takes in what the others have found in their rows, as `NumbersReader.of_all`."""
        alike = self.cells.numbers.of_all(workers)
        Distinct.of_all([reader.distinct for reader in self._left_out.values()], workers)
        self._missing.update(chain.from_iterable(said_by_all(sorted(self._missing), workers)))
        holds = [each.hold for each in self._whole.values()]
        of_cells = zip(*said_by_all(holds, workers), strict=True)
        for whole, hold in zip(self._whole.values(), of_cells, strict=True):
            whole.hold = all(hold)
        for learned in self._learned:
            learned.of_all(workers, self._source)
        return alike

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
          rows: those of the rows that `rows` returned, ``[n_train, n_learned]``; of several
            workers each has its own.
        """
        columns = {column.name: column for column in self._draft.encoding.columns}
        for index, learned in enumerate(self._learned):
            columns[learned.column.name] = learned.learn(
                rows[:, index], self._source, self._workers
            )
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
