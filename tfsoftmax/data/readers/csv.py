"""CSV: a table as text, a file or a folder of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.exact_numbers import WholeNumbers, integers_in
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.csv_file import TEXT_ROWS_PER_PART, header_of, read_parts
from tfsoftmax.data.readers.folders import check_same_columns, files_at
from tfsoftmax.data.source import Source
from tfsoftmax.data.source_parts import own_files
from tfsoftmax.data.tables.cells import ColumnReader
from tfsoftmax.data.tables.columns import check_once
from tfsoftmax.data.tables.load import load_shared_table, load_table
from tfsoftmax.data.tables.notation import Notation
from tfsoftmax.data.tables.table import Part, Table

_FILES = ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz")
# So many cells show whether numbers are written as codes are, or this many rows of many columns.
_CELLS_OF_CODES, _FEWEST_ROWS_OF_CODES = 2**17, 100


class _File(NamedTuple):
    """A file of a table: its path, its name for messages, and its columns."""

    path: Path
    name: str
    columns: list[str]

    def parts(self, options: SourceOptions, **how: Any) -> Generator[Part]:
        """Reads its rows, as `read_parts`."""
        return read_parts(self.path, self.name, options, self.columns, **how)


def load_csv(path: Path, source: Source) -> Dataset:
    """Reads a CSV file, or all those in a folder as one table, a part at a time.

    Of a folder each of several workers reads its own files.

    Args:
      path: of the file, which may be gzipped, or of the folder.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the file, and the row and the column, from 1, of what is wrong.
    """
    files = files_at(path, source.name, *_FILES)

    def opened(own: Sequence[Path]) -> Table:
        return _open(files, own, source.name, source.options)

    if source.workers.count > 1 and len(files) > 1:
        own = own_files(source.name, files, source.workers)
        key = source.key_of_own(own)
        found = load_shared_table(source, path, key, lambda: (opened(files), opened(own)))
        if found is not None:
            return found
    return load_table(source, files, lambda: opened(files))


def open_table(path: Path, name: str, options: SourceOptions, bad: BadRows) -> Table:
    """Opens a CSV file, or all those in a folder, as one table.

    Args:
      path: of the file or folder.
      name: for messages.
      options: how to read it; the label's column is read as text.
      bad: counts rows of another width.

    Raises:
      DataError: if it is not such a table.
    """
    files = files_at(path, name, *_FILES)
    table = _open(files, files, name, options)
    return replace(table, read=partial(table.read, label=options.label_column, bad=bad))


def _open(files: Sequence[Path], own: Sequence[Path], name: str, options: SourceOptions) -> Table:
    """Opens files as one table, of which some are read; all show what their numbers mean."""
    where = {file: f"{name}: {file.name}" if len(files) > 1 else name for file in files}
    found = [_File(file, where[file], header_of(file, where[file], options)) for file in files]
    for each in found:
        check_once(each.name, each.columns)
    check_same_columns(name, {each.path: each.columns for each in found})
    mine = [each for each in found if each.path in own]

    def read(columns: Sequence[str], **how: Any) -> Generator[Part]:
        for file in mine:
            yield from file.parts(options, **how)

    def settle(readers: list[ColumnReader]) -> None:
        settle_doubts(found, options, readers)

    def read_rounded(columns: Sequence[str], whole: WholeNumbers) -> None:
        doubtful = {columns[index]: index for index in whole.doubtful}
        bad = BadRows(name, options.bad_rows == "skip")
        for file in mine if doubtful else ():
            for part in file.parts(options, bad=bad, only=list(doubtful)):
                for column, index in doubtful.items():
                    numbers = integers_in(part.frame[column])
                    named = f"column {column!r}"
                    whole.compare(index, numbers, named, part.first_row, part.where)

    return Table(found[0].columns, read, settle, read_rounded)


def settle_doubts(
    files: Sequence[_File], options: SourceOptions, doubtful: list[ColumnReader]
) -> None:
    """Finds out from their text what numbers mean that pandas has read.

    Of those that may be codes, such as 007, only the first rows are looked at.

    Args:
      files: of the table.
      options: how to read them.
      doubtful: readers of ambiguous columns; a column that stays ambiguous gets a conflict.
    """
    notation, readers = Notation(options.decimal), {reader.name: reader for reader in doubtful}
    texts = {column: ColumnReader(column, notation, options.na_values) for column in readers}

    def parts_of(columns: list[str], rows: int = TEXT_ROWS_PER_PART) -> Iterator[Part]:
        for file in files if columns else ():
            bad = BadRows(file.name, options.bad_rows == "skip")
            yield from file.parts(options, bad=bad, only=columns, rows=rows)

    padded = [column for column, reader in readers.items() if reader.maybe_padded]
    rows = max(_FEWEST_ROWS_OF_CODES, _CELLS_OF_CODES // max(1, len(padded)))
    for part in islice(parts_of(padded, min(rows, TEXT_ROWS_PER_PART)), 1):
        for column in padded:
            texts[column].read(part.frame[column], part.first_row)
            readers[column].writing.padded = texts[column].writing.padded
    open_ones = [column for column, reader in readers.items() if reader.writing.maybe_groups]
    for part in parts_of(open_ones):
        for column in open_ones:
            texts[column].read(part.frame[column], part.first_row)
        open_ones = [column for column in open_ones if not texts[column].writing.has_fractions]
        if not open_ones:
            return
    for column in open_ones:
        texts[column].writing.close()
        readers[column].writing.conflict = texts[column].writing.conflict
