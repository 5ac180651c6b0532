"""Statistics of the columns and rows of a source, collected part by part."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.duplicates import row_hashes
from tfsoftmax.data.inspection.cells import TextCells
from tfsoftmax.data.inspection.described import USABLE, Column, Inspection, Role
from tfsoftmax.data.inspection.notes import notes_on
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.statistics import ColumnStatistics
from tfsoftmax.data.tables.cells import ColumnReader
from tfsoftmax.data.tables.kinds_of_columns import MOST_CATEGORIES, Draft
from tfsoftmax.data.tables.reader import readers_of
from tfsoftmax.data.tables.telltales import Telltales
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class Gathered:
    """Statistics of columns and rows, collected part by part.

    Args:
      names: of the columns.
      options: how the columns of a table are written; None for rows of numbers.
      draft: what the columns of a table are, if they are not all numbers.
    """

    def __init__(
        self,
        names: Sequence[str],
        options: SourceOptions | None = None,
        draft: Draft | None = None,
    ):
        self.names, self._draft = list(names), draft
        self.readers = readers_of(self.names, options) if options else {}
        self._kinds = {each.name: each for each in draft.encoding.columns} if draft else {}
        self._cells = {
            each.name: TextCells(self._kinds[each.name], options.na_values if options else ())
            for each in (draft.encoding.inputs if draft else ())
            if each.dtype == "string" and self._kinds[each.name].kind != "boolean"
        }
        self._types: dict[str, str] = {}
        self.statistics = ColumnStatistics.none(len(self.names))
        self.infinite = np.zeros(len(self.names), np.int64)
        self.missing = np.zeros(len(self.names), np.int64)
        self._digests = [hashlib.blake2b(digest_size=16) for _ in self.names]
        self._hashes: list[np.ndarray] = []
        self._telltales = Telltales(self.names)

    def add(self, rows: np.ndarray, texts: dict[int, pd.Series] | None = None) -> None:
        """Adds rows of numbers ``[n, n_columns]``, NaN where a value is missing.

        Args:
          rows: the numbers.
          texts: the values that are not numbers, by index of the column, then of the row.
        """
        if np.issubdtype(rows.dtype, np.floating):
            infinite = np.isinf(rows)
            self.infinite += infinite.sum(axis=0)
            rows = np.where(infinite, np.nan, rows)
            self.missing += (np.isnan(rows) & ~infinite).sum(axis=0)
        self.statistics.add(rows)
        if texts:
            rows = rows.copy()
            for index, column in texts.items():
                rows[column.index, index] = _as_numbers(column)
        for digest, numbers in zip(self._digests, np.ascontiguousarray(rows.T), strict=True):
            digest.update(numbers.data)
        self._hashes.append(row_hashes(rows))

    def add_frame(self, frame: pd.DataFrame, classes: np.ndarray | None = None) -> None:
        """Adds a part of a table, and the classes of its rows as for `Telltales`, if it has any."""
        if classes is not None:
            self._telltales.add(frame, classes)
        rows = np.full((len(frame), len(self.names)), np.nan)
        first_row, texts = self.statistics.n_samples + 1, {}
        for index, name in enumerate(self.names):
            column, reader = frame[name], self.readers[name]
            if name in self._cells:
                texts[index] = self._add_cells(name, column, first_row)
                continue
            kind, writing = column.dtype.kind, reader.writing
            whole = kind in "iu" and not writing.like_words
            if reader.settled and (whole or (kind == "f" and writing.has_fractions)):
                rows[:, index] = column.to_numpy(np.float64, na_value=np.nan)
                continue
            cells = reader.read(column, first_row)
            rows[:, index] = cells.values
            if cells.texts is not None:
                texts[index] = cells.texts
            elif reader.type not in USABLE:
                texts[index] = column.set_axis(range(len(column))).dropna()
        self.add(rows, texts)

    def _add_cells(self, name: str, column: pd.Series, first_row: int) -> pd.Series:
        """Adds cells that are read as texts; returns those that are not missing."""
        import pandas as pd

        self._types[name] = "text" if pd.api.types.is_string_dtype(column) else str(column.dtype)
        cells = pd.Series(self._cells[name].add(column, first_row), dtype=object)
        return cells[cells != ""]

    def inspection(
        self,
        name: str,
        label: str | None,
        classes: Counter[str],
        example_shape: tuple[int, ...],
        test_rows: int,
        shared: int | None,
    ) -> Inspection:
        """Describes all that was added."""
        if not self.statistics.n_samples:
            raise DataError(f"{name}: no rows, only the names of columns")
        columns = self._columns()
        rows = self.statistics.n_samples
        return Inspection(
            name,
            rows,
            test_rows,
            columns,
            label,
            dict(classes.most_common()),
            self._duplicate_rows(columns),
            shared,
            example_shape,
            notes_on(
                columns, classes, rows, len(example_shape) > 1, self._draft, bool(self.readers)
            ),
            [name for name, each in self._kinds.items() if each.kind == "cross"],
        )

    def _duplicate_rows(self, columns: list[Column]) -> int | None:
        """How many rows repeat an earlier one; None if cells that are not known would count."""
        if any(column.conflict for column in columns):
            return None
        return self.statistics.n_samples - len(np.unique(np.concatenate(self._hashes)))

    def _columns(self) -> list[Column]:
        first: dict[bytes, str] = {}
        columns, telltales = [], self._telltales.columns()
        for index, described in enumerate(self._numbers()):
            digest, name = self._digests[index].digest(), described.name
            if name in self._cells:
                described = self._of_texts(described, self._cells[name])
            same_as = first.setdefault(digest, name)
            columns.append(replace(described, same_as=same_as, tells_class=name in telltales))
        return [
            replace(each, same_as=None) if each.same_as == each.name else each for each in columns
        ]

    def _numbers(self) -> Iterator[Column]:
        """All columns, described as far as they are numbers."""
        found = self.statistics
        # Each of these is computed, for all columns, whenever it is asked for.
        figures, constant = (found.low, found.mean, found.high, found.deviation), found.constant
        numbers = ColumnReader("")
        for index, name in enumerate(self.names):
            reader = self.readers.get(name, numbers)
            reader.writing.close()
            any_there = bool(found.count[index])
            low, mean, high, deviation = (
                float(figure[index]) if any_there else None for figure in figures
            )
            shown = reader.first_text
            missing = int(self.missing[index]) - reader.texts
            if reader.writing.conflict:
                missing = self.statistics.n_samples - reader.present
            role = self._role(name, reader)
            yield Column(
                name,
                "text" if reader.texts else reader.type,
                missing if reader.type in USABLE else 0,
                int(self.infinite[index]),
                reader.texts,
                f"row {shown.row:,}: {shown.text[:30]!r}" if shown else None,
                low,
                mean,
                high,
                deviation,
                bool(constant[index]) and any_there and not reader.texts,
                None,
                reader.writing.conflict,
                role,
                self._kind(name, reader, role),
                bool(self._draft and name in self._draft.asked.columns),
            )

    def _of_texts(self, described: Column, cells: TextCells) -> Column:
        """A column that is read as texts."""
        categories, kind = cells.categories, described.kind
        if kind == "category" and categories and not described.said:
            kind = "hashed" if categories.distinct > MOST_CATEGORIES else kind
        return replace(
            described,
            type=self._types.get(described.name, "text"),
            missing=cells.missing,
            texts=cells.present,
            constant=cells.constant,
            conflict=cells.conflict,
            kind=kind,
            categories=categories,
            dates=cells.dates,
            lengths=cells.lengths,
        )

    def _role(self, name: str, reader: ColumnReader) -> Role | None:
        """The role of a column that may only name the rows."""
        if self._draft and name in (self._draft.index, *self._draft.left_out):
            return "index" if name == self._draft.index else "name"
        if name in self._kinds:
            return "identifier" if reader.distinct.holds and reader.identifies_rows else None
        if not reader.distinct.holds:
            return None
        if reader.numbers_rows:
            return "index"
        if reader.names_rows:
            return "name"
        return "identifier" if reader.identifies_rows else None

    def _kind(self, name: str, reader: ColumnReader, role: Role | None) -> str | None:
        """How training reads a column; None if it cannot, or leaves it out."""
        if self._draft:
            return self._kinds[name].kind if name in self._kinds else None
        usable = reader.type in USABLE and not reader.writing.conflict and not reader.texts
        return reader.type if usable and role not in ("index", "name") else None


def _as_numbers(texts: pd.Series) -> np.ndarray:
    """Hashes each text to a number that is exact in float64."""
    import pandas as pd

    hashes = pd.util.hash_array(texts.map(str).to_numpy(object))
    return (hashes >> np.uint64(12)).astype(np.float64)
