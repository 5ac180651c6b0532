"""The row groups of Parquet files: which of them each of several workers reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from tfsoftmax.data.source import Extent
from tfsoftmax.data.source_parts import own_parts
from tfsoftmax.distributed.workers import Workers


class RowGroups(NamedTuple):
    """Row groups of a file that follow each other.

    Attributes:
      file: that they are in.
      numbers: of the groups, from 0; None is all.
      first_row: the number of their first row in the file, from 1.
    """

    file: Path
    numbers: Sequence[int] | None = None
    first_row: int = 1


class RowGroup(NamedTuple):
    """One of them: its number, its first row, its rows, and where its bytes are in the file."""

    file: Path
    number: int
    first_row: int
    n_rows: int
    bytes: tuple[Extent, Extent]


def groups_in(file: Path, opened: Any) -> list[RowGroup]:
    """All row groups of a file.

    Args:
      file: its path.
      opened: it as a ``pyarrow.parquet.ParquetFile``.
    """
    footer_bytes = opened.metadata.serialized_size + 8
    footer = Extent(file, file.stat().st_size - footer_bytes, footer_bytes)
    found, row = [], 1
    for number in range(opened.metadata.num_row_groups):
        group = opened.metadata.row_group(number)
        columns = [group.column(index) for index in range(group.num_columns)]
        starts = [each.dictionary_page_offset or each.data_page_offset for each in columns]
        n_bytes = sum(each.total_compressed_size for each in columns)
        own = Extent(file, min(starts), n_bytes)
        found.append(RowGroup(file, number, row, group.num_rows, (own, footer)))
        row += group.num_rows
    return found


def own_of(groups: Sequence[RowGroup], name: str, workers: Workers) -> list[RowGroup]:
    """A worker's own row groups, of those of all files; all must call it.

    Raises:
      DataError: if another worker finds others.
    """
    sizes = [
        (f"{each.file.name} {each.number} {sum(part.n_bytes for part in each.bytes)}", each.n_rows)
        for each in groups
    ]
    mine = own_parts(name, sizes, workers)
    return list(groups[mine.start : mine.stop])


def by_file(groups: Sequence[RowGroup]) -> list[RowGroups]:
    """The same, those of a file together."""
    found = []
    for file, of_file in groupby(groups, lambda each: each.file):
        own = list(of_file)
        found.append(RowGroups(file, [each.number for each in own], own[0].first_row))
    return found
