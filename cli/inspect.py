"""``tfsoftmax inspect``: describes data before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.cli._completion import complete_dataset
from tfsoftmax.cli._console import PlainCommand, common_options, print_json, set_verbosity
from tfsoftmax.cli._flags import render
from tfsoftmax.cli._sources import Data, data_options
from tfsoftmax.data.names import locate
from tfsoftmax.messages import counted

if TYPE_CHECKING:
    from tfsoftmax.data.inspection import Column, Entries, Inspection

# Columns and classes that are printed, at most; --json has all.
_MOST_COLUMNS = 40
_MOST_CLASSES = 20
_MOST_CATEGORIES = 4
_LONGEST_CATEGORY = 20  # characters
# Kinds that are features as they are, and those that are described as numbers.
_PLAIN = ("number", "boolean")
_NUMBERS = (*_PLAIN, "buckets")
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

    SOURCE is what train takes as DATASET. Nothing is trained. Of a table it says how
    training reads each column, with * where an option decides that (--column
    island=category), and what is in it; of sparse rows, how many entries are not 0. Notes at
    the end say what should be corrected before training.

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
    encoded = any(column.kind not in (None, *_PLAIN) for column in found.columns)
    click.echo(f"rows      {found.rows:,} of {shape} {'columns' if encoded else 'features'}")
    if found.duplicate_rows:
        repeated = counted(found.duplicate_rows, "row is", "rows are")
        click.echo(f"repeated  {repeated} the same as an earlier row")
    if found.shared_rows:
        shared = counted(
            found.shared_rows, "test row is also a training row", "test rows are also training rows"
        )
        click.echo(f"shared    {shared}")
    if found.entries:
        _print_entries(found.entries)
    elif len(found.example_shape) > 1:
        _print_pixels(found.columns)
    elif encoded:
        _print_mixed(found.columns)
    else:
        _print_columns(found.columns)
    if found.crosses:
        click.echo(f"\ncrossed   {', '.join(found.crosses)}")
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


def _print_entries(entries: Entries) -> None:
    click.echo(
        f"entries   {entries.total:,} that are not 0, {entries.density:.2%} of all; "
        f"{entries.least:,} to {entries.most:,} a row, {entries.mean:.1f} on average"
    )
    if entries.low is not None:
        click.echo(f"values    {entries.low:g} to {entries.high:g}")
    if entries.unused:
        click.echo(f"unused    {entries.unused:,} columns are 0 in every row")
    if entries.missing:
        click.echo(f"missing   {entries.missing:,} of the entries")


def _print_mixed(columns: list[Column]) -> None:
    numbers = [column for column in columns if column.kind in _NUMBERS]
    others = [column for column in columns if column.kind not in _NUMBERS]
    if numbers:
        _print_columns(numbers)
    width = max([len(c.name) for c in others[:_MOST_COLUMNS]] + [6])
    click.echo(f"\n{'column':<{width}}  {'type':<9} {'missing':>7}  values")
    for column in others[:_MOST_COLUMNS]:
        kind = _kind(column)
        line = f"{column.name:<{width}}  {kind:<9} {column.missing:>7,}  {_values(column)}"
        click.echo(line.rstrip())
    if len(others) > _MOST_COLUMNS:
        click.echo(f"... and {len(others) - _MOST_COLUMNS:,} more (--json has all)")


def _kind(column: Column) -> str:
    """How training reads a column, marked where an option says so."""
    return (column.kind or "left out") + ("*" if column.said else "")


def _values(column: Column) -> str:
    """What is in a column that has no numbers, in a few words."""
    if column.dates:
        return f"{column.dates.earliest} to {column.dates.latest}"
    if column.lengths:
        lengths = column.lengths
        return (
            f"{lengths.shortest:,} to {lengths.longest:,} characters, {lengths.mean:,.0f} on "
            "average"
        )
    if column.categories is None:
        return ""
    found = column.categories
    shown = list(found.frequent.items())[:_MOST_CATEGORIES]
    listed = ", ".join(f"{text[:_LONGEST_CATEGORY]} {count:,}" for text, count in shown)
    more = ", ..." if found.distinct > len(shown) else ""
    return f"{'more than ' if found.more else ''}{found.distinct:,} different: {listed}{more}"


def _print_columns(columns: list[Column]) -> None:
    width = max([len(c.name) for c in columns[:_MOST_COLUMNS]] + [6])
    click.echo(
        f"\n{'column':<{width}}  {'type':<8} {'missing':>8} {'low':>11} {'mean':>11} {'high':>11} "
        f"{'deviation':>11}"
    )
    for column in columns[:_MOST_COLUMNS]:
        figures = (column.low, column.mean, column.high, column.deviation)
        cells = " ".join(f"{'' if f is None else f'{f:.5g}':>11}" for f in figures)
        kind = f"{column.kind}*" if column.said else column.type
        line = f"{column.name:<{width}}  {kind:<8} {column.missing:>8,} {cells}"
        click.echo(line.rstrip())
    if len(columns) > _MOST_COLUMNS:
        click.echo(f"... and {len(columns) - _MOST_COLUMNS:,} more (--json has all)")


def _print_classes(found: Inspection) -> None:
    label = f" of {found.label!r}" if found.label else ""
    click.echo(f"\n{counted(len(found.classes), 'class', 'classes')}{label}")
    shown = dict(list(found.classes.items())[:_MOST_CLASSES])
    width, most = max(map(len, shown)), max(shown.values())
    for name, count in shown.items():
        bar = "#" * max(1, round(_BAR * count / most))
        click.echo(f"  {name:<{width}}  {count:>9,}  {count / found.rows:>6.1%}  {bar}")
    if len(found.classes) > _MOST_CLASSES:
        click.echo(f"  ... and {len(found.classes) - _MOST_CLASSES:,} more")
