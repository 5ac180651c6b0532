"""What the cells of a column hold that training reads as texts: categories, dates, texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.columns import column as columns
from tfsoftmax.data.encoded import features_of_cells
from tfsoftmax.data.inspection.described import Categories, Dates, Lengths
from tfsoftmax.data.tables.texts import texts_of

if TYPE_CHECKING:
    import pandas as pd

# Different values that are counted, and how many characters they may have together.
_MOST_DISTINCT = 100_000
_MOST_CHARACTERS = 2**26
_MOST_SHOWN = 20


class TextCells:
    """Describes the cells of one column, part after part.

    Args:
      column: how the column becomes features, as far as that is known from its first rows.
      na_values: texts that stand for a missing value.

    Attributes:
      missing: number of cells without a text.
      present: number of the others.
      conflict: the first cell that cannot be read, and why; None if all can.
    """

    def __init__(self, column: columns.Column, na_values: Collection[str]):
        self._column, self._na_values = column, na_values
        self.missing = self.present = 0
        self.conflict: str | None = None
        self._counts, self._more, self._characters = Counter[str](), False, 0
        self._shortest, self._longest, self._length = 2**63, 0, 0
        self._dates: list[tuple[float, str]] = []

    def add(self, cells: pd.Series, first_row: int) -> np.ndarray:
        """Adds the cells of some rows; returns them as texts, ``[n]`` objects."""

        def refuse(rows: np.ndarray, reason: str, problem: Callable[[int], str]) -> None:
            if rows.any() and not self.conflict:
                row = int(np.argmax(rows))
                place = f"row {first_row + row}, column {self._column.name!r}: "
                self.conflict = place + problem(row)

        texts = texts_of(cells, refuse, self._na_values)
        there = texts != ""
        self.present += int(there.sum())
        self.missing += int((~there).sum())
        if not there.any():
            return texts
        if self._column.kind == "date":
            self._add_dates(texts, refuse)
        elif self._column.kind == "text":
            lengths = np.array([len(text) for text in texts[there]])
            self._shortest = min(self._shortest, int(lengths.min()))
            self._longest = max(self._longest, int(lengths.max()))
            self._length += int(lengths.sum())
        else:
            self._count(texts[there])
        return texts

    def _count(self, texts: np.ndarray) -> None:
        for text, count in Counter(texts.tolist()).items():
            if text in self._counts:
                self._counts[text] += count
                continue
            self._characters += len(text)
            full = len(self._counts) >= _MOST_DISTINCT or self._characters > _MOST_CHARACTERS
            self._more = self._more or full
            if not full:
                self._counts[text] = count

    def _add_dates(self, texts: np.ndarray, refuse: Callable[..., Any]) -> None:
        name = self._column.name
        encoding = columns.Encoding((columns.Input(name, "string"),), (self._column,))
        elapsed = features_of_cells(encoding, {name: texts})[:][:, -1]
        written = self._column.date_format or "2024-05-31 or 2024-05-31T12:30:00+02:00"
        refuse(
            np.isnan(elapsed) & (texts != ""),
            "",
            lambda row: f"expected a date such as {written}, found {texts[row][:40]!r}",
        )
        if np.isnan(elapsed).all():
            return
        # Several dates may be one number: seconds of our time are less than float32 can tell.
        for extreme, of_texts in ((np.nanmin(elapsed), min), (np.nanmax(elapsed), max)):
            shown = of_texts(texts[elapsed == extreme]).removesuffix(".000000")
            self._dates.append((float(extreme), shown.removesuffix("T00:00:00")))
        self._dates = [min(self._dates), max(self._dates)]

    @property
    def constant(self) -> bool:
        """Whether all cells have the same text."""
        return len(self._counts) == 1 and not (self.missing or self._more)

    @property
    def categories(self) -> Categories | None:
        """Of a category, hashed or not."""
        if not self._counts:
            return None
        return Categories(
            len(self._counts), self._more, dict(self._counts.most_common(_MOST_SHOWN))
        )

    @property
    def dates(self) -> Dates | None:
        """Of a column of dates."""
        return Dates(self._dates[0][1], self._dates[1][1]) if self._dates else None

    @property
    def lengths(self) -> Lengths | None:
        """Of a column of texts."""
        if not self._longest:
            return None
        return Lengths(self._shortest, self._length / self.present, self._longest)
