"""Prints the metrics of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tfsoftmax import Evaluation
    from tfsoftmax.probability_metrics import ProbabilityMetrics

# A confusion matrix of more classes does not fit a terminal; --json prints all of it.
_MAX_MATRIX_CLASSES = 26
# With more classes, only so many of the worst classes and of the confusions are printed.
_MAX_LISTED = 10


def print_metrics(result: Evaluation, names: tuple[str, ...]) -> None:
    """Prints all metrics, beside those of a baseline that predicts the same for every row."""
    frequent = names[int(result.confusion.sum(axis=1).argmax())]
    click.echo(f"accuracy  {result.accuracy:.4f}")
    click.echo(f"log-loss  {result.log_loss:.4f}")
    click.echo(f"balanced  {result.balanced_accuracy:.4f} (mean recall of the classes)")
    click.echo(
        f"baseline  accuracy {result.baseline_accuracy:.4f} by always predicting {frequent!r}, "
        f"log-loss {result.baseline_log_loss:.4f} by predicting each class's share of these rows"
    )
    if result.answered is not None:
        accuracy = result.answered_accuracy
        on_those = f", accuracy {accuracy:.4f} on those" if accuracy is not None else ""
        click.echo(f"answers   {result.answered:.4f} of the rows{on_those}")
    if result.of_probabilities:
        _print_probability_metrics(result, result.of_probabilities)
    click.echo()
    _print_classes(result, names)
    click.echo()
    if len(names) <= _MAX_MATRIX_CLASSES:
        _print_matrix(result, names)
    else:
        _print_confusions(result, names)


def _print_probability_metrics(result: Evaluation, metrics: ProbabilityMetrics) -> None:
    if metrics.top_k:
        shares = [f"{share:.4f} among {k}" for k, share in metrics.top_k.items()]
        click.echo(f"top k     {', '.join(shares)} (the true class, among the k most probable)")
    if metrics.roc_auc is not None:
        click.echo(
            f"ROC AUC   {metrics.roc_auc:.4f}, average precision {metrics.average_precision:.4f} "
            "(each class against the rest, mean of the classes)"
        )
    click.echo(
        f"Brier     {metrics.brier_score:.4f}, calibration error {result.calibration_error:.4f}"
    )


def _print_classes(result: Evaluation, names: tuple[str, ...]) -> None:
    rows = list(zip(names, result.per_class(), strict=True))
    if len(names) > _MAX_MATRIX_CLASSES:
        rows = [row for row in rows if row[1].recall is not None]
        rows = sorted(rows, key=lambda row: row[1].recall or 0.0)[:_MAX_LISTED]
        click.echo(
            f"the {len(rows)} of {len(names)} classes with the lowest recall (--json has all)"
        )
    width = max(5, *(len(name) for name, _ in rows))
    click.echo(f"{'class':<{width}}  precision  recall      f1      rows")
    for name, metrics in rows:
        scores = (metrics.precision, metrics.recall, metrics.f1)
        cells = ["-" if score is None else f"{score:.4f}" for score in scores]
        click.echo(
            f"{name:<{width}}  {cells[0]:>9}  {cells[1]:>6}  {cells[2]:>6}  {metrics.rows:>8,}"
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
    for true, predicted, count in result.largest_confusions(_MAX_LISTED):
        click.echo(f"{count:>8,}  {names[true]} predicted as {names[predicted]}")
