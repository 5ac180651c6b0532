"""The second pass over a table: its cells become rows of features, by a known encoding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.columns.column import Encoding
from tfsoftmax.data.collector import Collector
from tfsoftmax.data.encoded import Cells, CellsReader, features_of_cells
from tfsoftmax.data.notes import NO_NOTES, Notes
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.data.stored_rows import MOST_RAW_ROWS
from tfsoftmax.distributed.workers import Workers

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

# The most characters of a row whose cells are kept.
_MOST_CHARACTERS = 2**14


class EncodedReader:
    """Reads rows of features of a table, part after part.

    Args:
      source: for messages.
      encoding: how columns become features.
      options: how they are written, whether numbers may be missing.
      model: whether they are read for a trained model.
      notes: what was found when the encoding was learned.
    """

    def __init__(
        self,
        source: str,
        encoding: Encoding,
        options: SourceOptions,
        *,
        model: bool = False,
        notes: Notes = NO_NOTES,
    ):
        self._encoding, self._notes = encoding, notes
        # Whoever lists the columns wants them.
        self._warns_of_names = not model and options.features is None
        self.cells = CellsReader(source, encoding, options, model=model)
        self._sample = _Sample()

    def rows(
        self,
        frame: pd.DataFrame,
        first_row: int,
        collector: Collector | None = None,
        where: str | None = None,
        usable: np.ndarray | None = None,
    ) -> tuple[np.ndarray | csr_array, np.ndarray]:
        """Reads the next part.

        Args, Raises: as `NumbersReader.rows`.

        Returns:
          float32 ``[n, n_features]``, and bool ``[n]``, which rows can be used.
        """
        cells, usable = self.cells.read(frame, first_row, collector, where, usable)
        self._sample.add(cells, usable)
        features = features_of_cells(self._encoding, cells)
        if isinstance(features, SparseRows):
            return features.read_sparse([slice(0, len(frame))]), usable
        return features, usable

    def of_all(self, workers: Workers) -> bool:
        """Takes in what the others have found in their rows, as `NumbersReader.of_all`."""
        return self.cells.numbers.of_all(workers)

    @property
    def raw(self) -> Cells:
        """The cells of some rows, spread over the table."""
        return self._sample.cells

    def finish(self) -> Notes:
        """Summarises what was found in all parts.

        Raises:
          DataError: if a column turns out to be unusable.
        """
        numbers = self.cells.numbers
        found = numbers.finish()
        return replace(
            self._notes,
            identifying=numbers.identifying if self._warns_of_names else (),
            marks=found.marks,
            hints=self._notes.hints + found.hints,
        )


class _Sample:
    """Keeps every row at first, then every second, fourth, ... one, so that there are not many."""

    def __init__(self) -> None:
        self._parts: list[Cells] = []
        self._step, self._next, self._n_kept = 1, 0, 0

    def add(self, cells: Cells, usable: np.ndarray) -> None:
        """Adds the cells of some rows, of which those that can be used are kept."""
        rows = np.flatnonzero(usable)
        chosen = rows[self._next :: self._step]
        self._next = (self._next - len(rows)) % self._step
        lengths = sum(
            np.array([len(cell) for cell in column[chosen]], int)
            for column in cells.values()
            if column.dtype == object
        )
        chosen = chosen[np.broadcast_to(lengths, chosen.shape) <= _MOST_CHARACTERS]
        self._parts.append({name: column[chosen] for name, column in cells.items()})
        self._n_kept += len(chosen)
        while self._n_kept > 2 * MOST_RAW_ROWS:
            self._halve()

    def _halve(self) -> None:
        self._parts = [{name: column[::2] for name, column in self._kept().items()}]
        self._step *= 2
        self._n_kept = (self._n_kept + 1) // 2

    def _kept(self) -> Cells:
        return {
            name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]
        }

    @property
    def cells(self) -> Cells:
        """At most `MOST_RAW_ROWS` of the rows that are kept."""
        chosen = np.linspace(0, self._n_kept - 1, min(self._n_kept, MOST_RAW_ROWS)).astype(int)
        return {name: column[chosen] for name, column in self._kept().items()}
