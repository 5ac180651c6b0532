"""Puts a command's table where it belongs: printed or in a file, as CSV or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._options import add_options
from tfsoftmax.system.json_text import json_text

if TYPE_CHECKING:
    import pandas as pd

_OPTIONS = (
    click.option(
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the table there instead of printing it.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON document instead of CSV."),
)


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say where a command's table goes, and as what."""
    return add_options(command, _OPTIONS)


def put_table(
    table: pd.DataFrame, document: dict[str, Any], as_json: bool, output: Path | None
) -> None:
    """Prints a table as CSV, or a document of it as JSON; or writes it to a file, whole.

    Args:
      table: of numbers and names.
      document: the same, and what else there is to say, JSON-ready.
      as_json: the document rather than CSV.
      output: the file; None prints it.
    """
    if as_json:
        text = json_text(document) + "\n"
    else:
        # Digits enough for float32, and for the intercept of columns far from 0.
        text = str(table.to_csv(index=False, float_format="%.12g", lineterminator="\n"))
    if output is None:
        click.echo(text, nl=False)
        return
    from tfsoftmax.system.files import write_atomically

    write_atomically(output, text.encode("utf-8"))
