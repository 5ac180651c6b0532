"""The one-line message, and the exit code, for an error that ends a command."""

from __future__ import annotations

import errno
import os
import traceback

import click

from tfsoftmax.cli._flags import render
from tfsoftmax.cli._interrupt import ENDINGS
from tfsoftmax.errors import (
    TRY_AGAIN,
    PeerError,
    TfsoftmaxError,
    UnknownDatasetError,
    UnknownModelError,
    UsageError,
)

# Exit codes.
_USAGE = 2
_FAILURE = 1
# Characters of a message that are printed, at most.
_MOST_CHARACTERS = 2000
_NO_MEMORY = "not enough memory for this data; use a smaller dataset"
_ADVICE = {
    errno.EMFILE: "; this process may open too few files: raise the limit (ulimit -n)",
    errno.ENFILE: "; close other programs",
}
# What native libraries say, in errors of many types, when memory, threads or files run out.
_SYMPTOMS = {
    "failed to map segment": "not enough memory, or address space (ulimit -v), to start",
    "annot allocate memory": _NO_MEMORY,
    "bad_alloc": _NO_MEMORY,
    "out of memory": _NO_MEMORY,
    "OOM when allocating": _NO_MEMORY,
    "start new thread": "no thread can be started: raise the limit of processes (ulimit -u) or "
    "of memory (ulimit -v)",
    "Too many open files": "too many open files" + _ADVICE[errno.EMFILE],
}

# click's names of types, and what they are.
_TYPES = {
    "is not a valid integer range": "is not a whole number",
    "is not a valid float range": "is not a number",
    "is not a valid float or": "is neither a number nor",
    "is not a valid integer or": "is neither a whole number nor",
}


def explain(error: BaseException, command: str | None) -> tuple[str, int]:
    """Returns the message for an error, without the 'Error:' before it, and the exit code."""
    if asked := _interrupt_behind(error):
        return ENDINGS[asked]
    if isinstance(error, click.Abort) and error.__cause__:
        error = error.__cause__  # click makes an Abort of every EOFError
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message(), _USAGE
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else command
        return f"{_plain(error.format_message()).rstrip('.')} (see '{where} --help')", _USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, UsageError | UnknownDatasetError | UnknownModelError):
        return render(error), _USAGE
    if isinstance(error, PeerError):
        return render(error), TRY_AGAIN
    if isinstance(error, TfsoftmaxError):
        return render(error), _FAILURE
    return _explain_shortage(error) or _explain_unexpected(error), _FAILURE


def _plain(message: str) -> str:
    """A message of click's, without its names of types.

    >>> _plain("Invalid value for '--epochs': '1.5' is not a valid integer range.")
    "Invalid value for '--epochs': '1.5' is not a whole number."
    """
    for theirs, plain in _TYPES.items():
        message = message.replace(theirs, plain)
    return message


def print_error(message: str) -> None:
    """Prints an error message as one line, without control characters."""
    try:
        line = " ".join(message.split())
        line = line if len(line) <= _MOST_CHARACTERS else line[:_MOST_CHARACTERS] + " ..."
        click.echo(f"Error: {_printable(line)}", err=True)
    except (MemoryError, OSError):
        os.write(2, b"Error: not enough memory\n")


def print_unexpected(error: BaseException) -> None:
    """Prints the traceback of an error that the user could not expect."""
    if not isinstance(error, click.ClickException | TfsoftmaxError | click.Abort):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)


def _explain_shortage(error: BaseException) -> str | None:
    """Names what ran out (memory, threads, files), or why the system refused a file."""
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    text = str(error)
    for symptom, sentence in _SYMPTOMS.items():
        if symptom in text and not getattr(error, "filename", None):
            return sentence
    if isinstance(error, OSError):
        what = (error.strerror or text) + _ADVICE.get(error.errno or 0, "")
        return f"{os.fsdecode(error.filename)}: {what}" if error.filename else what
    return None


def _explain_unexpected(error: BaseException) -> str:
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return (
        f"not foreseen by tfsoftmax: {said}; please report this with the output of the same "
        "command with -v"
    )


def _printable(text: str) -> str:
    """Escapes characters that could move a terminal's cursor, or that no encoding has."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _interrupt_behind(error: BaseException | None) -> type[KeyboardInterrupt] | None:
    while error:
        if isinstance(error, KeyboardInterrupt):
            return type(error)
        error = error.__cause__ or error.__context__
    return None
