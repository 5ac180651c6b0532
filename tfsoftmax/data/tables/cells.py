"""Reads the cells of a table's column as numbers, all in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.tables.distinct import Distinct
from tfsoftmax.data.tables.notation import MARK, NOTATIONS, Notation
from tfsoftmax.data.tables.writing import SAMPLE, Example, Writing

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_MARKED = rf"^([+-]?)\s*({MARK}?)\s*([+-]?)\s*([^+$€£%()-]+?)\s*({MARK}?)$"
_ANY_NUMBER = "|".join(notation.pattern for notation in NOTATIONS)
_LIKE_A_NUMBER = rf"(?:\(?\s*[+-]?\s*{MARK}?\s*\(?\s*(?:{_ANY_NUMBER})\s*\)?\s*{MARK}?\s*\)?)"
# How pandas calls an index without a name, in a CSV file and in a Parquet file.
NAMELESS = "Unnamed: 0"
INDEXES = (NAMELESS, "__index_level_0__")
# In fewer rows, all values may differ by chance.
_ROWS_TO_IDENTIFY = 20
# A number followed by a unit.
_MEASURED = r"^[+-]?[0-9][0-9.,]*\s*([^0-9.,\s]+)$"
# No number has more characters.
_LONGEST_NUMBER = 400


@dataclass(frozen=True)
class Cells:
    """Some cells of a column.

    Attributes:
      values: float64 ``[n]``, NaN where there is no number.
      texts: the cells that are not numbers, by their indices; None if there are none.
    """

    values: np.ndarray
    texts: pd.Series | None = None


class ColumnReader:
    """Reads one column, part after part, and finds out whether all cells are written alike.

    Args:
      name: of the column.
      notation: how its numbers are written where they are text.
      na_values: texts that stand for a missing value.
      mark: on every number, such as ``"$"``, or ``""`` for no mark; None to find out.
      remedy: the end of a message: what can be done other than correcting the cells.

    Attributes:
      type: ``"number"``, ``"boolean"``, ``"text"``, or the file's own name of a type that
        cannot be used.
      writing: how its numbers are written, and whether in one way.
      present: number of cells that are not missing.
      texts: number of those that are not numbers.
      first_text: the first of those.
      measured: whether they are numbers with a unit.
      distinct: whether all its values differ.

    >>> import pandas as pd
    >>> reader = ColumnReader("price", Notation(".", ","))
    >>> prices = pd.Series(["$3,750", "$39.1", None])
    >>> reader.read(prices, first_row=1).values.tolist(), reader.writing.mark
    ([3750.0, 39.1, nan], '$')
    """

    def __init__(
        self,
        name: str,
        notation: Notation | None = None,
        na_values: Iterable[str] = (),
        mark: str | None = None,
        remedy: str = "",
    ):
        self.name, self.notation = name, notation or Notation()
        self.na_values = frozenset(na_values)
        self.writing = Writing(name, self.notation, mark, remedy)
        self.type = "number"
        self.present = self.texts = 0
        self.first_text: Example | None = None
        self.distinct = Distinct()
        self.measured = False

    @property
    def is_text(self) -> bool:
        """Whether most cells so far are texts."""
        return self.texts > self.present / 2

    @property
    def settled(self) -> bool:
        """Whether more numbers cannot change how it is read, except for those `like_words`."""
        plain = self.type == "number" and not self.texts and not self.na_values
        return plain and not self.distinct.possible and list(self.writing.marks) == [""]

    @property
    def doubtful(self) -> bool:
        """Whether its numbers may have another meaning, which only their text can show."""
        return self.writing.maybe_groups or self.maybe_padded

    @property
    def maybe_padded(self) -> bool:
        """Whether its whole numbers might begin with 0, which only their text can show."""
        return self.type == "number" and self.writing.maybe_padded and not self.texts

    @property
    def numbers_rows(self) -> bool:
        """Whether it is an index that pandas wrote with the table."""
        whole = self.type == "number" and self.present and not self.texts
        return self.name in INDEXES and bool(whole) and self.distinct.possible

    @property
    def names_rows(self) -> bool:
        """Whether it has a different text in every row so far."""
        plain = self.is_text and not self.writing.conflict and not self.measured
        return plain and self.distinct.possible

    @property
    def identifies_rows(self) -> bool:
        """Whether it may number the rows: whole numbers that all differ."""
        plain = self.type == "number" and not self.texts and self.present >= _ROWS_TO_IDENTIFY
        return plain and self.distinct.holds

    def read(self, column: pd.Series, first_row: int) -> Cells:
        """Reads a part.

        Args:
          column: its cells.
          first_row: number of the first row, for messages.
        """
        import pandas as pd

        dtype, is_type = column.dtype, pd.api.types
        if is_type.is_numeric_dtype(dtype):  # booleans are
            return self._numbers(column, first_row)
        texts = is_type.is_string_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype)
        if texts or is_type.is_object_dtype(dtype):
            return self._of_texts(column.astype(object), first_row)
        self.type = str(dtype)
        self.present += int(column.notna().sum())
        self.distinct.fail()
        return Cells(np.full(len(column), np.nan))

    def _numbers(self, column: pd.Series, first_row: int) -> Cells:
        plain = isinstance(column.dtype, np.dtype)
        values = column.to_numpy(np.float64, **({} if plain else {"na_value": np.nan}))
        for missing in self.na_values:
            if Notation().reads(missing):
                values = np.where(values == float(missing), np.nan, values)
        there = ~np.isnan(values)
        self.present += int(there.sum())
        self._look(values, there, first_row, "bool" in str(column.dtype))
        self.distinct.add(values)
        return Cells(values)

    def _look(self, values: np.ndarray, there: np.ndarray, first_row: int, are_words: bool) -> None:
        if there.any():
            self.writing.look(values, there, first_row, are_words)
            self.type = "boolean" if are_words else self.type

    def _of_texts(self, column: pd.Series, first_row: int) -> Cells:
        import pandas as pd

        column = column.set_axis(range(len(column)))
        values = np.full(len(column), np.nan)
        strings = column.map(lambda cell: isinstance(cell, str)).astype(bool)
        others = column[~strings & column.notna()]
        values[others.index] = pd.to_numeric(others, errors="coerce")
        strange = others[np.isnan(values[others.index])].map(str)
        if len(others) > len(strange):
            there = ~np.isnan(values)
            self._look(values, there, first_row, others.map(type).isin([bool, np.bool_]).all())
        cells = column[strings].str.strip()
        cells = cells[(cells != "") & ~cells.isin(self.na_values)]
        self.present += len(others) + len(cells)
        short = cells.str.len() <= _LONGEST_NUMBER
        texts = self._strings(cells[short], values, first_row)
        texts = pd.concat([strange, cells[~short], texts]).sort_index()
        self.texts += len(texts)
        if len(texts):
            row = int(texts.index[0])
            self.first_text = self.first_text or Example(first_row + row, texts.iloc[0])
            units = texts[:SAMPLE].str.extract(_MEASURED)[0]
            self.measured = units.nunique(dropna=False) == 1 and bool(units.notna().all())
            everything = column.map(str).to_numpy(object)
            whole = len(others) + len(cells) == len(column)
            self.distinct.add(pd.util.hash_array(everything) if whole else np.full(1, np.nan))
        else:
            self.distinct.add(values)
        return Cells(values, texts if len(texts) else None)

    def _strings(self, cells: pd.Series, values: np.ndarray, first_row: int) -> pd.Series:
        """Writes the numbers among some texts to `values`, returns the other texts."""
        plain = cells[cells.str.fullmatch(self.notation.pattern).astype(bool)]
        values[plain.index] = self.notation.numbers(plain)
        self.writing.look_at_texts(plain, values, first_row)
        rest = cells.drop(plain.index)
        if rest.empty:
            return rest
        words = rest.str.lower().map(_WORDS).dropna()
        if len(words):
            values[words.index] = words
            self.type = "boolean"
            index = int(words.index[0])
            self.writing.first.setdefault("word", Example(first_row + index, rest[index]))
            rest = rest.drop(words.index)
        rest = self._marked(rest, values, first_row)
        like = rest[rest.str.fullmatch(_LIKE_A_NUMBER).astype(bool)]
        texts = rest.drop(like.index)
        self.writing.check()
        if len(like) and self.texts + len(texts) <= self.present / 2:
            index = int(like.index[0])
            numbers = [*plain[:SAMPLE], *like[:SAMPLE]]
            self.writing.refuse(Example(first_row + index, like[index]), numbers)
            return texts
        return rest

    def _marked(self, rest: pd.Series, values: np.ndarray, first_row: int) -> pd.Series:
        """Writes the numbers that have a mark to `values`, returns the other texts."""
        if rest.empty:
            return rest
        parts = rest.str.extract(_MARKED).fillna("")
        sign, before, other_sign, body, after = (parts[index].astype(object) for index in range(5))
        mark = before + after
        fits = (mark.str.len() == 1) & ((sign == "") | (other_sign == ""))
        fits &= body.str.fullmatch(self.notation.pattern).astype(bool)
        if not fits.any():
            return rest
        negative = (sign + other_sign)[fits] == "-"
        values[rest.index[fits]] = self.notation.numbers(body[fits]) * np.where(negative, -1, 1)
        for found in mark[fits].unique():
            index = int(rest.index[fits & (mark == found)][0])
            self.writing.marks.setdefault(found, Example(first_row + index, rest[index]))
        return rest[~fits]
