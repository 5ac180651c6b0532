"""Standard output and error as commands use them: what cannot be written is said, once.

Python's own streams die of a character that the terminal's encoding lacks, fail once more
while the interpreter ends, and take no part at all where the shell closed them: then the next
file that is opened gets their number, and whatever is printed goes into it.
"""

from __future__ import annotations

import io
import os
import sys

import click


class _Output(io.FileIO):
    """Standard output; what cannot be written ends the command, and is not tried again."""

    broken = False

    def write(self, data: object) -> int:
        """Writes; says what hinders it in the command's own way."""
        if self.broken:
            return memoryview(data).nbytes  # type: ignore[arg-type]
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.broken = True
            raise click.ClickException(
                f"cannot write to standard output: {error.strerror}"
            ) from None


class _Notices(io.FileIO):
    """Standard error; nobody could be told that it cannot be written, and nothing depends on it."""

    def write(self, data: object) -> int:
        """Writes if that can be done."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def open_standard_streams() -> None:
    """Makes the process's streams such as commands can rely on; a test's own stay as they are."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed: taken again, for reading only, so that output still fails
            os.open(os.devnull, os.O_RDWR if number == 2 else os.O_RDONLY)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Output(1, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Notices(2, "w", closefd=False), sys.stderr)


def _text(raw: io.FileIO, before: object) -> io.TextIOWrapper:
    """A text stream like the one before it, but for characters that its encoding lacks."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None),
        errors="backslashreplace",
        line_buffering=raw.isatty() or isinstance(raw, _Notices),
    )
