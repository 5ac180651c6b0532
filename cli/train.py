"""``tfsoftmax-train``: from a dataset's name to an exported model."""

from __future__ import annotations

import json
import math
import re
import shlex
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tfsoftmax.cli._checkpoints import checkpoint_options, checkpoints_from
from tfsoftmax.cli._console import (
    PlainCommand,
    common_options,
    complete_dataset,
    data_options,
    set_verbosity,
)
from tfsoftmax.cli._formats import format_options, formats
from tfsoftmax.cli._recipe import arguments_of, recipe_from, recipe_options

if TYPE_CHECKING:
    from tfsoftmax import (
        Checkpoints,
        Dataset,
        EpochMetrics,
        ExportResult,
        FitResult,
        History,
        Recipe,
        SoftmaxRegression,
    )
    from tfsoftmax.training import Progress


def _check_history(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in (".csv", ".json"):
        raise click.BadParameter(f"{value}: its name must end in .csv or .json")
    return value


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
@recipe_options
@click.option(
    "--from",
    "start_from",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Go on from an exported model's folder instead of beginning at zero.",
)
@click.option(
    "--new-classes",
    type=click.Choice(["error", "add", "ignore"]),
    default="error",
    show_default=True,
    help="With --from, what to do with rows of classes that MODEL does not know.",
)
@checkpoint_options
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
@click.option(
    "--history",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_check_history,
    metavar="FILE",
    help="Write every epoch's figures there, as .csv or .json.",
)
@click.option(
    "--tensorboard",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write every epoch's figures, and the weights as pictures, for TensorBoard there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def train(
    dataset_name: str,
    data_dir: str | None,
    manual_dir: str | None,
    output_dir: Path,
    name: str | None,
    tflite: tuple[str, ...],
    mediapipe: bool,
    trainable: bool,
    onnx: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    history: Path | None,
    tensorboard: Path | None,
    start_from: Path | None,
    new_classes: Literal["error", "add", "ignore"],
    **options: Any,
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
    recipe_name, recipe = options["recipe_name"], recipe_from(options)
    checkpoints = checkpoints_from(options)
    model_name = _model_name(dataset_name) if name is None else name

    from tfsoftmax.export.versions import check_output, model_folder

    check_output(model_folder(output_dir, model_name))
    from tfsoftmax import load_dataset
    from tfsoftmax.data.split import with_validation

    dataset = load_dataset(dataset_name, data_dir=data_dir, manual_dir=manual_dir)
    described = _describe(dataset)
    start = None
    if start_from:
        start, dataset = _started(start_from, dataset, new_classes)
    if recipe.held_out:
        dataset = with_validation(dataset, recipe.held_out)
    if not quiet:
        _announce(dataset, recipe_name)
    trained = _fit(dataset, recipe, start, checkpoints, tensorboard, quiet)
    recipe = trained.history.recipe
    if history:
        _write_history(history, trained.history)
    from tfsoftmax import evaluate, export_model
    from tfsoftmax.cli._interrupt import interrupt_on_request

    test = evaluate(trained.model, dataset.test).figures()
    record = {
        "dataset": described,
        "recipe": {"name": recipe_name, **recipe.to_json()},
        "history": trained.history.to_json(),
        "test": test,
        "best_epoch": trained.history.best_epoch,
        "temperature": trained.history.temperature,
        "command": [
            "tfsoftmax-train",
            "--dataset",
            dataset.name,
            *arguments_of(recipe, recipe_name),
            *(["--from", str(start_from), "--new-classes", new_classes] if start_from else []),
        ],
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
        _summarize(trained.history, test, exported, seconds)
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


def _write_history(path: Path, history: History) -> None:
    from tfsoftmax.files import write_whole

    text = history.to_csv() if path.suffix == ".csv" else json.dumps(history.to_json(), indent=2)
    write_whole(path, text.encode("utf-8"))


def _started(
    place: Path, dataset: Dataset, new_classes: Literal["error", "add", "ignore"]
) -> tuple[SoftmaxRegression, Dataset]:
    from tfsoftmax.export import load_saved_model, version_folder

    predictor = load_saved_model(version_folder(place))
    from tfsoftmax import warm_start

    return warm_start(predictor.model(), dataset, new_classes)


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


def _fit(
    dataset: Dataset,
    recipe: Recipe,
    start: SoftmaxRegression | None,
    checkpoints: Checkpoints | None,
    tensorboard: Path | None,
    quiet: bool,
) -> FitResult:
    from tfsoftmax.cli._interrupt import interrupt_on_request
    from tfsoftmax.cli._progress import training_progress
    from tfsoftmax.startup import import_tensorflow

    with training_progress(recipe.epochs_for(len(dataset.train)), quiet) as progress:
        import_tensorflow()
        from tfsoftmax import fit
        from tfsoftmax.tensorboard import event_log

        logged = event_log(tensorboard) if tensorboard else nullcontext()
        with interrupt_on_request() as check_interrupt, logged as log:

            def on_progress(done: Progress) -> None:
                check_interrupt()
                progress.advanced(done)

            def on_epoch(metrics: EpochMetrics) -> None:
                check_interrupt()
                progress.epoch_ended(metrics)
                if log:
                    log.epoch(metrics)

            trained = fit(
                dataset,
                recipe,
                start=start,
                checkpoints=checkpoints,
                on_epoch=on_epoch,
                on_progress=on_progress,
            )
            if log:
                log.weights(trained.model, trained.history.kept.epoch)
            return trained


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


def _summarize(
    history: History, test: dict[str, Any], exported: ExportResult, seconds: float
) -> None:
    if history.best_epoch:
        click.echo(f"{'best epoch':<14} {history.best_epoch}, of {len(history.epochs)} trained")
    click.echo(f"{'test accuracy':<14} {test['accuracy']:.4f}")
    click.echo(f"{'test log-loss':<14} {test['log_loss']:.4f}")
    if history.temperature:
        error, temperature = test["calibration_error"], history.temperature
        click.echo(f"{'calibration':<14} error {error:.4f}, at temperature {temperature:.3g}")
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
