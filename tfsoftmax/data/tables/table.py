"""An open table: the names of its columns, and its rows, part after part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.exact_numbers import WholeNumbers
from tfsoftmax.data.tables.cells import ColumnReader

if TYPE_CHECKING:
    import pandas as pd


class Part(NamedTuple):
    """Some rows of a table.

    Attributes:
      frame: the rows, with columns of any type.
      first_row: the number of the first.
      usable: bool ``[n]``, the rows that are not known to be bad; None is all.
      where: name of the table, or of a part of it, for messages; None is the table's.
    """

    frame: pd.DataFrame
    first_row: int
    usable: np.ndarray | None = None
    where: str | None = None


class ReadParts(Protocol):
    """Reads a table from its beginning, however often."""

    def __call__(
        self,
        columns: Sequence[str],
        *,
        label: str | None = None,
        texts: Mapping[str, Collection[str]] | None = None,
        filled: bool = False,
        bad: BadRows | None = None,
    ) -> Generator[Part]:
        """Reads the rows, a part at a time.

        Args:
          columns: that are needed.
          label: the column with the classes.
          texts: columns of which the very text of each cell is needed, where there is one,
            each with texts that do not stand for a missing value there; None if that is not known
            yet.
          filled: whether missing values are filled in, whatever the options say.
          bad: counts rows of another width.
        """


def _no_doubts(readers: list[ColumnReader]) -> None:
    """Numbers that are not text have one meaning."""


def _not_rounded(columns: Sequence[str], whole: WholeNumbers) -> None:
    """Numbers that are not text are read as they are."""


@dataclass(frozen=True)
class Table:
    """A table as its file has it, with columns of any type.

    Attributes:
      names: of the columns, all different.
      read: reads the rows.
      settle_doubts: finds out what numbers mean from their text, for readers of columns that are
        still ambiguous once all rows have been read.
      read_rounded: reads whole numbers again that may have been rounded when they were read.
    """

    names: list[str]
    read: ReadParts
    settle_doubts: Callable[[list[ColumnReader]], None] = _no_doubts
    read_rounded: Callable[[Sequence[str], WholeNumbers], None] = _not_rounded

    @property
    def frames(self) -> Iterator[pd.DataFrame]:
        """All columns, part after part, from the beginning."""
        return (part.frame for part in self.read(self.names))
