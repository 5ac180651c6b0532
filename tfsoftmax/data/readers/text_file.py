"""Text files: unpacked and decoded, with lines of bounded length."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import setting

_GZIP_MAGIC = b"\x1f\x8b"
# Bytes. No row of numbers is so long; it stops a file that unzips to an endless line.
_LONGEST_LINE = 2**26
_WIDE = ("utf-16", "utf-32")
_BYTE_ORDERS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextmanager
def text_file(path: Path, name: str, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Opens a file as text, unzipped if it is gzipped; line ends are not changed.

    Args:
      path: of the file.
      name: for messages.
      encoding: of the text.

    Raises:
      UsageError: if there is no such encoding.
      DataError: now or while it is read, if it cannot be read.
    """
    usual = encoding_of(encoding)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            file: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
            bounded = io.BufferedReader(BoundedLines(file, name, wide=usual.startswith(_WIDE)))
            yield io.TextIOWrapper(bounded, usual, newline="")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: not {encoding} text (byte {error.object[error.start]:#04x} after "
            f"{_before(error)!r}); name its encoding, as in " + setting("encoding", "latin-1")
        ) from error
    except UnicodeError as error:
        raise DataError(f"{name}: not {encoding} text: {error}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}: the gzip stream is damaged or ends early ({error})") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def encoding_of(name: str) -> str:
    """Finds Python's name of an encoding, of UTF-8 the one that skips a byte order mark.

    Raises:
      UsageError: if there is no encoding of that name.
    """
    try:
        io.TextIOWrapper(io.BytesIO(), name)  # knows those that are not of text
        usual = codecs.lookup(name).name
    except (LookupError, ValueError) as error:  # Names may hold what is no character.
        raise UsageError(f"unknown encoding {name!a}; try latin-1") from error
    return "utf-8-sig" if usual == "utf-8" else usual


def _before(error: UnicodeDecodeError) -> str:
    seen = error.object[max(0, error.start - 12) : error.start]
    return seen.decode("ascii", "replace").splitlines()[-1] if seen.strip() else ""


class BoundedLines(io.RawIOBase):
    """A stream of bytes that refuses endless lines and zero bytes.

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
                hint = "is it UTF-16? Say so with " + setting("encoding", "utf-16")
            raise DataError(f"{self._name}: holds zero bytes; " + hint)
        last = content.rfind(b"\n")
        self._since = self._since + len(content) if last < 0 else len(content) - last
        if self._since > _LONGEST_LINE:
            raise DataError(f"{self._name}: a line is longer than {_LONGEST_LINE:,} bytes")
        buffer[: len(content)] = content
        return len(content)
