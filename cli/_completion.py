"""Completes what is typed in a shell; must not import slow modules."""

from __future__ import annotations

import csv

import click
from click.shell_completion import CompletionItem

from tfsoftmax.data.names import all_names, locate
from tfsoftmax.data.tables.asked import COLUMN_KINDS
from tfsoftmax.errors import TfsoftmaxError


def complete_dataset(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes names of datasets, or else paths."""
    names = [name for name in all_names() if name.startswith(incomplete)]
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


def complete_column(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes NAME=KIND: the names of a CSV file's columns, and the kinds of any column."""
    name, equals, kind = incomplete.rpartition("=")
    if equals:
        kinds = [each for each in COLUMN_KINDS if each.startswith(kind)]
        return [CompletionItem(f"{name}={each}") for each in kinds]
    names = [each for each in _columns(ctx) if each.startswith(incomplete)]
    if len(names) == 1:
        return [CompletionItem(f"{names[0]}={each}") for each in COLUMN_KINDS]
    return [CompletionItem(each) for each in names]


def complete_column_name(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes the name of a CSV file's column."""
    return [CompletionItem(each) for each in _columns(ctx) if each.startswith(incomplete)]


def _columns(ctx: click.Context) -> list[str]:
    """The names of the columns in the file that was typed before; none if they are not there."""
    # Arguments are not parsed where an option still lacks its value; a model may be among them.
    named = ctx.params.get("dataset_name")
    places = [named] if named else ctx.args
    return next(filter(None, (_header(ctx, place) for place in places)), [])


def _header(ctx: click.Context, place: str) -> list[str]:
    from tfsoftmax.data.readers.text_file import text_file

    try:
        found = locate(place)
        if found.kind.name != "csv" or found.path is None:
            return []
        tabs = found.path.name.removesuffix(".gz").endswith(".tsv")
        delimiter = ctx.params.get("delimiter") or ("\t" if tabs else ",")
        with text_file(found.path, found.name, ctx.params.get("encoding") or "utf-8") as lines:
            return [each.strip() for each in next(csv.reader(lines, delimiter=delimiter), [])]
    except (TfsoftmaxError, OSError, csv.Error):
        return []
