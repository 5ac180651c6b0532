"""One CSV file, perhaps gzipped, read part by part by pandas."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.text_file import text_file
from tfsoftmax.data.tables.cells import NAMELESS
from tfsoftmax.data.tables.csv_lines import Lines, with_blank_rows, without_ragged_rows
from tfsoftmax.data.tables.table import Part
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import setting

TEXT_ROWS_PER_PART = 10_000
_NUMBERS_PER_PART = 2**21
# Enough to tell what the columns are.
_FIRST_ROWS = 50_000
_AS_TEXT = "; or, if each line is a label, a tab and a text, write text: before the path"
_DELIMITERS = (",", ";", "\t", "|")


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
                f"by {shown!r}: say so with "
                + setting("delimiter", other)
                + (_AS_TEXT if found[0].count("\t") == 1 else "")
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


def read_parts(
    path: Path,
    name: str,
    options: SourceOptions,
    names: list[str],
    *,
    label: str | None = None,
    texts: Mapping[str, Collection[str]] | None = None,
    filled: bool = False,
    bad: BadRows | None = None,
    only: list[str] | None = None,
    rows: int = TEXT_ROWS_PER_PART,
) -> Generator[Part]:
    """Reads the rows of a CSV file, a part at a time, the first one small.

    Args:
      path: of the file.
      name: for messages.
      options: how to read it.
      names: of its columns.
      label: a column to keep as text.
      texts: more of them, each with texts that do not stand for a missing value there; where
        some are, fewer rows are read at a time.
      filled: whether missing values are filled in, whatever the options say.
      bad: counts rows of another width. With None, a row that is too long is an error, and
        the values that a short row lacks are missing.
      only: the only columns to read, as text.
      rows: of those, in a part.

    Raises:
      DataError: naming the row, if one has too many columns or the file cannot be read.
    """
    ragged: set[int] = set()
    as_text = only or texts or ()
    size = max(1, _NUMBERS_PER_PART // len(names))
    if as_text:
        size = rows if only else min(size, TEXT_ROWS_PER_PART)
    with _reading(path, name, options) as (pandas, stream):
        if bad and (bad.skip or ((filled or options.fill) and len(names) > 1)):
            # The values that a short row lacks would be filled in as if they were missing.
            how = (len(names), _delimiter(path, options), options.comment, options.header)
            stream = Lines(without_ragged_rows(stream, name, bad, ragged, *how))
        elif len(names) == 1:
            stream = Lines(with_blank_rows(stream, options.comment, options.header))
        parts = pandas.read_csv(
            stream,
            header=0 if options.header else None,
            names=names,
            chunksize=size,
            converters={label: str.strip} if label else None,
            low_memory=False,
            index_col=False,
            keep_default_na=False,
            na_values=_missing(names, label, texts or {}, options),
            usecols=only,
            dtype=dict.fromkeys(as_text, str),
            decimal=options.decimal,
            **_how(path, options),
        )
        row = 1
        for frame in chain([parts.get_chunk(min(size, _FIRST_ROWS))], parts):
            numbers = np.arange(row, row + len(frame))
            yield Part(frame, row, ~np.isin(numbers, list(ragged)), name)
            row += len(frame)


def _missing(
    names: list[str],
    label: str | None,
    texts: Mapping[str, Collection[str]],
    options: SourceOptions,
) -> dict[str, list[str]]:
    """The texts that mean a missing value in each column; a class may be called NA or None.

    So may a category that a model knows, of a frame whose texts are read as they are.
    """
    from pandas._libs.parsers import STR_NA_VALUES

    asked = list(options.na_values)
    usual = STR_NA_VALUES.union(asked)
    return {
        name: asked if name == label else sorted(usual.difference(texts.get(name, ())))
        for name in names
    }


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
