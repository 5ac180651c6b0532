"""``tfsoftmax evaluate``: an exported model's quality on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    complete_dataset,
    set_verbosity,
)
from tfsoftmax.cli._models import reading_options, recorded_data
from tfsoftmax.cli._sources import Data, data_options
from tfsoftmax.errors import DataError
from tfsoftmax.json_text import json_text

if TYPE_CHECKING:
    from tfsoftmax import Evaluation

# A wider matrix no longer fits a terminal; --json has it whole.
_WIDEST_MATRIX = 26
_MOST_CONFUSIONS = 10


@click.command(cls=TensorFlowCommand, name="evaluate")
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
    type=click.Choice(["test", "train", "all"]),
    help="The rows to measure on.  [default: test; all of a file that MODEL was not trained on]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def evaluate(
    model: Path,
    dataset_name: str,
    data: Data,
    split: str | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Measure an exported MODEL: accuracy, log-loss, confusion matrix.

    MODEL is a .tflite or .onnx file, a SavedModel folder, or a model's folder, whose
    highest version is taken.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax import load_predictor

    predictor = load_predictor(model)
    recorded = recorded_data(model)
    options = reading_options(predictor.spec, recorded)
    dataset = data.load(dataset_name, options, predictor.spec)
    split = split or _usual_split(dataset_name, recorded.get("name"))
    parts = {"test": [dataset.test], "train": [dataset.train], "all": [dataset.train, dataset.test]}
    rows = [part for part in parts[split] if len(part)]
    if not rows:
        raise DataError(f"{dataset_name}: has no training rows to measure on; see --split")
    result = predictor.evaluate(dataset, *rows)
    names = predictor.spec.class_names
    if as_json:
        figures = {"model": str(predictor.path), "dataset": dataset.name, "split": split}
        click.echo(json_text({**figures, **result.to_json(names)}))
        return
    click.echo(f"model     {predictor.path}")
    click.echo(f"rows      {result.n_samples:,} ({dataset.name}, {split})")
    click.echo(f"accuracy  {result.accuracy:.4f}")
    click.echo(f"log-loss  {result.log_loss:.4f}")
    if result.answered is not None:
        right = result.answered_accuracy
        of_these = f", right in {right:.4f} of those" if right is not None else ""
        click.echo(f"answers   {result.answered:.4f} of the rows{of_these}")
    click.echo()
    if len(names) <= _WIDEST_MATRIX:
        _print_matrix(result, names)
    else:
        _print_confusions(result, names)


def _usual_split(name: str, trained_on: str | None) -> str:
    from tfsoftmax.data.names import KINDS

    kind, colon, _ = name.partition(":")
    # IDX has test rows of its own.
    foreign = colon and kind in KINDS and kind != "idx" and trained_on not in (None, name)
    return "all" if foreign else "test"


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
