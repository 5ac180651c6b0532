"""How the numbers of a table's column are written, and whether that is one way for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.tables.notation import MARK, Notation, bare, like_groups, readings, ways

if TYPE_CHECKING:
    import pandas as pd

# Number of cells of a part in which examples for messages are looked for.
SAMPLE = 1000


@dataclass(frozen=True)
class Example:
    """A cell to show in a message how a column is written."""

    row: int
    text: str

    def __str__(self) -> str:
        return f"{self.text[:40]!r} (row {self.row:,})"


class Writing:
    """How a column's numbers are written, by the first example of each way.

    Args:
      name: of the column.
      notation: how its numbers are written where they are text.
      mark: on every number, such as ``"$"``, or ``""`` for no mark; None to find out.
      remedy: the end of a message: what can be done other than correcting the cells.

    Attributes:
      marks: the first number with each mark.
      first: the first word, the first number that is no word's, the first fraction, ...
      conflict: why its cells cannot be read in one way; None if they can.
    """

    def __init__(self, name: str, notation: Notation, mark: str | None, remedy: str):
        self._name, self._notation = name, notation
        self._expected_mark, self.remedy = mark, remedy
        self.marks: dict[str, Example] = {}
        self.first: dict[str, Example] = {}
        self.conflict: str | None = None

    @property
    def mark(self) -> str:
        """The mark on every number, such as ``"$"`` or ``"%"``; empty if there is none."""
        return next(iter(self.marks), "")

    @property
    def like_words(self) -> bool:
        """Whether all numbers so far are 0 or 1, as yes and no are."""
        return "number" not in self.first

    @property
    def has_fractions(self) -> bool:
        """Whether some number certainly is a fraction."""
        return "fraction" in self.first

    @property
    def maybe_groups(self) -> bool:
        """Whether all fractions so far might be thousands, which only their text can show."""
        asked = self._notation.thousands or "fraction" in self.first
        return "maybe groups" in self.first and not asked

    @property
    def maybe_padded(self) -> bool:
        """Whether all whole numbers so far might begin with 0, which only their text can show."""
        return "" in self.marks and not {"fraction", "maybe groups", "padded"} & self.first.keys()

    @property
    def padded(self) -> Example | None:
        """A whole number that begins with 0, as codes do: the first of those that are texts."""
        return self.first.get("padded")

    @padded.setter
    def padded(self, found: Example | None) -> None:
        if found:
            self.first.setdefault("padded", found)

    def look(self, values: np.ndarray, there: np.ndarray, first_row: int, is_word: bool) -> None:
        """Notes how numbers are written that pandas has parsed."""
        index = int(np.argmax(there))
        first = Example(first_row + index, f"{values[index]:.15g}")
        if is_word:
            self.first.setdefault("word", Example(first.row, str(bool(values[index]))))
        else:
            self.marks.setdefault("", first)
            if "number" not in self.first:
                self._note("number", values, there & (values != 0) & (values != 1), first_row)
            for numbers in (values[:SAMPLE], values):  # the first ones mostly suffice
                if "fraction" not in self.first:
                    fractions = np.isfinite(numbers) & (numbers != np.floor(numbers))
                    groups = fractions & like_groups(numbers)
                    self._note("maybe groups", numbers, groups, first_row)
                    self._note("fraction", numbers, fractions & ~groups, first_row)
        self.check()

    def _note(self, form: str, values: np.ndarray, which: np.ndarray, first_row: int) -> None:
        if form not in self.first and which.any():
            index = int(np.argmax(which))
            text = f"{values[index]:.15g}".replace(".", self._notation.decimal)
            self.first[form] = Example(first_row + index, text)

    def look_at_texts(self, plain: pd.Series, values: np.ndarray, first_row: int) -> None:
        """Notes how numbers are written that are texts."""
        if plain.empty:
            return

        def keep(form: str, found: pd.Series) -> None:
            if form not in self.first and found.any():
                index = int(found.idxmax())
                self.first[form] = Example(first_row + index, plain[index])

        self.marks.setdefault("", Example(first_row + int(plain.index[0]), plain.iloc[0]))
        numbers = values[plain.index]
        keep("number", plain.map(bool) & (numbers != 0) & (numbers != 1))
        keep("padded", plain.str.fullmatch("0[0-9]+").astype(bool))
        if "fraction" not in self.first:
            pointed = plain.str.contains(self._notation.decimal, regex=False).astype(bool)
            like_groups = plain.str.fullmatch(self._notation.like_groups).astype(bool)
            keep("like groups", like_groups)
            keep("whole", ~pointed)
            keep("fraction", pointed & ~like_groups)

    def check(self) -> None:
        """Notes a conflict between cells, if there is one."""
        word, number = self.first.get("word"), self.first.get("number")
        marks = dict(self.marks)
        if self._expected_mark is not None and marks:
            found = next((mark for mark in marks if mark != self._expected_mark), None)
            if found is not None:
                learned = (
                    f"has {self._expected_mark}" if self._expected_mark else "has no such mark"
                )
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

    def said(self) -> list[dict[str, Any]]:
        """How numbers are written so far, JSON-ready."""
        return [
            {form: astuple(example) for form, example in known.items()}
            for known in (self.first, self.marks)
        ]

    def of_all(self, said: Iterable[list[dict[str, Any]]]) -> None:
        """Takes in what several workers have `said`, in the order of their rows."""
        self.first, self.marks = {}, {}
        for first, marks in said:
            for known, found in ((self.first, first), (self.marks, marks)):
                for form, example in found.items():
                    known.setdefault(form, Example(*example))
        self.check()

    def _conflict(self, example: Example, text: str) -> None:
        if self.conflict is None:
            self.conflict = f"row {example.row}, column {self._name!r}: " + text

    def refuse(self, example: Example, numbers: Iterable[str]) -> None:
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
        seen = [example for form, example in self.first.items() if form != "word"]
        others = {bare(cell) for cell in (*numbers, *(example.text for example in seen))}
        found = readings(bare(text), others)
        beside = next((f" beside {one}" for one in seen if bare(one.text) != bare(text)), "")
        asked = self._notation.options
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
        example, whole = self.first.get("like groups"), self.first.get("whole")
        if not example or "fraction" in self.first or self._notation.thousands:
            return
        if self._notation == Notation() and not whole:
            return  # 1.234 and 2.000: all of them have a point before three digits
        beside = f"with whole numbers only beside it, such as {whole}" if whole else "on its own"
        meanings = ways(readings(example.text, ["900"]), "")
        self._conflict(example, f"{beside}, {example.text!r} is " + meanings)
