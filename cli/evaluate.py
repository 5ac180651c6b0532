"""``tfsoftmax evaluate``: an exported model's quality on a dataset."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    set_verbosity,
)
from tfsoftmax.cli._figures import print_figures
from tfsoftmax.cli._models import reading_options, recorded_data
from tfsoftmax.cli._sources import Data, data_options, dataset_options
from tfsoftmax.data.names import locate
from tfsoftmax.errors import DataError
from tfsoftmax.system.json_text import json_text

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
    """Measure an exported MODEL on DATASET: accuracy, log-loss, confusion matrix.

    MODEL is a .tflite or .onnx file, a SavedModel folder, or a model's folder, whose
    highest version is taken. Accuracy and log-loss stand beside what the same answer for
    every row would reach: the most frequent class, or each class's share. Rows that MODEL was
    trained on are counted, if the data it was trained on is still there.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax import load_predictor

    predictor = load_predictor(model)
    recorded = recorded_data(model)
    options = reading_options(predictor.spec, recorded)
    dataset = data.load(dataset_name, options, predictor.spec)
    # Data is what it holds, however its path is spelled.
    own = dataset.sha256() == recorded.get("sha256")
    split = split or _usual_split(dataset_name, recorded, own)
    parts = {"test": [dataset.test], "train": [dataset.train], "all": [dataset.train, dataset.test]}
    rows = [part for part in parts[split] if len(part)]
    if not rows:
        raise DataError(f"{dataset_name}: has no training rows to measure on; see --split")
    result = predictor.evaluate(dataset, *rows)
    known = None if own else _training_rows(rows, predictor.spec, data, recorded)
    if known:
        _log.warning(
            "Note: %s of the %s rows are ones that the model was trained on, and flatter the "
            "figures",
            f"{known:,}",
            f"{result.n_samples:,}",
        )
    names = predictor.spec.class_names
    if as_json:
        figures: dict[str, Any] = {
            "model": str(predictor.path),
            "dataset": dataset.name,
            "split": split,
        }
        if known is not None:
            figures["training_rows"] = known
        click.echo(json_text({**figures, **result.to_json(names)}))
        return
    click.echo(f"model     {predictor.path}")
    click.echo(f"rows      {result.n_samples:,} ({dataset.name}, {split})")
    print_figures(result, names)


def _usual_split(name: str, recorded: dict[str, Any], own: bool) -> str:
    """The test rows of a model's own data and of sources that have some; else all rows."""
    has_test_rows = own or locate(name).kind.has_test_rows
    return "test" if has_test_rows or not recorded.get("sha256") else "all"


def _training_rows(
    rows: list[Split], spec: Spec, data: Data, recorded: dict[str, Any]
) -> int | None:
    """How many of some rows a model was trained on; None if its data is no longer there."""
    from tfsoftmax.data.duplicates import rows_among
    from tfsoftmax.errors import TfsoftmaxError

    if not isinstance(recorded.get("name"), str):
        return None
    as_recorded = replace(data, choices={})
    try:
        own = as_recorded.load(recorded["name"], reading_options(spec, recorded), spec)
    except TfsoftmaxError:
        return None
    if own.sha256() != recorded.get("sha256"):
        return None
    return sum(int(rows_among(split.features, own.train.features).sum()) for split in rows)
