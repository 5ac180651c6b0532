"""``tfsoftmax inspect``: describes data before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.cli._console import PlainCommand, common_options, print_json, set_verbosity
from tfsoftmax.cli._flags import render
from tfsoftmax.cli._sources import Data, complete_dataset, data_options
from tfsoftmax.data.names import locate

if TYPE_CHECKING:
    from tfsoftmax.data.inspection import Column, Inspection

# Columns and classes that are printed, at most; --json has all.
_MOST_COLUMNS = 40
_MOST_CLASSES = 20
# Characters in the bar of a class that has all rows.
_BAR = 30


@click.command(cls=PlainCommand, name="inspect")
@click.argument("source", shell_complete=complete_dataset)
@data_options
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Write a sheet with some pictures of each class there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common_options
def inspect(
    source: str,
    data: Data,
    pictures: Path | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Describe the data of SOURCE: columns, ranges, classes, missing values.

    SOURCE is what train takes as DATASET. Nothing is trained. Notes at the end say what
    should be corrected before training.

    \b
    Examples:
      tfsoftmax inspect flowers.csv --label-column species
      tfsoftmax inspect photos --pictures sheet.png
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.data.inspection import inspect_dataset, inspect_table

    location = locate(source)
    if location.kind.table:
        if pictures:
            raise click.UsageError("--pictures is for images, and a table has none")
        found = inspect_table(location, data.options(location.name))
    else:
        dataset = data.load(source, {"missing": "mean"})
        if pictures:
            from tfsoftmax.data.picture_sheet import picture_sheet
            from tfsoftmax.system.files import write_atomically

            write_atomically(pictures, picture_sheet(dataset))
        found = inspect_dataset(dataset, official_test=False)
    if as_json:
        print_json(found.to_json())
        return
    _print(found)
    if pictures:
        click.echo(f"pictures  {pictures}")


def _print(found: Inspection) -> None:
    shape = "x".join(map(str, found.example_shape))
    click.echo(f"source    {found.name}")
    click.echo(f"rows      {found.rows:,} of {shape} features")
    if found.duplicate_rows:
        click.echo(f"repeated  {found.duplicate_rows:,} rows are the same as an earlier row")
    if found.shared_rows:
        click.echo(f"shared    {found.shared_rows:,} test rows are also training rows")
    if len(found.example_shape) > 1:
        _print_pixels(found.columns)
    else:
        _print_columns(found.columns)
    if found.classes:
        _print_classes(found)
    if found.notes:
        click.echo("\nnotes")
    for note in found.notes:
        click.echo(f"  {render(note)}")


def _print_pixels(columns: list[Column]) -> None:
    low, high = min(c.low or 0 for c in columns), max(c.high or 0 for c in columns)
    mean = sum(c.mean or 0 for c in columns) / len(columns)
    constant = sum(c.constant for c in columns)
    click.echo(
        f"values    {low:g} to {high:g}, mean {mean:.4g}; {constant:,} of {len(columns):,} pixels "
        "never change"
    )


def _print_columns(columns: list[Column]) -> None:
    width = max([len(c.name) for c in columns[:_MOST_COLUMNS]] + [6])
    click.echo(
        f"\n{'column':<{width}}  {'type':<8} {'missing':>8} {'low':>11} {'mean':>11} {'high':>11} "
        f"{'deviation':>11}"
    )
    for column in columns[:_MOST_COLUMNS]:
        figures = (column.low, column.mean, column.high, column.deviation)
        cells = " ".join(f"{'' if f is None else f'{f:.5g}':>11}" for f in figures)
        line = f"{column.name:<{width}}  {column.type:<8} {column.missing:>8,} {cells}"
        click.echo(line.rstrip())
    if len(columns) > _MOST_COLUMNS:
        click.echo(f"... and {len(columns) - _MOST_COLUMNS:,} more (--json has all)")


def _print_classes(found: Inspection) -> None:
    label = f" of {found.label!r}" if found.label else ""
    click.echo(f"\n{len(found.classes):,} classes{label}")
    shown = dict(list(found.classes.items())[:_MOST_CLASSES])
    width, most = max(map(len, shown)), max(shown.values())
    for name, count in shown.items():
        bar = "#" * max(1, round(_BAR * count / most))
        click.echo(f"  {name:<{width}}  {count:>9,}  {count / found.rows:>6.1%}  {bar}")
    if len(found.classes) > _MOST_CLASSES:
        click.echo(f"  ... and {len(found.classes) - _MOST_CLASSES:,} more")
