"""CSV: a table as text, perhaps gzipped, read part by part by pandas."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsoftmax.data.collector import collecting, kept
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.source import Source
from tfsoftmax.data.table import add_frame, columns_of
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.source_options import SourceOptions

if TYPE_CHECKING:
    import pandas as pd

_GZIP_MAGIC = b"\x1f\x8b"
# No row of numbers is so long; a file that unzips to endless lines is stopped by it.
_LONGEST_LINE = 2**26
_NUMBERS_A_PART = 2**21
_DELIMITERS = (",", ";", "\t", "|")
_WIDE = ("utf-16", "utf-32")
_BYTE_ORDERS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def load_csv(path: Path, source: Source) -> Dataset:
    """Reads a CSV file, a part at a time.

    Args:
      path: of the file; if it is gzipped that is seen.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the row and the column, from 1, of what is wrong.
    """
    check_file(path, source.name)
    key = source.key([path])
    found = kept(source, key)
    if found is not None:
        return found
    names = header_of(path, source.name, source.options)
    columns = columns_of(source.name, names, source.options)
    row = 1
    with collecting(source, key) as collector:
        for frame in read_parts(path, source.name, source.options, names, columns.label):
            add_frame(collector, source.name, frame, columns, source.options, row)
            row += len(frame)
        return collector.dataset(lambda classes: columns.spec(classes, source.options))


def check_file(path: Path, name: str) -> None:
    """Makes sure that there is a file at a path.

    Raises:
      DataError: if there is none, or something else.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise DataError(f"{name}: expected a file, found {found}")


def header_of(path: Path, name: str, options: SourceOptions) -> list[str]:
    """The names of a CSV file's columns.

    Raises:
      DataError: if there are none, or they look like anything but names.
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
        return [str(place) for place in range(1, len(found) + 1)]
    if len(found) == 1:
        other = next((mark for mark in _DELIMITERS if mark in found[0]), None)
        if other and other != _delimiter(path, options):
            shown = "tab" if other == "\t" else other
            raise DataError(
                f"{name}: found one column, {found[0][:60]!r}; its columns seem to be separated "
                f"by {shown!r}: say so with --delimiter {shown!r}"
            )
    numbers = [value for value in found if _is_number(value)]
    if len(numbers) > len(found) / 2:
        raise DataError(
            f"{name}: its first row is {', '.join(found[:4])}, ...; expected the names of the "
            "columns: add them, or give --no-header to have them called 1, 2, 3"
        )
    nameless = [place for place, value in enumerate(found, start=1) if not value]
    if nameless:
        raise DataError(f"{name}: column {nameless[0]} has no name in the first row; give it one")
    return found


def read_parts(
    path: Path,
    name: str,
    options: SourceOptions,
    names: list[str],
    label: str | None = None,
) -> Iterator[pd.DataFrame]:
    """The rows of a CSV file, a part at a time.

    Args:
      path: of the file.
      name: for messages.
      options: how to read it.
      names: of its columns.
      label: the column that is kept as text, whatever it is.

    Raises:
      DataError: naming the row, if one has too many columns or the file cannot be read.
    """
    with _reading(path, name, options) as (pandas, stream):
        parts = pandas.read_csv(
            stream,
            header=0 if options.header else None,
            names=names,
            chunksize=max(1, _NUMBERS_A_PART // len(names)),
            converters={label: str.strip} if label else None,
            low_memory=False,
            index_col=False,
            **_how(path, options),
        )
        yield from parts


def _how(path: Path, options: SourceOptions) -> dict[str, Any]:
    return {
        "sep": _delimiter(path, options),
        "decimal": options.decimal,
        "skipinitialspace": True,
        "engine": "c",
    }


def _delimiter(path: Path, options: SourceOptions) -> str:
    if options.delimiter is None:
        return "\t" if path.name.removesuffix(".gz").endswith(".tsv") else ","
    if not options.delimiter.isascii() or options.delimiter in '"\r\n\0':
        raise UsageError(
            f"delimiter {options.delimiter!r} cannot stand between columns; expected an ASCII "
            "character that is no quote and ends no line"
        )
    return options.delimiter


@contextmanager
def _reading(path: Path, name: str, options: SourceOptions) -> Iterator[tuple[Any, Any]]:
    """Yields pandas and the file as text; what goes wrong with either becomes one line."""
    import pandas

    encoding = _encoding(options.encoding)
    try:
        with path.open("rb") as raw, warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            zipped = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            file: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
            bounded = io.BufferedReader(BoundedLines(file, name, wide=encoding.startswith(_WIDE)))
            yield pandas, io.TextIOWrapper(bounded, encoding, newline="")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: not {options.encoding} text (byte {error.object[error.start]:#04x} after "
            f"{_before(error)!r}); name its encoding, as in --encoding latin-1"
        ) from error
    except UnicodeError as error:
        raise DataError(f"{name}: not {options.encoding} text: {error}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}: the gzip stream is damaged or ends early ({error})") from error
    except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        raise DataError(f"{name}: {_parser_reason(str(error))}") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def _encoding(name: str) -> str:
    """Python's name of an encoding, which lets a mark at the beginning of a file be."""
    try:
        io.TextIOWrapper(io.BytesIO(), name)  # knows those that are not of text
        usual = codecs.lookup(name).name
    except LookupError as error:
        raise UsageError(f"unknown encoding {name!r}; try latin-1") from error
    return "utf-8-sig" if usual == "utf-8" else usual


def _before(error: UnicodeDecodeError) -> str:
    seen = error.object[max(0, error.start - 12) : error.start]
    return seen.decode("ascii", "replace").splitlines()[-1] if seen.strip() else ""


def _parser_reason(text: str) -> str:
    ragged = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text)
    if ragged:
        expected, line, saw = ragged.groups()
        return f"line {line} has {saw} columns, expected {expected}; mend it"
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


class BoundedLines(io.RawIOBase):
    """A stream of bytes whose lines are of bounded length, and that holds no zero bytes.

    Args:
      file: opened to be read as bytes.
      name: for messages.
      wide: whether zero bytes are parts of characters.
    """

    def __init__(self, file: Any, name: str, wide: bool = False):
        self._file, self._name, self._wide = file, name, wide
        self._since = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase.readinto`.

        Raises:
          DataError: if a line is too long, or there is a zero byte.
        """
        content = self._file.read(len(buffer))
        if not self._wide and b"\0" in content:
            hint = "is it a text file?"
            if content.startswith(_BYTE_ORDERS):
                hint = "is it UTF-16? Say so with --encoding utf-16"
            raise DataError(f"{self._name}: holds zero bytes; {hint}")
        last = content.rfind(b"\n")
        self._since = self._since + len(content) if last < 0 else len(content) - last
        if self._since > _LONGEST_LINE:
            raise DataError(f"{self._name}: a line is longer than {_LONGEST_LINE:,} bytes")
        buffer[: len(content)] = content
        return len(content)
