"""What all commands share: verbosity, one-line errors, exit codes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from tfsoftmax import __version__
from tfsoftmax.cli._errors import explained, say_error, show_unknown
from tfsoftmax.cli._interrupt import handle_signals
from tfsoftmax.cli._streams import open_standard_streams


class _PlainErrors(click.Command):
    """Errors as one line on standard error and the exit code a script expects."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses; an error says which command it is of."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Runs the command; unless `standalone_mode` is off, ends the process."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        open_standard_streams()
        try:
            with handle_signals():
                code = super().main(args, standalone_mode=False, **extra)
                if sys.stdout:
                    sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            message, code = explained(error, self.name)
            if {"-v", "--verbose"} & set(sys.argv if args is None else args):
                show_unknown(error)
            if isinstance(error, click.exceptions.NoArgsIsHelpError):
                click.echo(message, err=True)
            else:
                say_error(message)
        sys.exit(code if isinstance(code, int) else 0)


class PlainCommand(_PlainErrors):
    """A command with plain errors."""


class TensorFlowCommand(_PlainErrors):
    """One that starts TensorFlow, whatever it is asked; it fails at once where that cannot be."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs it, if it can run here."""
        from tfsoftmax.system.startup import check_address_space

        check_address_space()
        return super().invoke(ctx)


class PlainGroup(_PlainErrors, click.Group):
    """A group of commands with plain errors."""


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds -v, -q, --version and --help."""
    for decorate in (
        click.help_option("-h", "--help"),
        click.version_option(__version__, prog_name="tfsoftmax", message="%(prog)s %(version)s"),
        click.option("-q", "--quiet", is_flag=True, help="Print results and errors only."),
        click.option("-v", "--verbose", is_flag=True, help="Let TensorFlow's own log through."),
    ):
        command = decorate(command)
    return command


def set_verbosity(verbose: bool, quiet: bool) -> None:
    """Decides what reaches standard error; call it before TensorFlow is imported.

    Raises:
      click.UsageError: if both are asked for.
    """
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other")
    if not verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    others = logging.WARNING if verbose else logging.CRITICAL
    for name in ("absl", "tensorflow", "urllib3"):
        logging.getLogger(name).setLevel(others)
    ours = logging.getLogger("tfsoftmax")
    ours.propagate = False  # TensorFlow Datasets gives the root logger a handler, too.
    ours.setLevel(logging.ERROR if quiet else logging.INFO)
    if not ours.handlers:
        ours.addHandler(_StderrHandler())


class _StderrHandler(logging.Handler):
    """The library's notices, as plain lines."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)
