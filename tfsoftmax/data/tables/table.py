"""An open table: the names of its columns, and its rows, part after part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfsoftmax.data.tables.cells import ColumnReader

if TYPE_CHECKING:
    import pandas as pd


def _no_doubts(readers: list[ColumnReader]) -> None:
    """Numbers that are not text have one meaning."""


@dataclass(frozen=True)
class Table:
    """A table as its file has it, with columns of any type.

    Attributes:
      names: of the columns, all different.
      frames: the rows; they can be read once.
      settle_doubts: finds out what numbers mean from their text, for readers of columns that are
        still ambiguous once all rows have been read.
    """

    names: list[str]
    frames: Iterator[pd.DataFrame]
    settle_doubts: Callable[[list[ColumnReader]], None] = _no_doubts
