"""Figures of quality as commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tfsoftmax import Evaluation

# A wider matrix no longer fits a terminal; --json has it whole.
_WIDEST_MATRIX = 26
_MOST_CONFUSIONS = 10


def print_figures(result: Evaluation, names: tuple[str, ...]) -> None:
    """Prints all figures, beside those of answering the same for every row."""
    frequent = names[int(result.confusion.sum(axis=1).argmax())]
    click.echo(f"accuracy  {result.accuracy:.4f}")
    click.echo(f"log-loss  {result.log_loss:.4f}")
    click.echo(f"balanced  {result.balanced_accuracy:.4f} (accuracy with all classes as frequent)")
    click.echo(
        f"baseline  accuracy {result.baseline_accuracy:.4f} by always answering {frequent!r}, "
        f"log-loss {result.baseline_log_loss:.4f} by the classes' shares of these rows"
    )
    if result.answered is not None:
        right = result.answered_accuracy
        of_these = f", right in {right:.4f} of those" if right is not None else ""
        click.echo(f"answers   {result.answered:.4f} of the rows{of_these}")
    click.echo()
    _print_classes(result, names)
    click.echo()
    if len(names) <= _WIDEST_MATRIX:
        _print_matrix(result, names)
    else:
        _print_confusions(result, names)


def _print_classes(result: Evaluation, names: tuple[str, ...]) -> None:
    rows = list(zip(names, result.per_class(), strict=True))
    if len(names) > _WIDEST_MATRIX:
        rows = [row for row in rows if row[1].recall is not None]
        rows = sorted(rows, key=lambda row: row[1].recall or 0.0)[:_MOST_CONFUSIONS]
        click.echo(f"the classes of {len(names)} that are found least (--json has all)")
    width = max(5, *(len(name) for name, _ in rows))
    click.echo(f"{'class':<{width}}  precision  recall      f1      rows")
    for name, found in rows:
        shares = (found.precision, found.recall, found.f1)
        cells = ["-" if share is None else f"{share:.4f}" for share in shares]
        click.echo(
            f"{name:<{width}}  {cells[0]:>9}  {cells[1]:>6}  {cells[2]:>6}  {found.rows:>8,}"
        )


def _print_matrix(result: Evaluation, names: tuple[str, ...]) -> None:
    click.echo("confusion matrix: a row for each true class, a column for each predicted one")
    cells = [list(map(str, row)) for row in result.confusion]
    label_width = max(map(len, names))
    widths = [
        max(len(name), *map(len, column))
        for name, column in zip(names, zip(*cells, strict=True), strict=True)
    ]
    for name, row in zip(("", *names), (names, *cells), strict=True):
        columns = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(f"{name:>{label_width}}  {'  '.join(columns)}")


def _print_confusions(result: Evaluation, names: tuple[str, ...]) -> None:
    click.echo(f"most frequent mistakes of {len(names)} classes (--json has the whole matrix)")
    for true, predicted, count in result.largest_confusions(_MOST_CONFUSIONS):
        click.echo(f"{count:>8,}  {names[true]} taken for {names[predicted]}")
