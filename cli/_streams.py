"""Makes standard output and standard error safe to write to.

Python's own streams raise an error for a character that the terminal's encoding lacks, and fail
a second time while the interpreter exits. If the shell closed them, the next file that is opened
gets their descriptor, and everything printed goes into that file.
"""

from __future__ import annotations

import io
import os
import sys

import click


class ReaderGone(click.ClickException):
    """The program that read standard output ended first, as ``head`` does; nobody need be told."""

    exit_code = 128 + 13  # That of a command which SIGPIPE ended.


class _Output(io.FileIO):
    """Standard output. The first failure ends the command; later writes are discarded."""

    failed = False

    def write(self, data: object) -> int:
        """Writes, or ends the command with an error that says why it cannot."""
        if self.failed:
            return memoryview(data).nbytes  # type: ignore[arg-type]
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.failed = True
            if isinstance(error, BrokenPipeError):
                raise ReaderGone(str(error)) from None
            raise click.ClickException(
                f"cannot write to standard output: {error.strerror}"
            ) from None


class _ErrorOutput(io.FileIO):
    """Standard error. Failures are ignored: they cannot be reported, and nothing depends on it."""

    def write(self, data: object) -> int:
        """Writes if possible."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def open_standard_streams() -> None:
    """Replaces the process's output streams; those that a test has replaced are left alone."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The shell closed it. Occupy its descriptor, read-only so that output still fails.
            os.open(os.devnull, os.O_RDWR if number == 2 else os.O_RDONLY)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text_stream(_Output(1, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text_stream(_ErrorOutput(2, "w", closefd=False), sys.stderr)


def _text_stream(raw: io.FileIO, before: object) -> io.TextIOWrapper:
    """A text stream in the encoding of `before` that escapes characters it cannot encode."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None),
        errors="backslashreplace",
        line_buffering=raw.isatty() or isinstance(raw, _ErrorOutput),
    )
