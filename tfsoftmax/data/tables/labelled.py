"""Reads the labelled rows of a table, part after part: features, weights and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tfsoftmax.data.bad_rows import refuse
from tfsoftmax.data.collector import Collector
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.source import Source
from tfsoftmax.data.tables.columns import Columns
from tfsoftmax.data.tables.reader import RETRAIN, NumbersReader
from tfsoftmax.data.tables.telltales import Telltales
from tfsoftmax.distributed.workers import Workers

if TYPE_CHECKING:
    import pandas as pd


class RowsReader(Protocol):
    """Reads rows of features from the parts of a table."""

    def rows(
        self,
        frame: pd.DataFrame,
        first_row: int,
        collector: Collector | None = None,
        where: str | None = None,
        usable: np.ndarray | None = None,
    ) -> tuple[Any, np.ndarray]:
        """Reads the next part, as `NumbersReader.rows`."""

    def of_all(self, workers: Workers) -> bool:
        """Takes in what the others have found in their rows, as `NumbersReader.of_all`."""

    def finish(self) -> Notes:
        """Summarises what was found in all parts."""


class TableReader:
    """Reads the labelled rows of a table, part after part.

    Args:
      source: its name, options, and the model to be measured on it, if any.
      columns: by their role.
      features: reads the features.
    """

    def __init__(self, source: Source, columns: Columns, features: RowsReader):
        options, model = source.options, source.model is not None
        self._source, self._columns = source, columns
        self._features = features
        self._telltales = Telltales(() if model else columns.features)
        weights = options.but(missing="error")
        names = (columns.weight,) if columns.weight else ()
        self._weights = NumbersReader(source.name, names, weights, model=model)

    def add(
        self,
        collector: Collector,
        frame: pd.DataFrame,
        first_row: int,
        usable: np.ndarray | None = None,
        where: str | None = None,
    ) -> None:
        """Adds a part to a collector.

        Args:
          collector: takes the rows.
          frame: the part.
          first_row: number of its first row, for messages.
          usable: bool ``[n]``, the rows that are not known to be bad; None is all.
          where: name of the source, or of a part of it, for messages.

        Raises:
          DataError: naming row and column, if a value is not a number or missing.
        """
        features, fine = self._features.rows(frame, first_row, collector, where, usable)
        weights = None
        if self._columns.weight:
            weights, fine = self._weighed(frame, first_row, collector, where, fine)
        labels = frame[self._columns.label]
        if self._source.options.na_values:
            missing = labels.map(str).isin(self._source.options.na_values)
            labels = labels.astype(object).mask(missing, None)
        self._telltales.add(frame, labels.to_numpy(), fine)
        collector.add(
            features,
            labels.to_numpy(),
            weights,
            usable=fine,
            first_row=first_row,
            where=where,
        )

    def _weighed(
        self,
        frame: pd.DataFrame,
        first_row: int,
        collector: Collector,
        where: str | None,
        usable: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, usable = self._weights.rows(frame, first_row, collector, where, usable)
        weights = rows[:, 0]

        def problem(row: int) -> str:
            return (
                f"{where or self._source.name}, row {first_row + row}, column "
                f"{self._columns.weight!r}: a weight of {weights[row]:g}; expected 0 or more"
            )

        refuse(collector.bad_rows, usable, weights < 0, "with a weight below 0", problem)
        return weights, usable

    def are_plain(self, frame: pd.DataFrame, names: Iterable[str]) -> bool:
        """Whether columns, and that of the weights, have numbers or booleans, and no texts.

        How a text is read may depend on all other cells of its column.
        """
        from pandas.api.types import is_numeric_dtype  # booleans are

        dtypes = [frame[name].dtype for name in (*names, *self._weights.names)]
        return not len(frame) or all(map(is_numeric_dtype, dtypes))

    def of_all(self, workers: Workers) -> bool:
        """Takes in what the others have found in their rows; all must call it.

        Returns:
          Whether all have found columns of the same kinds.
        """
        self._telltales.of_all(workers)
        features, weights = (each.of_all(workers) for each in (self._features, self._weights))
        return features and weights

    def finish(self) -> Notes:
        """Summarises what was found in all parts.

        Raises:
          DataError: if a column turns out to be unusable.
        """
        self._weights.finish()
        found, telltale = self._features.finish(), self._telltales.columns()
        return replace(found, label=self._columns.label, telltale=telltale)


def numbers_of(source: Source, columns: Columns) -> NumbersReader:
    """Reads the columns to learn from as numbers; those that only name the rows are left out."""
    options = source.options
    return NumbersReader(
        source.name,
        columns.features,
        options,
        model=source.model is not None,
        leave_out=options.features is None,
        remedy=RETRAIN if source.model is not None else None,
    )
