"""Reads the cells of a table's column as numbers, all in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.tables.distinct import Distinct
from tfsoftmax.data.tables.notation import (
    MARK,
    NOTATIONS,
    Notation,
    bare,
    like_groups,
    readings,
    ways,
)
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_MARKED = rf"^([+-]?)\s*({MARK}?)\s*([+-]?)\s*([^+$€£%()-]+?)\s*({MARK}?)$"
_ANY_NUMBER = "|".join(notation.pattern for notation in NOTATIONS)
_LIKE_A_NUMBER = rf"(?:\(?\s*[+-]?\s*{MARK}?\s*\(?\s*(?:{_ANY_NUMBER})\s*\)?\s*{MARK}?\s*\)?)"
# How pandas calls an index without a name, in a CSV file and in a Parquet file.
NAMELESS = "Unnamed: 0"
_INDEXES = (NAMELESS, "__index_level_0__")
# In fewer rows, all values may differ by chance.
_ROWS_TO_IDENTIFY = 20
# A number followed by a unit.
_MEASURED = r"^[+-]?[0-9][0-9.,]*\s*([^0-9.,\s]+)$"
# No number has more characters.
_LONGEST_NUMBER = 400
# Number of cells of a part in which examples for messages are looked for.
_SAMPLE = 1000


@dataclass(frozen=True)
class Example:
    """A cell to show in a message how a column is written."""

    row: int
    text: str

    def __str__(self) -> str:
        return f"{self.text[:40]!r} (row {self.row:,})"


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
      droppable: whether the column can be left out, as it can until a model is trained.

    Attributes:
      type: ``"number"``, ``"boolean"``, ``"text"``, or the file's own name of a type that
        cannot be used.
      conflict: why its cells cannot be read in one way; None if they can.
      present: number of cells that are not missing.
      texts: number of those that are not numbers.
      first_text: the first of those.
      measured: whether they are numbers with a unit.
      distinct: whether all its values differ.

    >>> import pandas as pd
    >>> reader = ColumnReader("price", Notation(".", ","))
    >>> reader.read(pd.Series(["$3,750", "$39.1", None]), first_row=1).values.tolist(), reader.mark
    ([3750.0, 39.1, nan], '$')
    """

    def __init__(
        self,
        name: str,
        notation: Notation | None = None,
        na_values: Iterable[str] = (),
        mark: str | None = None,
        droppable: bool = True,
    ):
        self.name, self.notation = name, notation or Notation()
        self.na_values, self.expected_mark = frozenset(na_values), mark
        self._droppable = droppable
        self.type = "number"
        self.conflict: str | None = None
        self.present = self.texts = 0
        self.first_text: Example | None = None
        self.distinct = Distinct()
        self.measured = False
        self._marks: dict[str, Example] = {}
        # The first word, the first number that is no word's, the first fraction, ...
        self._first: dict[str, Example] = {}

    @property
    def remedy(self) -> str:
        """The end of a message: what can be done other than correcting the cells."""
        category = setting("column", [f"{self.name}=category"])
        out = " or leave the column out with " + setting("drop", [self.name])
        return ", or take it as categories with " + category + out if self._droppable else ""

    @property
    def is_text(self) -> bool:
        """Whether most cells so far are texts."""
        return self.texts > self.present / 2

    @property
    def mark(self) -> str:
        """The mark on every number, such as ``"$"`` or ``"%"``; empty if there is none."""
        return next(iter(self._marks), "")

    @property
    def settled(self) -> bool:
        """Whether more numbers cannot change how it is read, except for those `like_words`."""
        plain = self.type == "number" and not self.texts and not self.na_values
        return plain and not self.distinct.possible and list(self._marks) == [""]

    @property
    def like_words(self) -> bool:
        """Whether all numbers so far are 0 or 1, as yes and no are."""
        return "number" not in self._first

    @property
    def has_fractions(self) -> bool:
        """Whether some number certainly is a fraction."""
        return "fraction" in self._first

    @property
    def maybe_groups(self) -> bool:
        """Whether all fractions so far might be thousands, which only their text can show."""
        asked = self.notation.thousands or "fraction" in self._first
        return "maybe groups" in self._first and not asked

    @property
    def doubtful(self) -> bool:
        """Whether its numbers may have another meaning, which only their text can show."""
        return self.maybe_groups or self.maybe_padded

    @property
    def padded(self) -> Example | None:
        """A whole number that begins with 0, as codes do: the first of those that are texts."""
        return self._first.get("padded")

    @padded.setter
    def padded(self, found: Example | None) -> None:
        if found:
            self._first.setdefault("padded", found)

    @property
    def maybe_padded(self) -> bool:
        """Whether its whole numbers might begin with 0, which only their text can show."""
        seen = {"fraction", "maybe groups", "padded"} & self._first.keys()
        return self.type == "number" and "" in self._marks and not (self.texts or seen)

    @property
    def numbers_rows(self) -> bool:
        """Whether it is an index that pandas wrote with the table."""
        whole = self.type == "number" and self.present and not self.texts
        return self.name in _INDEXES and bool(whole) and self.distinct.possible

    @property
    def names_rows(self) -> bool:
        """Whether it has a different text in every row so far."""
        plain = self.is_text and not self.conflict and not self.measured
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
        self._look(values, there, first_row, is_word="bool" in str(column.dtype))
        self.distinct.add(values)
        return Cells(values)

    def _look(self, values: np.ndarray, there: np.ndarray, first_row: int, is_word: bool) -> None:
        """Notes how numbers are written that pandas has parsed."""
        if not there.any():
            return
        index = int(np.argmax(there))
        first = Example(first_row + index, f"{values[index]:.15g}")
        if is_word:
            self.type = "boolean"
            self._first.setdefault("word", Example(first.row, str(bool(values[index]))))
        else:
            self._marks.setdefault("", first)
            if "number" not in self._first:
                self._note("number", values, there & (values != 0) & (values != 1), first_row)
            for numbers in (values[:_SAMPLE], values):  # the first ones mostly suffice
                if "fraction" not in self._first:
                    fractions = np.isfinite(numbers) & (numbers != np.floor(numbers))
                    groups = fractions & like_groups(numbers)
                    self._note("maybe groups", numbers, groups, first_row)
                    self._note("fraction", numbers, fractions & ~groups, first_row)
        self._check()

    def _note(self, form: str, values: np.ndarray, which: np.ndarray, first_row: int) -> None:
        if form not in self._first and which.any():
            index = int(np.argmax(which))
            text = f"{values[index]:.15g}".replace(".", self.notation.decimal)
            self._first[form] = Example(first_row + index, text)

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
            units = texts[:_SAMPLE].str.extract(_MEASURED)[0]
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
        self._look_at_texts(plain, values, first_row)
        rest = cells.drop(plain.index)
        if rest.empty:
            return rest
        words = rest.str.lower().map(_WORDS).dropna()
        if len(words):
            values[words.index] = words
            self.type = "boolean"
            index = int(words.index[0])
            self._first.setdefault("word", Example(first_row + index, rest[index]))
            rest = rest.drop(words.index)
        rest = self._marked(rest, values, first_row)
        like = rest[rest.str.fullmatch(_LIKE_A_NUMBER).astype(bool)]
        texts = rest.drop(like.index)
        self._check()
        if len(like) and self.texts + len(texts) <= self.present / 2:
            index = int(like.index[0])
            numbers = [*plain[:_SAMPLE], *like[:_SAMPLE]]
            self._refuse(Example(first_row + index, like[index]), numbers)
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
            self._marks.setdefault(found, Example(first_row + index, rest[index]))
        return rest[~fits]

    def _look_at_texts(self, plain: pd.Series, values: np.ndarray, first_row: int) -> None:
        """Notes how numbers are written that are texts."""
        if plain.empty:
            return

        def keep(form: str, found: pd.Series) -> None:
            if form not in self._first and found.any():
                index = int(found.idxmax())
                self._first[form] = Example(first_row + index, plain[index])

        self._marks.setdefault("", Example(first_row + int(plain.index[0]), plain.iloc[0]))
        numbers = values[plain.index]
        keep("number", plain.map(bool) & (numbers != 0) & (numbers != 1))
        keep("padded", plain.str.fullmatch("0[0-9]+").astype(bool))
        if "fraction" not in self._first:
            pointed = plain.str.contains(self.notation.decimal, regex=False).astype(bool)
            like_groups = plain.str.fullmatch(self.notation.like_groups).astype(bool)
            keep("like groups", like_groups)
            keep("whole", ~pointed)
            keep("fraction", pointed & ~like_groups)

    def _check(self) -> None:
        """Notes a conflict between cells, if there is one."""
        word, number = self._first.get("word"), self._first.get("number")
        marks = dict(self._marks)
        if self.expected_mark is not None and marks:
            found = next((mark for mark in marks if mark != self.expected_mark), None)
            if found is not None:
                learned = f"has {self.expected_mark}" if self.expected_mark else "has no such mark"
                self._conflict(
                    marks[found],
                    f"{marks[found].text!r}, but the column {learned} in what the model learned "
                    "from; write it in the same way",
                )
        if len(marks) > 1:
            first, second = sorted(marks.values(), key=lambda example: example.row)[:2]
            mark = next(filter(None, marks))
            self._conflict(
                second,
                f"{second.text[:40]!r}, but {first}: only one of them has {mark}; write all "
                "cells in one way" + self.remedy,
            )
        if word and number:
            self._conflict(
                max(word, number, key=lambda example: example.row),
                f"it mixes {word} with numbers such as {number}; write it in one way" + self.remedy,
            )

    def _conflict(self, example: Example, text: str) -> None:
        if self.conflict is None:
            self.conflict = f"row {example.row}, column {self.name!r}: " + text

    def _refuse(self, example: Example, numbers: Iterable[str]) -> None:
        """Notes that a cell is a number only in another notation than the one asked for."""
        text = example.text
        if "(" in text or ")" in text:
            inner = re.sub(rf"[()\s]|{MARK}", "", text)
            self._conflict(
                example,
                f"{text[:40]!r} is not a number; if the parentheses say that it is negative, write "
                f"-{inner}" + self.remedy,
            )
            return
        seen = [example for form, example in self._first.items() if form != "word"]
        others = {bare(cell) for cell in (*numbers, *(example.text for example in seen))}
        found = readings(bare(text), others)
        beside = next((f" beside {one}" for one in seen if bare(one.text) != bare(text)), "")
        asked = self.notation.options
        refused = f"{text[:40]!r} is not a number{beside}"
        if asked:
            refused = f"{text[:40]!r}{beside} is not a number with " + asked
        if not found:
            self._conflict(
                example,
                refused + ": no one reading of points, commas and blanks fits the whole column; "
                "write it in one way" + self.remedy,
            )
            return
        self._conflict(example, refused + "; it is " + ways(found, asked) + self.remedy)

    def close(self) -> None:
        """Notes numbers of two meanings, which are only known once all parts have been read."""
        example, whole = self._first.get("like groups"), self._first.get("whole")
        if not example or "fraction" in self._first or self.notation.thousands:
            return
        if self.notation == Notation() and not whole:
            return  # 1.234 and 2.000: all of them have a point before three digits
        beside = f"with whole numbers only beside it, such as {whole}" if whole else "on its own"
        meanings = ways(readings(example.text, ["900"]), "")
        self._conflict(example, f"{beside}, {example.text!r} is " + meanings)
