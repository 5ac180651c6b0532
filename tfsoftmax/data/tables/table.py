"""A table that is open: its columns' names, and its rows, part after part."""

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
    """A table as its file has it, whatever is in the columns.

    Attributes:
      names: of the columns, each once.
      frames: the rows, to be gone through once.
      settle_doubts: looks at how numbers are written, for readers of columns that are doubtful
        once all rows have been read.
    """

    names: list[str]
    frames: Iterator[pd.DataFrame]
    settle_doubts: Callable[[list[ColumnReader]], None] = _no_doubts
