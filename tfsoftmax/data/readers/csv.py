"""CSV: a table as text, perhaps gzipped, read part by part by pandas."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.collector import collecting, load_cached
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.exact_numbers import WholeNumbers, integers_in
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.folders import check_file
from tfsoftmax.data.readers.text_file import text_file
from tfsoftmax.data.source import Source
from tfsoftmax.data.tables.cells import NAMELESS, ColumnReader
from tfsoftmax.data.tables.columns import check_once, columns_of
from tfsoftmax.data.tables.csv_lines import Lines, with_blank_rows, without_ragged_rows
from tfsoftmax.data.tables.notation import Notation
from tfsoftmax.data.tables.reader import TableReader
from tfsoftmax.data.tables.table import Table
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS_PER_PART = 2**21
_TEXT_ROWS_PER_PART = 10_000
_DELIMITERS = (",", ";", "\t", "|")


def load_csv(path: Path, source: Source) -> Dataset:
    """Reads a CSV file, a part at a time.

    Args:
      path: of the file, which may be gzipped.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the row and the column, from 1, of what is wrong.
    """
    check_file(path, source.name)
    key = source.key([path])
    found = load_cached(source, key)
    if found is not None:
        return found
    names = header_of(path, source.name, source.options)
    columns = columns_of(source.name, names, source.options)
    table = TableReader(source, columns)
    with collecting(source, key) as collector:
        for part in read_parts(
            path, source.name, source.options, names, columns.label, collector.bad_rows
        ):
            table.add(collector, part.frame, part.first_row, part.usable)
        settle_doubts(path, source.name, source.options, names, table.features.doubtful)
        _read_as_text(
            path, source, names, table.spec(()).feature_names or (), collector.whole_numbers
        )
        return collector.dataset(table.spec, table.finish())


def open_table(path: Path, name: str, options: SourceOptions, bad: BadRows) -> Table:
    """Opens a CSV file as a table.

    Args:
      path: of the file.
      name: for messages.
      options: how to read it; the label's column is read as text.
      bad: counts rows of another width.

    Raises:
      DataError: if it is not such a table.
    """
    check_file(path, name)
    names = header_of(path, name, options)
    check_once(name, names)
    parts = read_parts(path, name, options, names, options.label_column, bad)

    def settle(readers: list[ColumnReader]) -> None:
        settle_doubts(path, name, options, names, readers)

    return Table(names, (part.frame for part in parts), settle)


def _read_as_text(
    path: Path, source: Source, names: list[str], columns: Sequence[str], whole: WholeNumbers
) -> None:
    """Reads whole numbers again as text, which pandas rounded because others are missing."""
    doubtful = {columns[index]: index for index in whole.doubtful}
    if not doubtful:
        return
    bad = BadRows(source.name, source.options.bad_rows == "skip")
    for part in read_parts(path, source.name, source.options, names, None, bad, list(doubtful)):
        for name, index in doubtful.items():
            numbers = integers_in(part.frame[name])
            whole.compare(index, numbers, f"column {name!r}", part.first_row)


def header_of(path: Path, name: str, options: SourceOptions) -> list[str]:
    """Reads the names of a CSV file's columns.

    Raises:
      DataError: if there are none, or they do not look like names.
    """
    with _reading(path, name, options) as (pandas, stream):
        try:
            first = pandas.read_csv(
                stream,
                header=None,
                nrows=1,
                dtype=str,
                keep_default_na=False,
                **_how(path, options),
            )
        except pandas.errors.EmptyDataError as error:
            raise DataError(f"{name}: the file is empty; expected a header and rows") from error
    found = [str(value).strip() for value in first.iloc[0]]
    if not options.header:
        return [str(index) for index in range(1, len(found) + 1)]
    if len(found) == 1:
        other = next((mark for mark in _DELIMITERS if mark in found[0]), None)
        if other and other != _delimiter(path, options):
            shown = "tab" if other == "\t" else other
            raise DataError(
                f"{name}: found one column, {found[0][:60]!r}; its columns seem to be separated "
                f"by {shown!r}: say so with " + setting("delimiter", other)
            )
    numbers = [value for value in found if _is_number(value)]
    if len(numbers) > len(found) / 2:
        raise DataError(
            f"{name}: its first row is {', '.join(found[:4])}, ...; expected the names of the "
            "columns: add them, or give "
            + setting("header", False)
            + " to have them called 1, 2, 3"
        )
    if not found[0] and len(found) > 1:
        found[0] = NAMELESS  # An index is written so.
    nameless = [index for index, value in enumerate(found, start=1) if not value]
    if nameless and not options.features:
        raise DataError(f"{name}: column {nameless[0]} has no name in the first row; give it one")
    return [value or f"Unnamed: {index}" for index, value in enumerate(found)]


class Part(NamedTuple):
    """Some rows of a CSV file.

    Attributes:
      frame: the rows.
      first_row: the number of the first, from 1.
      usable: bool ``[n]``, those that have as many columns as they should.
    """

    frame: pd.DataFrame
    first_row: int
    usable: np.ndarray


def read_parts(
    path: Path,
    name: str,
    options: SourceOptions,
    names: list[str],
    label: str | None = None,
    bad: BadRows | None = None,
    as_text: list[str] | None = None,
) -> Iterator[Part]:
    """Reads the rows of a CSV file, a part at a time.

    Args:
      path: of the file.
      name: for messages.
      options: how to read it.
      names: of its columns.
      label: a column to keep as text.
      bad: counts rows of another width. With None, a row that is too long is an error, and
        the values that a short row lacks are missing.
      as_text: the only columns to read, as text, fewer rows at a time.

    Raises:
      DataError: naming the row, if one has too many columns or the file cannot be read.
    """
    ragged: set[int] = set()
    with _reading(path, name, options) as (pandas, stream):
        if bad and (bad.skip or (options.fill and len(names) > 1)):
            # The values that a short row lacks would be filled in as if they were missing.
            how = (len(names), _delimiter(path, options), options.comment, options.header)
            stream = Lines(without_ragged_rows(stream, bad, ragged, *how))
        elif len(names) == 1:
            stream = Lines(with_blank_rows(stream, options.comment, options.header))
        parts = pandas.read_csv(
            stream,
            header=0 if options.header else None,
            names=names,
            chunksize=_TEXT_ROWS_PER_PART if as_text else max(1, _NUMBERS_PER_PART // len(names)),
            converters={label: str.strip} if label else None,
            low_memory=False,
            index_col=False,
            keep_default_na=False,
            na_values=_missing(names, label, options),
            usecols=as_text,
            dtype=str if as_text else None,
            decimal=options.decimal,
            **_how(path, options),
        )
        row = 1
        for frame in parts:
            rows = np.arange(row, row + len(frame))
            yield Part(frame, row, ~np.isin(rows, list(ragged)))
            row += len(frame)


def settle_doubts(
    path: Path, name: str, options: SourceOptions, names: list[str], doubtful: list[ColumnReader]
) -> None:
    """Finds out from their text what numbers mean that pandas has read.

    Args:
      path: of the file.
      name: for messages.
      options: how to read it.
      names: of its columns.
      doubtful: readers of ambiguous columns; a column that stays ambiguous gets a conflict.
    """
    notation, readers = Notation(options.decimal), {reader.name: reader for reader in doubtful}
    texts = {column: ColumnReader(column, notation, options.na_values) for column in readers}
    bad = BadRows(name, options.bad_rows == "skip")
    open_ones = list(texts)
    for part in read_parts(path, name, options, names, None, bad, open_ones) if texts else ():
        for column in open_ones:
            texts[column].read(part.frame[column], part.first_row)
        open_ones = [column for column in open_ones if not texts[column].has_fractions]
        if not open_ones:
            return
    for column in open_ones:
        texts[column].close()
        readers[column].conflict = texts[column].conflict


def _missing(names: list[str], label: str | None, options: SourceOptions) -> dict[str, list[str]]:
    """The texts that mean a missing value in each column; a class may be called NA or None."""
    from pandas._libs.parsers import STR_NA_VALUES

    asked = list(options.na_values)
    usual = sorted(STR_NA_VALUES.union(asked))
    return {name: asked if name == label else usual for name in names}


def _how(path: Path, options: SourceOptions) -> dict[str, Any]:
    return {
        "sep": _delimiter(path, options),
        "comment": options.comment,
        "skipinitialspace": True,
        "engine": "c",
    }


def _delimiter(path: Path, options: SourceOptions) -> str:
    if options.delimiter is None:
        return "\t" if path.name.removesuffix(".gz").endswith(".tsv") else ","
    if not options.delimiter.isascii() or options.delimiter in '"\r\n\0':
        raise UsageError(
            f"delimiter {options.delimiter!r} cannot separate columns; expected an ASCII "
            "character other than a quote or the end of a line"
        )
    return options.delimiter


@contextmanager
def _reading(path: Path, name: str, options: SourceOptions) -> Iterator[tuple[Any, Any]]:
    """Yields pandas and the file as text; errors of either become a `DataError` of one line."""
    import pandas

    try:
        with text_file(path, name, options.encoding) as text, warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            yield pandas, text
    except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        raise DataError(f"{name}: " + _parser_reason(str(error))) from error


def _parser_reason(text: str) -> str:
    ragged = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text)
    if ragged:
        expected, line, saw = ragged.groups()
        return (
            f"line {line} has {saw} columns, expected {expected}; correct it, or leave it out with "
            + setting("bad_rows", "skip")
        )
    if "Length of header" in text:
        return "its rows have more columns than its first row has names; add the missing names"
    if "EOF inside string" in text:
        return 'a quote (") is opened and never closed; close it, or double it'
    return text.removeprefix("Error tokenizing data. C error: ").splitlines()[0]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
