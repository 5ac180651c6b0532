"""``tfsoftmax evaluate``: an exported model's quality on a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.cli._console import (
    PlainCommand,
    common_options,
    complete_dataset,
    data_options,
    set_verbosity,
)

if TYPE_CHECKING:
    from tfsoftmax import Evaluation

# A wider matrix no longer fits a terminal; --json has it whole.
_WIDEST_MATRIX = 26
_MOST_CONFUSIONS = 10


@click.command(cls=PlainCommand, name="evaluate")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    "dataset_name",
    required=True,
    metavar="NAME",
    shell_complete=complete_dataset,
    help="As for train.",
)
@data_options
@click.option(
    "--split",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="The rows to measure on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def evaluate(
    model: Path,
    dataset_name: str,
    data_dir: str | None,
    manual_dir: str | None,
    split: str,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Measure an exported MODEL: accuracy, log-loss, confusion matrix.

    MODEL is a .tflite or .onnx file, a SavedModel folder, or a model's folder, whose
    highest version is taken.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax import load_dataset, load_predictor

    dataset = load_dataset(dataset_name, data_dir=data_dir, manual_dir=manual_dir)
    predictor = load_predictor(model)
    result = predictor.evaluate(dataset, dataset.test if split == "test" else dataset.train)
    names = predictor.spec.class_names
    if as_json:
        figures = {"model": str(predictor.path), "dataset": dataset.name, "split": split}
        click.echo(json.dumps({**figures, **result.to_json(names)}, indent=2))
        return
    click.echo(f"model     {predictor.path}")
    click.echo(f"rows      {result.n_samples:,} ({dataset.name}, {split})")
    click.echo(f"accuracy  {result.accuracy:.4f}")
    click.echo(f"log-loss  {result.log_loss:.4f}")
    click.echo()
    if len(names) <= _WIDEST_MATRIX:
        _print_matrix(result, names)
    else:
        _print_confusions(result, names)


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
