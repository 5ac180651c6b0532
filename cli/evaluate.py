"""``tfsoftmax evaluate``: measures an exported model on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfsoftmax.cli._completion import complete_column_name
from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    print_json,
    set_verbosity,
)
from tfsoftmax.cli._measured import Measured, parts_of, split_option
from tfsoftmax.cli._metrics import print_metrics
from tfsoftmax.cli._models import describe, recorded_data
from tfsoftmax.cli._slices import check_by, print_slices, slices_by, warn_of_few_rows
from tfsoftmax.cli._sources import Data, data_options, dataset_options


@click.command(cls=TensorFlowCommand, name="evaluate")
@click.argument("model", type=click.Path(path_type=Path))
@dataset_options()
@data_options
@split_option("test; all if MODEL was not trained on this file")
@click.option(
    "--by",
    metavar="COLUMN",
    shell_complete=complete_column_name,
    help="Measure the rows of each value of COLUMN, too: of categories, or of numbers, which are "
    "cut into four ranges if there are many. MODEL need not use the column.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all metrics as one JSON document.")
@common_options
def evaluate(
    model: Path,
    dataset_name: str,
    data: Data,
    split: str | None,
    by: str | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Measure an exported MODEL on DATASET: accuracy, log-loss, ROC AUC, confusion matrix.

    MODEL is a .tflite or .onnx file, a SavedModel folder, or a model's folder, of which the
    highest version is used. Accuracy and log-loss are printed beside those of a baseline that
    predicts the same for every row: the most frequent class, or each class's share of the rows.
    If the data that MODEL was trained on is still there, a note says how many of the rows it
    was trained on. --json has more: intervals, and figures of every class.
    """
    set_verbosity(verbose, quiet)
    if by is not None:
        describe(model)
        check_by(by, dataset_name, data, recorded_data(model).get("options") or {})
    measured = Measured.load(model, dataset_name, data)
    predictor, dataset = measured.predictor, measured.dataset
    split = split or measured.usual_split
    scores = measured.score(split)
    result = scores.evaluation()
    slices = (
        slices_by(by, scores, dataset, parts_of(split), data, measured.options)
        if by is not None
        else []
    )
    n_trained_on = measured.trained_on(split, data)
    if by is not None:
        warn_of_few_rows(by, slices)
    names = predictor.spec.class_names
    if as_json:
        document: dict[str, Any] = {
            "model": str(predictor.path),
            "dataset": dataset.name,
            "split": split,
        }
        if n_trained_on is not None:
            document["training_rows"] = n_trained_on
        document |= result.to_json(names)
        if by is not None:
            document["by"] = {"column": by, "values": [one.to_json() for one in slices]}
        print_json(document)
        return
    click.echo(f"model     {predictor.path}")
    click.echo(f"rows      {result.n_samples:,} ({dataset.name}, {split})")
    print_metrics(result, names)
    if by is not None:
        click.echo()
        print_slices(by, slices)
