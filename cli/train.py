"""``tfsoftmax-train``: from a dataset's name to an exported model."""

from __future__ import annotations

import json
import math
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import (
    PlainCommand,
    common_options,
    complete_dataset,
    data_options,
    set_verbosity,
)
from tfsoftmax.cli._formats import format_options, formats
from tfsoftmax.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from tfsoftmax import Dataset, EpochMetrics, ExportResult, FitResult
    from tfsoftmax.training import Progress


def _help(text: str, field: str) -> str:
    """Help for an option whose default is the recipe's."""
    values = {name: getattr(recipe, field) for name, recipe in RECIPES.items()}
    default = ", ".join(f"{value} ({name})" for name, value in values.items())
    if len(set(values.values())) == 1:
        default = str(values["default"])
    return f"{text}  [default: {default}]"


@click.command(cls=PlainCommand, name="train")
@click.option(
    "--dataset",
    "dataset_name",
    default="mnist5k",
    show_default=True,
    metavar="NAME",
    shell_complete=complete_dataset,
    help="What to train on: mnist5k, digits, idx:DIR, or an image-classification dataset of "
    "TensorFlow Datasets ('tfsoftmax datasets' lists some).",
)
@data_options
@click.option(
    "--recipe",
    "recipe_name",
    type=click.Choice(list(RECIPES)),
    default="default",
    show_default=True,
    help="The recommended way to train, or the tutorial's.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Passes over the training rows.  [default: 10; by the default recipe more on small "
    "data, for at least 1,500 steps]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help=_help("Rows a step.", "batch_size"),
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help=_help("Step size; the default recipe lowers it to 0 along a cosine.", "learning_rate"),
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help=_help(
        "Of the initial weights and the order of rows; the same seed gives the same model.", "seed"
    ),
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    default="savedmodels",
    show_default=True,
    metavar="DIR",
    help="Where models are kept, in NAME/VERSION/.",
)
@click.option("--name", metavar="NAME", help="Of the model.  [default: from the dataset's name]")
@format_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def train(
    dataset_name: str,
    data_dir: str | None,
    manual_dir: str | None,
    recipe_name: str,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    seed: int | None,
    output_dir: Path,
    name: str | None,
    tflite: tuple[str, ...],
    mediapipe: bool,
    trainable: bool,
    onnx: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Train softmax regression and export it.

    Without options it trains on 5,000 real handwritten digits, which takes a few seconds
    and needs no download. The model is written to OUTPUT_DIR/NAME/VERSION/ as a SavedModel
    for TensorFlow Serving, with a TFLite file for phones in it, once both are proven to
    answer as the trained model does.

    \b
    Examples:
      tfsoftmax-train
      tfsoftmax-train --dataset fashion_mnist --epochs 20
      tfsoftmax-train --dataset idx:path/to/mnist --recipe tutorial
    """
    set_verbosity(verbose, quiet)
    started = time.perf_counter()
    recipe = RECIPES[recipe_name].but(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed
    )
    model_name = _model_name(dataset_name) if name is None else name

    from tfsoftmax.export.versions import check_output, model_folder

    check_output(model_folder(output_dir, model_name))
    from tfsoftmax import load_dataset

    dataset = load_dataset(dataset_name, data_dir=data_dir, manual_dir=manual_dir)
    recipe = recipe.but(epochs=recipe.epochs_for(len(dataset.train)))
    if not quiet:
        _announce(dataset, recipe_name)
    trained = _fit(dataset, recipe, quiet)
    from tfsoftmax import evaluate, export_model
    from tfsoftmax.cli._interrupt import interrupt_on_request

    record = {
        "dataset": _describe(dataset),
        "recipe": {"name": recipe_name, **recipe.to_json()},
        "history": trained.history.to_json(),
        "test": evaluate(trained.model, dataset.test).figures(),
        "command": ["tfsoftmax-train", *_arguments(dataset.name, recipe_name, recipe)],
    }
    with interrupt_on_request() as check_interrupt:
        exported = export_model(
            trained.model,
            output_dir,
            model_name,
            check_on=dataset.test.features,
            calibrate_on=dataset.train.features,
            formats=formats(tflite, mediapipe=mediapipe, trainable=trainable, onnx=onnx),
            record=record,
            on_step=check_interrupt,
        )
    seconds = time.perf_counter() - started
    if as_json:
        document = {**record, "model": exported.to_json(), "seconds": seconds}
        click.echo(json.dumps(document, indent=2))
    else:
        _summarize(trained, exported, seconds)
        _warn_of_guessing(dataset, trained)
        where = ["--data-dir", data_dir] if data_dir else []
        model = str(exported.path.parent)
        again = ["tfsoftmax", "evaluate", model, "--dataset", dataset.name, *where]
        click.echo(f"{'next':<14} {shlex.join(again)}")


def _model_name(dataset_name: str) -> str:
    kind, _, path = dataset_name.partition(":")
    if kind == "idx":
        dataset_name = f"idx-{Path(path).expanduser().resolve().name}"
    # Whatever is typed: whether there is such a dataset is not for this name to say.
    return re.sub(r"[^A-Za-z0-9._-]+", "-", dataset_name).strip("-._") or "model"


def _arguments(dataset_name: str, recipe_name: str, recipe: Recipe) -> list[str]:
    """The arguments that make this run again, whatever the defaults will be."""
    options = {
        "dataset": dataset_name,
        "recipe": recipe_name,
        "epochs": recipe.epochs,
        "batch-size": recipe.batch_size,
        "learning-rate": recipe.learning_rate,
        "seed": recipe.seed,
    }
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "train_samples": len(dataset.train),
        "test_samples": len(dataset.test),
        "sha256": dataset.sha256(),
        "spec": dataset.spec.to_json(),
    }


def _announce(dataset: Dataset, recipe_name: str) -> None:
    shape = "x".join(map(str, dataset.spec.example_shape))
    click.echo(
        f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.test):,} test "
        f"examples of {shape} {dataset.spec.dtype}, {dataset.spec.n_classes} classes; recipe "
        f"{recipe_name}",
        err=True,
    )


def _fit(dataset: Dataset, recipe: Recipe, quiet: bool) -> FitResult:
    from tfsoftmax.cli._interrupt import interrupt_on_request
    from tfsoftmax.cli._progress import training_progress
    from tfsoftmax.startup import import_tensorflow

    with training_progress(recipe.epochs_for(len(dataset.train)), quiet) as progress:
        import_tensorflow()
        from tfsoftmax import fit

        with interrupt_on_request() as check_interrupt:

            def on_progress(done: Progress) -> None:
                check_interrupt()
                progress.advanced(done)

            def on_epoch(metrics: EpochMetrics) -> None:
                check_interrupt()
                progress.epoch_ended(metrics)

            return fit(dataset, recipe, on_epoch=on_epoch, on_progress=on_progress)


def _warn_of_guessing(dataset: Dataset, trained: FitResult) -> None:
    """A model no better than one that never looks: says so, and what to try."""
    found, guessing = trained.history.last.train_log_loss, math.log(dataset.spec.n_classes)
    if found > 0.99 * guessing:
        direction = "smaller" if found > 1.01 * guessing else "larger"
        click.echo(
            f"Note: training log-loss {found:.3g} is no better than guessing ({guessing:.3g}); "
            f"try a {direction} --learning-rate",
            err=True,
        )


def _summarize(trained: FitResult, exported: ExportResult, seconds: float) -> None:
    last = trained.history.last
    click.echo(f"{'test accuracy':<14} {last.test_accuracy:.4f}")
    click.echo(f"{'test log-loss':<14} {last.test_log_loss:.4f}")
    click.echo(f"{'SavedModel':<14} {exported.path}")
    if exported.tflite:
        click.echo(f"{'TFLite':<14} {exported.tflite}")
    click.echo(f"{'proven':<14} {_proof(exported)}")
    click.echo(f"{'took':<14} {seconds:.1f} s")


def _proof(exported: ExportResult) -> str:
    found = exported.parity.values()
    rows = max(parity.n_samples for parity in found)
    same = min(parity.same_class for parity in found)
    difference = max(parity.max_difference for parity in found)
    which = "both" if len(found) == 2 else f"all {len(found)} files"
    if len(found) == 1:
        which = "it"
    on = f"all {rows:,}" if same == rows else f"at least {same:,} of {rows:,}"
    verb = "gives" if which == "it" else "give"
    return (
        f"{which} {verb} the trained model's class on {on} test rows, probabilities within "
        f"{difference:.0e}"
    )


main = train
