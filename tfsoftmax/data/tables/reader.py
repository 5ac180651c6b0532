"""Reads the columns of a table as numbers, part after part, and finds rows to leave out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.bad_rows import BadRows, refuse
from tfsoftmax.data.collector import Collector
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.tables.cells import NAMELESS, Cells, ColumnReader
from tfsoftmax.data.tables.columns import listed
from tfsoftmax.data.tables.distinct import Distinct
from tfsoftmax.data.tables.notation import Notation
from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError
from tfsoftmax.messages import Message, setting

if TYPE_CHECKING:
    import pandas as pd


def readers_of(
    names: Sequence[str], options: SourceOptions, model: bool = False, marks_known: bool = True
) -> dict[str, ColumnReader]:
    """Makes a reader for each of some columns.

    Args:
      names: of the columns.
      options: how numbers are written, what is missing, which columns have a mark.
      model: whether they are read for a trained model, for which columns have marks only
        where the options say so.
      marks_known: whether the options say so; those of a frame in memory do not.
    """
    notation = Notation(options.decimal, options.thousands)
    known = {mark[1:]: mark[:1] for mark in options.marks or ()}
    unknown = "" if marks_known and (model or options.marks is not None) else None
    return {
        name: ColumnReader(
            name,
            notation,
            options.na_values,
            known.get(name, unknown),
            "" if model else other_ways(name, options),
        )
        for name in names
    }


def other_ways(name: str, options: SourceOptions) -> Message:
    """The end of a message: how a column can be read before a model is trained, or left out."""
    category = ", or take it as categories with " + setting("column", [f"{name}=category"])
    out = " or leave the column out with " + setting("drop", [name])
    return category + out + _in_place(name, options)


def _in_place(name: str, options: SourceOptions) -> str:
    """The end of such advice, if an option says of what kind the column is."""
    ways = ("column", f"{name}=", options.column), ("buckets", f"{name}:", options.buckets)
    said = [
        setting(way, [text])
        for way, start, texts in ways
        for text in texts
        if text.startswith(start)
    ]
    return " in place of " + said[0] if said else ""


def nameless(source: str) -> DataError:
    """The error for a first column without a name that does not number the rows."""
    return DataError(
        f"{source}: the first column has no name in the first row; give it one, "
        "or leave it out with " + setting("drop", [NAMELESS])
    )


# What can be done about a missing value once a model is trained.
RETRAIN = (
    "train the model again with "
    + setting("missing", "mean")
    + ", which takes means for missing values"
)


class NumbersReader:
    """Reads columns of a table as float32, part after part.

    Args:
      source: for messages.
      names: of the columns.
      options: how they are written, whether values may be missing.
      model: whether they are read for a trained model.
      marks_known: whether the options say which columns have a mark; of rows in memory, that a
        model is asked about, they do not.
      leave_out: whether columns that only name the rows may be left out.
      remedy: what can be done about a missing value; None for what can be done before training.

    Attributes:
      names: of the columns that are read; known after the first part.
      index, left_out: columns that are not read: row numbers, and texts that all differ.
    """

    def __init__(
        self,
        source: str,
        names: Sequence[str],
        options: SourceOptions,
        *,
        model: bool = False,
        marks_known: bool = True,
        leave_out: bool = False,
        remedy: str | None = None,
    ):
        self._source, self._options, self._remedy, self._model = source, options, remedy, model
        self.names = tuple(names)
        self.index: str | None = None
        self.left_out: tuple[str, ...] = ()
        self._new_readers = partial(readers_of, names, options, model, marks_known)
        self._readers = self._new_readers()
        self._first, self._leave_out = True, leave_out
        self._in_memory = model and not marks_known

    def rows(
        self,
        frame: pd.DataFrame,
        first_row: int,
        collector: Collector | None = None,
        where: str | None = None,
        usable: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads the next part.

        Args:
          frame: with the columns.
          first_row: number of its first row, for messages.
          collector: counts rows that cannot be used, and checks whole numbers; None makes such
            rows an error.
          where: name of the source, or of a part of it, for messages.
          usable: bool ``[n]``, rows that are not known to be bad; None is all.

        Returns:
          float32 ``[n, len(names)]``, and bool ``[n]``, which rows can be used.

        Raises:
          DataError: naming row and column, if a value is not a number or missing.
        """
        where = where or self._source
        bad = collector.bad_rows if collector else BadRows(self._source, skip=False)
        usable = np.ones(len(frame), bool) if usable is None else usable.copy()
        numbers = self._settled(frame, first_row)
        if numbers is None:
            cells = {
                name: reader.read(frame[name], first_row)
                for name, reader in self._readers.items()
                if name != self.index
            }
            if self._first and len(frame):
                self._choose()
            numbers = np.empty((len(frame), len(self.names)), order="F")
            for index, name in enumerate(self.names):
                self._check(self._readers[name], where)
                numbers[:, index] = cells[name].values
                self._without_texts(cells[name], name, first_row, bad, usable, where)
        if collector:
            collector.whole_numbers.add_frame(frame, self.names, numbers, first_row, where)
        self._without_missing(numbers, first_row, bad, usable, where)
        with np.errstate(over="ignore"):
            out = np.ascontiguousarray(numbers, np.float32)
        self._without_infinite(numbers, out, first_row, bad, usable, where)
        return out, usable

    def _settled(self, frame: pd.DataFrame, first_row: int) -> np.ndarray | None:
        """Reads all columns at once, if they are numbers and it is settled how to read them."""
        if self._first or self.index or self.left_out:
            return None
        if not all(self._readers[name].settled for name in self.names):
            return None
        columns = frame[list(self.names)]
        if not all(isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in columns.dtypes):
            return None
        numbers = columns.to_numpy(np.float64)
        for name in self.names:
            reader = self._readers[name]
            writing, kind = reader.writing, frame[name].dtype.kind
            if writing.like_words or (kind == "f" and not writing.has_fractions):
                reader.read(frame[name], first_row)
        return numbers

    def choose(self, frame: pd.DataFrame, first_row: int) -> None:
        """Finds the columns that only name the rows, by the first rows of a table.

        Without it they are found by the first rows that are read.

        Args:
          frame: the rows, at least one.
          first_row: number of the first, for messages.

        Raises:
          DataError: if no column is left.
        """
        for name, reader in self._readers.items():
            reader.read(frame[name], first_row)
        self._choose()
        self._readers = self._new_readers()

    def _choose(self) -> None:
        """Finds the columns that only name the rows."""
        self._first = False
        if not self._leave_out:
            return
        for name in list(self.names):
            reader = self._readers[name]
            if reader.numbers_rows:
                self.index = name
            elif reader.names_rows:
                self.left_out += (name,)
            elif name == NAMELESS:
                raise nameless(self._source)
        known = self.names
        apart = {self.index, *self.left_out}
        self.names = tuple(name for name in known if name not in apart)
        if not self.names:
            found = Notes(index=self.index, left_out=self.left_out)
            raise DataError(
                f"{self._source}: no column is left to learn from, of {listed(known)}: "
                + Message("; ").join(found.sentences())
            )

    def _check(self, reader: ColumnReader, where: str) -> None:
        """Checks that a column is one of numbers."""
        writing = reader.writing
        if writing.conflict:
            raise DataError(f"{where}, " + writing.conflict)
        if reader.type not in ("number", "boolean"):
            raise DataError(
                f"{where}, column {reader.name!r}: its type is {reader.type}; expected numbers or "
                "booleans: turn it into numbers" + writing.remedy
            )
        if reader.texts and reader.is_text:
            first = reader.first_text
            assert first
            raise DataError(
                f"{where}, column {reader.name!r}: it is text (row {first.row}: "
                f"{first.text[:40]!r}); expected numbers: turn it into numbers" + writing.remedy
            )

    def _without_texts(
        self, cells: Cells, name: str, first_row: int, bad: BadRows, usable: np.ndarray, where: str
    ) -> None:
        if cells.texts is None:
            return
        texts, strange = cells.texts, np.zeros(len(usable), bool)
        strange[texts.index] = True

        def problem(row: int) -> str:
            return (
                f"{where}, row {first_row + row}, column {name!r}: {texts[row][:40]!r} is not a "
                "number; correct it"
                + self._as_missing(texts[row])
                + self._as_category(name)
                + self._ways_out(name)
            )

        refuse(bad, usable, strange, "with a value that is not a number", problem)

    def _without_missing(
        self, numbers: np.ndarray, first_row: int, bad: BadRows, usable: np.ndarray, where: str
    ) -> None:
        missing = np.isnan(numbers)
        if self._options.fill or not missing.any():
            return

        def problem(row: int) -> str:
            index = int(np.argmax(missing[row]))
            name = self.names[index]
            if missing[:, index].all() and len(missing) > 1 and not self._remedy:
                return (
                    f"{where}, column {name!r}: all values are missing from row {first_row} to "
                    f"{first_row + len(missing) - 1:,}; leave it out with "
                    + setting("drop", [name])
                )
            usual = "take the mean for it with " + setting("missing", "mean") + self._ways_out(name)
            return (
                f"{where}, row {first_row + row}, column {name!r}: the value is missing; fill it "
                "in, or " + (self._remedy or usual)
            )

        refuse(bad, usable, missing.any(axis=1), "with a missing value", problem)

    def _without_infinite(
        self,
        numbers: np.ndarray,
        out: np.ndarray,
        first_row: int,
        bad: BadRows,
        usable: np.ndarray,
        where: str,
    ) -> None:
        # Checked after the conversion: the largest float32 is written as a larger decimal number.
        beyond = np.isinf(out)
        if not beyond.any():
            return

        def problem(row: int) -> str:
            index = int(np.argmax(beyond[row]))
            name = self.names[index]
            return (
                f"{where}, row {first_row + row}, column {name!r}: {numbers[row, index]:g} is "
                "beyond what can be computed with (3.4e38); correct it" + self._ways_out(name)
            )

        refuse(bad, usable, beyond.any(axis=1), "with a value beyond 3.4e38", problem)

    def _as_missing(self, text: str) -> str:
        """How to declare a text without digits a missing value; empty for other texts."""
        if any(character.isdigit() for character in text) and not text.startswith("#"):
            return ""
        if self._in_memory:
            return f"; or, if it stands for a missing value, replace it: {text[:40]!r} by None"
        return "; or, if it stands for a missing value, say " + setting("na_values", text[:40])

    def _as_category(self, name: str) -> str:
        said = "; or take the column as categories with " + setting("column", [f"{name}=category"])
        return "" if self._model else said + _in_place(name, self._options)

    def _ways_out(self, name: str) -> str:
        if self._model:
            return ""
        row, column = setting("bad_rows", "skip"), setting("drop", [name])
        in_place = _in_place(name, self._options)
        return "; or leave out its row with " + row + ", or the column with " + column + in_place

    @property
    def doubtful(self) -> list[ColumnReader]:
        """Readers of columns whose numbers may have another meaning; only their text can show."""
        readers = [] if self._model else [self._readers[name] for name in self.names]
        return [reader for reader in readers if reader.doubtful]

    @property
    def identifying(self) -> tuple[str, ...]:
        """Columns of whole numbers that have differed in every row so far."""
        return tuple(name for name in self.names if self._readers[name].identifies_rows)

    def of_all(self, workers: Workers) -> bool:
        """Takes in what the others have found in plain columns; all must call it.

        Returns:
          Whether all have found columns of the same types.
        """
        readers = [self._readers[name] for name in self.names]
        own = [[reader.present, reader.type, reader.writing.said()] for reader in readers]
        of_columns = zip(*said_by_all(own, workers), strict=True)
        for reader, found in zip(readers, of_columns, strict=True):
            present, types, writings = zip(*found, strict=True)
            reader.present = sum(present)
            # That of columns without a value is "number".
            reader.type = next((each for each in types if each != "number"), "number")
            reader.writing.of_all(writings)
        Distinct.of_all([reader.distinct for reader in readers], workers)
        return not any(reader.writing.conflict for reader in readers)

    def finish(self) -> Notes:
        """Summarises what was found in all parts.

        Raises:
          DataError: if a column turns out to be unusable.
        """
        for name, reader in self._readers.items():
            if name in self.left_out:
                if not reader.distinct.holds:
                    self._check(reader, self._source)
            elif not self._model:
                reader.writing.close()
                self._check(reader, self._source)
        read = [self._readers[name] for name in self.names]
        return Notes(
            index=self.index,
            left_out=self.left_out,
            identifying=self.identifying if self._leave_out else (),
            marks=tuple(mark + reader.name for reader in read if (mark := reader.writing.mark)),
            hints=() if self._model else hints_at_codes(read, self._options),
        )


def hints_at_codes(readers: Iterable[ColumnReader], options: SourceOptions) -> tuple[str, ...]:
    """A sentence on each column of numbers such as 007, unless it is said to be of numbers."""
    return tuple(
        f"column {reader.name!r}: {padded} begins with 0, and was taken for a number; if such "
        "numbers are codes, say " + setting("column", [f"{reader.name}=category"])
        for reader in readers
        if (padded := reader.writing.padded) and f"{reader.name}=number" not in options.column
    )
