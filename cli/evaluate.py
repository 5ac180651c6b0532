"""``tfsoftmax evaluate``: measures an exported model on a dataset."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._completion import complete_column_name
from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    print_json,
    set_verbosity,
)
from tfsoftmax.cli._metrics import print_metrics
from tfsoftmax.cli._models import reading_options, recorded_data
from tfsoftmax.cli._slices import print_slices, slices_by, warn_of_few_rows
from tfsoftmax.cli._sources import Data, data_options, dataset_options
from tfsoftmax.data.names import locate
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    from tfsoftmax import Spec, Split

_log = logging.getLogger("tfsoftmax.cli")


@click.command(cls=TensorFlowCommand, name="evaluate")
@click.argument("model", type=click.Path(path_type=Path))
@dataset_options()
@data_options
@click.option(
    "--split",
    type=click.Choice(["test", "train", "all"]),
    help="The rows to measure on.  [default: test; all if MODEL was not trained on this file]",
)
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
    from tfsoftmax import load_predictor

    predictor = load_predictor(model)
    recorded = recorded_data(model)
    options = reading_options(predictor.spec, recorded)
    dataset = data.load(dataset_name, options, predictor.spec)
    # The content identifies the data, however its path is spelled.
    is_training_data = dataset.sha256() == recorded.get("sha256")
    split = split or _default_split(dataset_name, recorded, is_training_data)
    parts = {"test": ["test"], "train": ["train"], "all": ["train", "test"]}[split]
    rows = [getattr(dataset, part) for part in parts if len(getattr(dataset, part))]
    if not rows:
        raise DataError(f"{dataset_name}: has no training rows to measure on; see --split")
    scores = predictor.score(dataset, *rows)
    result = scores.evaluation()
    slices = slices_by(by, scores, dataset, parts, data, options) if by is not None else []
    n_trained_on = (
        None if is_training_data else _count_training_rows(rows, predictor.spec, data, recorded)
    )
    if n_trained_on:
        _log.warning(
            "Note: %s of these %s rows are encoded like a row the model was trained on, so its "
            "metrics may be too optimistic"
            if predictor.spec.encoding
            else "Note: the model was trained on %s of these %s rows, so its metrics are too "
            "optimistic",
            f"{n_trained_on:,}",
            f"{result.n_samples:,}",
        )
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


def _default_split(name: str, recorded: dict[str, Any], is_training_data: bool) -> str:
    """Test rows, of the model's training data or of a source with its own; otherwise all rows."""
    has_test_rows = is_training_data or locate(name).kind.has_test_rows
    return "test" if has_test_rows or not recorded.get("sha256") else "all"


def _count_training_rows(
    rows: list[Split], spec: Spec, data: Data, recorded: dict[str, Any]
) -> int | None:
    """Counts the rows the model was trained on; None if its training data is no longer there."""
    from tfsoftmax.data.duplicates import rows_among
    from tfsoftmax.errors import TfsoftmaxError

    if not isinstance(recorded.get("name"), str):
        return None
    as_recorded = replace(data, manual_dir=None, choices={})
    try:
        training_data = as_recorded.load(recorded["name"], reading_options(spec, recorded), spec)
    except TfsoftmaxError:
        return None
    if training_data.sha256() != recorded.get("sha256"):
        return None
    return sum(
        int(rows_among(split.features, training_data.train.features).sum()) for split in rows
    )
