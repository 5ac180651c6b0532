"""Parquet: a table in columns, in one file or a folder of parts, read by pyarrow."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.folders import check_same_columns, files_at
from tfsoftmax.data.readers.row_groups import RowGroup, RowGroups, by_file, groups_in, own_of
from tfsoftmax.data.source import Source
from tfsoftmax.data.tables.columns import check_once
from tfsoftmax.data.tables.load import load_shared_table, load_table
from tfsoftmax.data.tables.table import Part, Table
from tfsoftmax.distributed.gathering import errors_of_all
from tfsoftmax.errors import DataError, UsageError

FILES = "*.parquet"
_NUMBERS_PER_PART = 2**21
_TEXT_ROWS_PER_PART = 50_000


def load_parquet(path: Path, source: Source) -> Dataset:
    """Reads a Parquet file, or all those in a folder as one table, a part at a time.

    Each of several workers reads its own row groups; but labels that are bytes in any encoding are
    compared with all others.

    Args:
      path: of the file or folder.
      source: its name and the options to read it with.

    Raises:
      UsageError: if the package pyarrow is missing.
      DataError: naming the file, and row and column, from 1, of what is wrong.
    """
    files = files_at(path, source.name, FILES)

    def opened(groups: Sequence[RowGroups] | None = None) -> Table:
        return _open(files, source.name, source.options, groups)

    if source.workers.count > 1 and source.options.encoding == "utf-8":
        with errors_of_all(source.workers), source.reading(path):
            groups = _row_groups(files, source.name)
        if len(groups) > 1:
            own = own_of(groups, source.name, source.workers)
            key = source.key_of_own(dict.fromkeys(chain.from_iterable(one.bytes for one in own)))
            found = load_shared_table(source, path, key, lambda: (opened(), opened(by_file(own))))
            if found is not None:
                return found
    return load_table(source, files, opened)


def open_table(path: Path, name: str, options: SourceOptions, bad: BadRows) -> Table:
    """Opens a Parquet file, or all those in a folder, as one table.

    Args:
      path: of the file or folder.
      name: for messages.
      options: the encoding of labels that are bytes is used: the file itself says how to read it.
      bad: not used: all rows have the same width.

    Raises:
      UsageError: if the package pyarrow is missing.
      DataError: if it is not such a table.
    """
    table = _open(files_at(path, name, FILES), name, options)
    check_once(name, table.names)
    return table


def _open(
    files: list[Path],
    name: str,
    options: SourceOptions,
    groups: Sequence[RowGroups] | None = None,
) -> Table:
    """Opens files as one table, of all their rows or of some row groups."""
    groups = [RowGroups(file) for file in files] if groups is None else groups

    def read(columns: Sequence[str], *, label: str | None = None, **how: Any) -> Generator[Part]:
        raw = label if options.encoding != "utf-8" else None
        return _read_groups(groups, name, len(files) > 1, list(columns), raw)

    return Table(column_names(files, name), read)


def _row_groups(files: list[Path], name: str) -> list[RowGroup]:
    """All row groups of all files."""
    return list(chain.from_iterable(groups_in(file, _opened(file, name)) for file in files))


def column_names(files: list[Path], name: str) -> list[str]:
    """Reads the names of the columns, which all files must have.

    Raises:
      UsageError: if the package pyarrow is missing.
      DataError: if a file is not a Parquet file, or has other columns than the first.
    """
    columns = {file: _named(file, name) for file in files}
    check_same_columns(name, columns)
    return columns[files[0]]


def _read_groups(
    groups: Sequence[RowGroups], name: str, many: bool, wanted: list[str], raw: str | None
) -> Generator[Part]:
    """Reads some columns, a part at a time; rows are counted from the beginning of their file.

    Texts that are not UTF-8, and those of the column `raw`, are bytes.

    Args:
      groups: of rows, file by file.
      name: of the source, for messages.
      many: whether it has several files.
      wanted: the columns.
      raw: see above.

    Raises:
      DataError: if a file cannot be read.
    """
    import pyarrow

    for file, numbers, row in groups:
        opened = _opened(file, name)
        rows = max(1, _NUMBERS_PER_PART // len(wanted))
        if any(_is_text(field.type) for field in opened.schema_arrow if field.name in wanted):
            rows = min(rows, _TEXT_ROWS_PER_PART)
        where = f"{name}: {file.name}" if many else name
        try:
            for batch in opened.iter_batches(rows, numbers, wanted):
                # Metadata that pandas wrote about an index would remove that column, or be damaged.
                plain = _checked(batch.replace_schema_metadata(None), raw)
                yield Part(plain.to_pandas(types_mapper=_exact(plain)), row, where=where)
                row += batch.num_rows
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise DataError(f"{name}: {file.name} is damaged: {_line(error)}") from error


def _checked(batch: Any, raw: str | None) -> Any:
    """Converts texts that are not UTF-8, and those of the column `raw`, to bytes."""
    from pyarrow import ArrowInvalid, types

    for index, field in enumerate(batch.schema):
        column = batch.column(index)
        if types.is_dictionary(field.type):
            column = column.dictionary_decode()
        if not (types.is_string(column.type) or types.is_large_string(column.type)):
            continue
        as_bytes = column.cast("binary" if types.is_string(column.type) else "large_binary")
        as_bytes.validate(full=True)
        try:
            column.validate(full=True)
            usable = field.name != raw
        except ArrowInvalid:
            usable = False
        if not usable:
            batch = batch.set_column(index, field.name, as_bytes)
    return batch


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return any(is_kind(kind) for is_kind in (types.is_string, types.is_large_string))


def _exact(batch: Any) -> Any:
    """Keeps pandas from rounding whole numbers where others of the batch are missing."""
    import pandas
    import pyarrow

    exact = {pyarrow.int64(): pandas.Int64Dtype(), pyarrow.uint64(): pandas.UInt64Dtype()}
    rounded = any(column.null_count for column in batch.columns if column.type in exact)
    return exact.get if rounded else None


def _named(file: Path, name: str) -> list[str]:
    opened = _opened(file, name)
    try:
        return list(opened.schema_arrow.names)
    except ValueError as error:
        raise DataError(f"{name}: {file.name} has a damaged column name: {error}") from error


def _opened(file: Path, name: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow: pip install 'tfsoftmax[parquet]'") from error
    try:
        return pyarrow.parquet.ParquetFile(file)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise DataError(f"{name}: {file.name} is not a Parquet file: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
