"""Measures a model on the rows of each value of a column."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.errors import DataError, UsageError

if TYPE_CHECKING:
    from tfsoftmax import Dataset, RowScores
    from tfsoftmax.cli._sources import Data
    from tfsoftmax.row_scores import Slice

_log = logging.getLogger("tfsoftmax.cli")
# Of fewer rows the interval of an accuracy about 0.5 is wider than 0.33.
_FEW_ROWS = 30
# A column of more values would flood the screen; --json has all of them.
_MOST_PRINTED = 25
# What an option says of other columns.
_OF_COLUMNS = ("features", "drop", "column", "cross", "buckets", "marks", "missing")


def check_by(column: str, dataset_name: str, data: Data, recorded: dict[str, Any]) -> None:
    """Makes sure that a source has a column, without reading its rows.

    Raises:
      UsageError: if the source is no table.
      DataError: if there is no such column.
    """
    from tfsoftmax.data.bad_rows import BadRows
    from tfsoftmax.data.kinds import function_of
    from tfsoftmax.data.names import locate
    from tfsoftmax.data.tables.columns import check_there

    name, kind, path = locate(dataset_name)
    if "features" not in kind.options:
        raise UsageError(f"--by: {name} has no columns with names")
    if kind.table:
        options, bad = data.options(dataset_name, recorded), BadRows(name, skip=False)
        check_there(name, column, function_of(kind.table)(path, name, options, bad).names)


def slices_by(
    column: str,
    scores: RowScores,
    dataset: Dataset,
    parts: Sequence[str],
    data: Data,
    options: dict[str, Any],
) -> list[Slice]:
    """Accuracy and log-loss for each value of a column, which the model need not know.

    The source is read once more, only for this column: which rows are for testing depends on the
    labels alone, so they are the same.

    Args:
      column: the name of the column.
      scores: of the rows that the model was asked for.
      dataset: that they are of.
      parts: ``"train"``, ``"test"`` or both: the parts that they are, in this order.
      data: how the dataset was read.
      options: the same, for what the command does not say.

    Raises:
      DataError: if the column has other than categories and numbers, or the rows cannot be
        matched.
    """
    import numpy as np

    from tfsoftmax.data.column_groups import column_groups
    from tfsoftmax.data.features import features_of

    alone = _column_alone(column, dataset, data, options)
    _check_same_rows(column, dataset, alone)
    splits = [getattr(alone, part) for part in parts if len(getattr(alone, part))]
    rows = np.concatenate([np.asarray(features_of(split.features)[:]) for split in splits])
    names, codes = column_groups(column, alone.spec, rows)
    return [found._replace(value=names[found.value]) for found in scores.by(codes)]


def print_slices(column: str, slices: list[Slice]) -> None:
    """Prints a line for each value, those of most rows first if there are very many."""
    shown = slices
    click.echo(f"by {column}")
    if len(slices) > _MOST_PRINTED:
        shown = sorted(slices, key=lambda one: -one.rows)[:_MOST_PRINTED]
        click.echo(f"the {_MOST_PRINTED} of {len(slices):,} values with most rows (--json has all)")
    width = max(5, *(len(str(one.value)) for one in shown))
    click.echo(f"{'value':<{width}}      rows  accuracy  95 % interval     log-loss")
    for one in shown:
        low, high = one.accuracy_interval
        click.echo(
            f"{one.value:<{width}}  {one.rows:>8,}  {one.accuracy:>8.4f}  {low:.4f} - {high:.4f}"
            f"  {one.log_loss:>10.4f}"
        )


def warn_of_few_rows(column: str, slices: list[Slice]) -> None:
    """Logs a note if the figures of some values rest on few rows."""
    few = sorted((one for one in slices if one.rows < _FEW_ROWS), key=lambda one: one.rows)
    if few:
        named = ", ".join(f"{one.value} ({one.rows})" for one in few[:5])
        _log.warning(
            "Note: the figures of values with fewer than %s rows say little; of %s: %s",
            _FEW_ROWS,
            column,
            named + (f", and {len(few) - 5:,} more" if len(few) > 5 else ""),
        )


def _column_alone(column: str, dataset: Dataset, data: Data, options: dict[str, Any]) -> Dataset:
    usual = {key: value for key, value in options.items() if key not in _OF_COLUMNS}
    chosen = {key: value for key, value in data.choices.items() if key not in _OF_COLUMNS}
    alone = {**usual, "features": [column], "missing": "mean"}
    with _without_notes():
        return replace(data, choices=chosen).load(dataset.name, alone)


def _check_same_rows(column: str, dataset: Dataset, alone: Dataset) -> None:
    import numpy as np

    for part in ("train", "test"):
        wanted, found = (
            np.array(each.spec.class_names, object)[getattr(each, part).labels]
            for each in (dataset, alone)
        )
        if not np.array_equal(wanted, found):
            raise DataError(
                f"--by {column}: read alone, {dataset.name} has other rows for {part}ing, so they "
                "cannot be matched; give --by a file in which every class has several rows"
            )
    if dataset.notes.skipped or alone.notes.skipped:
        raise DataError(
            f"--by {column}: rows of {dataset.name} are left out, so the others cannot be matched "
            "with their values; correct these rows, or take them out of the file"
        )


@contextmanager
def _without_notes() -> Iterator[None]:
    """The notes on reading a source were logged when it was read first."""
    log = logging.getLogger("tfsoftmax")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
