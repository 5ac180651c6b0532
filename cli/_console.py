"""Shared by all commands: verbosity, errors in one line, exit codes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from tfsoftmax import __version__
from tfsoftmax.cli._errors import explain, print_error, print_unexpected
from tfsoftmax.cli._flags import render, render_document
from tfsoftmax.cli._interrupt import handle_signals
from tfsoftmax.cli._streams import ReaderGone, open_standard_streams
from tfsoftmax.system.json_text import json_text

# Characters of a sentence in the list of commands; click itself cuts it off at the line's end.
_NO_LIMIT = 1000


class _PlainErrors(click.Command):
    """Reports errors as one line on standard error, with the exit code that scripts expect."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the arguments; a usage error names the command."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Runs the command, then ends the process unless `standalone_mode` is off."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        open_standard_streams()
        try:
            with handle_signals():
                code = super().main(args, standalone_mode=False, **extra)
                if sys.stdout:
                    sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            message, code = explain(error, self.name)
            if {"-v", "--verbose"} & set(sys.argv if args is None else args):
                print_unexpected(error)
            if isinstance(error, click.exceptions.NoArgsIsHelpError):
                click.echo(message, err=True)
            elif not isinstance(error, ReaderGone):
                print_error(message)
        sys.exit(code if isinstance(code, int) else 0)


class PlainCommand(_PlainErrors):
    """A command that reports errors in one line."""


class TensorFlowCommand(_PlainErrors):
    """A command that always starts TensorFlow; it fails at once if TensorFlow cannot start."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command if TensorFlow can start."""
        from tfsoftmax.system.startup import check_address_space

        check_address_space()
        return super().invoke(ctx)


class PlainGroup(_PlainErrors, click.Group):
    """A group of commands that report errors in one line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands, each with the whole first sentence of its help."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, each.get_short_help_str(_NO_LIMIT)) for name, each in found if each]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds -v, -q, --version and --help."""
    for decorate in (
        click.help_option("-h", "--help"),
        click.version_option(__version__, prog_name="tfsoftmax", message="%(prog)s %(version)s"),
        click.option("-q", "--quiet", is_flag=True, help="Print results and errors only."),
        click.option("-v", "--verbose", is_flag=True, help="Show TensorFlow's own log."),
    ):
        command = decorate(command)
    return command


def print_json(document: Any) -> None:
    """Prints a JSON-ready document; options that its messages name are spelled as flags."""
    click.echo(json_text(render_document(document)))


def set_verbosity(verbose: bool, quiet: bool) -> None:
    """Sets what is logged to standard error; call it before importing TensorFlow.

    Raises:
      click.UsageError: if both are set.
    """
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other")
    if not verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    library_level = logging.WARNING if verbose else logging.CRITICAL
    for name in ("absl", "tensorflow", "urllib3"):
        logging.getLogger(name).setLevel(library_level)
    ours = logging.getLogger("tfsoftmax")
    ours.propagate = False  # TensorFlow Datasets adds a handler to the root logger.
    ours.setLevel(logging.ERROR if quiet else logging.INFO)
    if not ours.handlers:
        ours.addHandler(_StderrHandler())


class _StderrHandler(logging.Handler):
    """Prints the library's messages as plain lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        args = render_document(record.args)
        rendered = {
            "msg": render(record.msg),
            "args": tuple(args) if isinstance(args, list) else args,
        }
        click.echo(self.format(logging.makeLogRecord({**vars(record), **rendered})), err=True)
