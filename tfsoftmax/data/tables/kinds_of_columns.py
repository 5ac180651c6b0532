"""Finds out what each column of a table is: by what is said of it, or by its first cells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfsoftmax.choices import did_you_mean
from tfsoftmax.columns.column import Column, Encoding, Input, InputType, Kind
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.tables.asked import (
    HASHED_SIZE,
    TEXT_SIZE,
    AskedColumn,
    asked_buckets,
    asked_column,
    asked_cross,
)
from tfsoftmax.data.tables.cells import NAMELESS, ColumnReader
from tfsoftmax.data.tables.columns import Columns, listed
from tfsoftmax.data.tables.reader import nameless, readers_of
from tfsoftmax.data.tables.table import Part
from tfsoftmax.data.tables.texts import texts_of
from tfsoftmax.data.tables.writing import Example
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import Message, setting

if TYPE_CHECKING:
    import pandas as pd

# A column that is found to be a category has at most so many.
MOST_CATEGORIES = 1000
# So many may be in any number of rows; more are in two rows each, on average.
_FEW_CATEGORIES = 20
# Texts of so many words on average are texts even if they all differ, or if most differ.
_WORDS_OF_TEXTS, _WORDS_OF_NAMES = 3, 2
# A smaller share of texts among numbers is an error.
_FEWEST_TEXTS = 0.9
# So many rows show what their columns are, even if they are spread over several files.
_ROWS_OF_KINDS = 1000
_CROSSED: tuple[Kind, ...] = ("boolean", "category", "hashed")
_TIME = r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_ISO_DATE = rf"\d{{4}}-\d\d-\d\d{_TIME}"
_OTHER_DATES = {
    r"\d\d?/\d\d?/\d{4}": ("%d/%m/%Y", "%m/%d/%Y"),
    r"\d\d?\.\d\d?\.\d{4}": ("%d.%m.%Y",),
    r"\d\d?-\d\d?-\d{4}": ("%d-%m-%Y", "%m-%d-%Y"),
    r"\d{4}/\d\d/\d\d": ("%Y/%m/%d",),
}


@dataclass(frozen=True)
class Asked:
    """What is said of the columns of a table.

    Attributes:
      columns: of single columns, by name.
      crosses: which are crossed.
    """

    columns: dict[str, AskedColumn] = field(default_factory=dict)
    crosses: tuple[AskedColumn, ...] = ()

    @classmethod
    def of(
        cls, source: str, found: Sequence[str], columns: Columns, options: SourceOptions
    ) -> Asked:
        """Reads the options of a table.

        Args:
          source: for messages.
          found: names of all its columns.
          columns: by their role.
          options: that are asked for.

        Raises:
          UsageError: if something is said twice of a column.
          DataError: if there is no column of a name, or it is not learned from.
        """
        known = set(found)
        single = [asked_column(text, known) for text in options.column]
        single += [asked_buckets(text, known) for text in options.buckets]
        crosses = tuple(asked_cross(text, known) for text in options.cross)
        for name in [name for each in (*single, *crosses) for name in each.names]:
            if name not in known:
                raise DataError(
                    f"{source}: no column {name!r}; {did_you_mean(name, found)}there are "
                    + listed(found)
                )
            if name not in columns.features:
                role = "has the classes" if name == columns.label else "is not learned from"
                raise DataError(
                    f"{source}: column {name!r} {role}, so there is nothing to say of its kind"
                )
        by_name = {each.names[0]: each for each in single}
        if len(by_name) < len(single):
            names = [each.names[0] for each in single]
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"the kind of column {twice!r} is said twice; say it once")
        return cls(by_name, crosses)

    def __bool__(self) -> bool:
        return bool(self.columns or self.crosses)


@dataclass(frozen=True)
class Draft:
    """An encoding before anything is learned from the rows: without vocabularies.

    Attributes:
      encoding: all inputs are numbers or texts.
      asked: what is said of columns.
      index, left_out: columns that only number or name the rows.
      empty: columns without a value.
      hints: what else somebody should know, a sentence each.
    """

    encoding: Encoding
    asked: Asked
    index: str | None = None
    left_out: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


class Guess(NamedTuple):
    """What a column is: its kind, the type of its cells, and a hint, if there is one."""

    column: Column
    dtype: InputType
    hint: str | None = None

    @property
    def plain(self) -> bool:
        """Whether it can be a feature as it is."""
        return self.column.kind in ("number", "boolean")


class _LeftOut(NamedTuple):
    why: str
    hint: str | None = None


def first_parts(parts: Iterator[Part]) -> list[Part]:
    """The first parts of a table, by which kinds are found: one, or more if they are small."""
    first: list[Part] = []
    while sum(len(part.frame) for part in first) < _ROWS_OF_KINDS:
        part = next(parts, None)
        if part is None:
            break
        first.append(part)
    return first


def draft_of(
    source: str, parts: Sequence[Part], names: Sequence[str], options: SourceOptions, asked: Asked
) -> Draft | None:
    """Finds out what the columns of a table are.

    Args:
      source: for messages.
      parts: the first rows, as `first_parts` chooses them.
      names: of the columns to learn from.
      options: how they are written.
      asked: what is said of them.

    Returns:
      None if they are all numbers and booleans and nothing is said of them: they are features
      as they are.

    Raises:
      DataError: naming row and column, if the cells of a column are not of one kind.
    """
    parts = [part for part in parts if len(part.frame)]
    if not asked and all(_all_numbers(part.frame, names) for part in parts):
        return None
    places = {part.where or source for part in parts}
    where = places.pop() if len(places) == 1 else source
    readers = readers_of(names, options)
    found: dict[str, Guess | _LeftOut] = {}
    for name in names:
        look = _Look(where, parts, name, readers[name], options)
        said = asked.columns.get(name)
        found[name] = look.as_said(said) if said else look.guess()
    guesses = {name: one for name, one in found.items() if isinstance(one, Guess)}
    if not asked and all(one.plain for one in guesses.values()):
        return None
    empty = tuple(
        name for name in guesses if not readers[name].present and name not in asked.columns
    )
    kept = {name: one for name, one in guesses.items() if name not in empty}
    crosses = [_cross(source, each, kept) for each in asked.crosses]
    if not kept:
        raise DataError(f"{source}: no column is left to learn from, of {listed(names)}")
    why = {name: one.why for name, one in found.items() if isinstance(one, _LeftOut)}
    return Draft(
        Encoding(
            tuple(Input(name, one.dtype) for name, one in kept.items()),
            (*(one.column for one in kept.values()), *crosses),
        ),
        asked,
        next((name for name, reason in why.items() if reason == "index"), None),
        tuple(name for name, reason in why.items() if reason == "name"),
        empty,
        tuple(one.hint for name, one in found.items() if one.hint and name not in empty),
    )


def _all_numbers(frame: pd.DataFrame, names: Sequence[str]) -> bool:
    kinds = [frame[name].dtype for name in names]
    return all(isinstance(kind, np.dtype) and kind.kind in "iufb" for kind in kinds)


def _cross(source: str, asked: AskedColumn, found: dict[str, Guess]) -> Column:
    for name in asked.names:
        kind = found[name].column.kind if name in found else None
        if kind not in _CROSSED:
            is_kind = f"is a {kind}" if kind else "is left out"
            raise DataError(
                f"{source}: column {name!r} {is_kind}, and a cross takes categories and booleans: "
                "take it as one with " + setting("column", [f"{name}=category"])
            )
    return Column(":".join(asked.names), "cross", asked.names, size=asked.size)


class _Look:
    """A look at the first cells of a column."""

    def __init__(
        self,
        where: str,
        parts: Sequence[Part],
        name: str,
        reader: ColumnReader,
        options: SourceOptions,
    ):
        import pandas as pd

        self._where, self._name, self._reader, self._options = where, name, reader, options
        columns = [part.frame[name] for part in parts]
        self._column = pd.concat(columns, ignore_index=True)
        for part, column in zip(parts, columns, strict=True):
            reader.read(column, part.first_row)
        self._rows = np.concatenate(
            [np.arange(part.first_row, part.first_row + len(part.frame)) for part in parts]
        )

    def as_said(self, said: AskedColumn) -> Guess:
        """The column as it is said to be."""
        names = said.names
        if said.kind == "date":
            zone, written = said.time_zone or "UTC", said.date_format
            column = Column(names[0], "date", names, time_zone=zone, date_format=written)
            return Guess(column, "string")
        if said.kind == "buckets":
            # Where only their number is said, boundaries are learned.
            boundaries = said.boundaries or (0.0,)
            return Guess(Column(names[0], "buckets", names, boundaries=boundaries), "float32")
        if said.kind == "number":
            return Guess(Column(names[0], "number", names), "float32")
        if said.kind == "boolean":
            return Guess(Column(names[0], "boolean", names), self._type_of_booleans())
        return Guess(Column(names[0], said.kind, names, size=said.size), "string")

    def guess(self) -> Guess | _LeftOut:
        """The column as its cells show it."""
        names, reader = (self._name,), self._reader
        if self._options.features is None:
            if reader.numbers_rows and reader.distinct.holds:
                return _LeftOut("index")
            if self._name == NAMELESS and not self._names_rows:
                raise nameless(self._where)
        if self._is_of_dates():
            return Guess(Column(self._name, "date", names, time_zone="UTC"), "string")
        if reader.writing.conflict and self._is_categorical:
            return Guess(Column(self._name, "category", names), "string")
        if not reader.is_text or (reader.writing.conflict and self._share_of_texts < _FEWEST_TEXTS):
            if reader.type == "boolean":
                return Guess(Column(self._name, "boolean", names), self._type_of_booleans())
            return Guess(Column(self._name, "number", names), "float32")
        return self._guess_of_texts()

    @property
    def _share_of_texts(self) -> float:
        return self._reader.texts / self._reader.present

    @property
    def _names_rows(self) -> bool:
        return self._reader.names_rows and self._reader.distinct.holds

    @property
    def _is_categorical(self) -> bool:
        import pandas as pd

        return isinstance(self._column.dtype, pd.CategoricalDtype)

    def _is_of_dates(self) -> bool:
        import pandas as pd

        if pd.api.types.is_datetime64_any_dtype(self._column.dtype):
            return True
        inferred = pd.api.types.infer_dtype(self._column, skipna=True)
        return inferred in ("date", "datetime", "datetime64")

    def _type_of_booleans(self) -> InputType:
        import pandas as pd

        column = self._column
        if pd.api.types.is_bool_dtype(column.dtype):
            return "float32"
        return "float32" if pd.api.types.infer_dtype(column, skipna=True) == "boolean" else "string"

    def _guess_of_texts(self) -> Guess | _LeftOut:
        reader, name, names = self._reader, self._name, (self._name,)
        texts = self._texts()
        if texts.empty:  # None of its cells is a text, which is an error when they are read.
            return Guess(Column(name, "category", names), "string")
        dates = texts.str.fullmatch(_ISO_DATE).to_numpy(bool)
        if dates.sum() > len(texts) / 2:
            self._check_dates(texts, dates)
            return Guess(Column(name, "date", names, time_zone="UTC"), "string")
        words = texts.str.split().str.len().mean()
        hint = self._hint_at_dates(texts)
        if self._options.features is None and self._names_rows and words < _WORDS_OF_TEXTS:
            return _LeftOut("name", hint)
        if reader.measured:
            raise self._error(
                "it is text", reader.first_text, "; expected numbers: turn it into numbers"
            )
        if self._share_of_texts < _FEWEST_TEXTS:
            raise self._error(
                "it is part text", reader.first_text, ", part numbers; write it in one way"
            )
        n_distinct = texts.nunique()
        mostly = n_distinct > len(texts) / 2
        if mostly and words >= _WORDS_OF_NAMES and not self._is_categorical:
            return Guess(Column(name, "text", names, size=TEXT_SIZE), "string", hint)
        few = n_distinct <= _FEW_CATEGORIES or not mostly
        if self._is_categorical or (few and n_distinct <= MOST_CATEGORIES):
            return Guess(Column(name, "category", names), "string", hint)
        return Guess(Column(name, "hashed", names, size=HASHED_SIZE), "string", hint)

    def _texts(self) -> pd.Series:
        """The cells that are not missing, in rows that can be used."""
        import pandas as pd

        def ignore(rows: object, reason: str, problem: object) -> None:
            """What cannot be a text is reported when all rows are read."""

        cells = pd.Series(texts_of(self._column, ignore, self._options.na_values), dtype=object)
        return cells[cells != ""]

    def _check_dates(self, texts: pd.Series, dates: np.ndarray) -> None:
        if dates.all():
            return
        strange, fine = (
            Example(int(self._rows[texts.index[which][0]]), texts[which].iloc[0])
            for which in (~dates, dates)
        )
        raise self._error("it has", strange, f" among dates such as {fine}; correct it")

    def _error(self, what: str, example: Example | None, rest: str) -> DataError:
        shown = f" (row {example.row}: {example.text[:40]!r})" if example else ""
        return DataError(
            f"{self._where}, column {self._name!r}: {what}{shown}{rest}"
            + self._reader.writing.remedy
        )

    def _hint_at_dates(self, texts: pd.Series) -> str | None:
        first = texts.iloc[0]
        for pattern, formats in _OTHER_DATES.items():
            if re.fullmatch(pattern, first) and texts.str.fullmatch(pattern).all():
                ways = [setting("column", [f"{self._name}=date:{each}"]) for each in formats]
                said = Message(" or ").join(ways)
                return f"column {self._name!r}: {first!r} may be a date; then say " + said
        return None


def with_inputs(encoding: Encoding, columns: Collection[Column]) -> Encoding:
    """An encoding of these columns, with only the inputs that they are made from."""
    needed = {name for column in columns for name in column.inputs}
    inputs = tuple(each for each in encoding.inputs if each.name in needed)
    return replace(encoding, inputs=inputs, columns=tuple(columns))
