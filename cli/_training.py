"""What `train` and `tune` share: training with progress, the record, the summary."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.cli._flags import render_document
from tfsoftmax.cli._recipe import arguments_of
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.system.json_text import json_text

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
        Tuning,
    )
    from tfsoftmax.cli._formats import Forms
    from tfsoftmax.cli._sources import Data
    from tfsoftmax.data.features import FeaturesLike
    from tfsoftmax.training.record import RunRecord
    from tfsoftmax.training.trainer import Progress

_log = logging.getLogger("tfsoftmax.cli")
# As many as the formats take.
_CALIBRATION_ROWS = 500


def record_data(dataset: Dataset) -> Dataset:
    """Adds its record to a dataset; logs a note if some test rows look like training rows."""
    from tfsoftmax.data.record import DataRecord

    origin = DataRecord.of(dataset)
    if origin.shared_samples:
        _log.warning(
            "Note: %s of %s test rows %s (the first is test row %s, from 0), and %s",
            f"{origin.shared_samples:,}",
            f"{origin.test_samples:,}",
            origin.shared_are,
            f"{origin.first_shared:,}",
            "may flatter the test figures" if origin.encoded else "flatter the test figures",
        )
    return replace(dataset, origin=origin)


def announce(dataset: Dataset, recipe_name: str) -> None:
    """Prints the size of the dataset and the recipe, before training."""
    spec = dataset.spec
    click.echo(
        f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.test):,} test "
        f"examples of {spec.shape_in_words} {spec.dtype}, {spec.n_classes:,} classes; recipe "
        f"{recipe_name}",
        err=True,
    )


def trained_on(
    dataset: Dataset,
    recipe: Recipe,
    quiet: bool,
    start: SoftmaxRegression | None = None,
    checkpoints: Checkpoints | None = None,
    tensorboard: Path | None = None,
    workers: Workers = ALONE,
) -> FitResult:
    """Trains with progress on standard error; Ctrl-C and SIGTERM end it where nothing is lost."""
    from tfsoftmax.cli._interrupt import defer_interrupts
    from tfsoftmax.cli._progress import training_progress
    from tfsoftmax.data.sparse_rows import taken_sparse
    from tfsoftmax.data.split import with_validation
    from tfsoftmax.system.startup import import_tensorflow

    if recipe.held_out:
        dataset = with_validation(dataset, recipe.held_out)
    sparse = taken_sparse(dataset.train.features, dataset.spec)
    # Newton's method takes as many steps as it needs.
    sgd = recipe.solver == "sgd"
    epochs = recipe.epochs_for(len(dataset.train), sparse=sparse) if sgd else None
    with training_progress(epochs, quiet, shared=workers.count > 1) as progress:
        import_tensorflow()
        from tfsoftmax import fit
        from tfsoftmax.report.tensorboard import open_event_log

        logged = open_event_log(tensorboard) if tensorboard else nullcontext()
        with defer_interrupts() as check_interrupt, logged as log:

            def on_progress(done: Progress) -> None:
                check_interrupt()
                progress.on_progress(done)

            def on_choosing(step: int, total_steps: int) -> None:
                check_interrupt()
                progress.on_choosing(step, total_steps)

            def on_epoch(metrics: EpochMetrics) -> None:
                check_interrupt()
                progress.on_epoch(metrics)
                if log:
                    log.add_epoch(metrics)

            trained = fit(
                dataset,
                recipe,
                start=start,
                checkpoints=checkpoints,
                on_epoch=on_epoch,
                on_progress=on_progress,
                on_choosing=on_choosing,
                workers=workers,
            )
            if log:
                log.add_weights(trained.model, trained.history.kept.epoch)
            return trained


def complete_record(
    trained: FitResult, command: Sequence[str], tuning: Tuning | None = None
) -> RunRecord:
    """Adds to a model's record the command that makes it, and how far training converged."""
    from tfsoftmax import diagnose

    record = replace(trained.record, command=tuple(command))
    if tuning:
        # What a candidate resolved to was not asked for: only what was compared was chosen.
        won = tuning.winner
        asked = tuning.recipe.but(l2=won.recipe.l2, l1=won.recipe.l1, learning_rate=won.asked)
        record = replace(record, asked=asked.to_json(), tuning=tuning.to_json())
    trained.model.record = record
    convergence = diagnose(trained.model, trained.dataset, trained.history)
    record = replace(record, convergence=render_document(convergence.to_json()))
    trained.model.record = record
    return record


def command_of(dataset: Dataset, data: Data, recipe: Recipe, recipe_name: str) -> list[str]:
    """The command that trains the same model again."""
    again = ["tfsoftmax-train", "--dataset", dataset.name, *data.arguments()]
    return [*again, *arguments_of(recipe, recipe_name)]


def rows_to_calibrate_on(dataset: Dataset) -> FeaturesLike:
    """Raw training rows for integer formats: of rows that several workers have, enough of them."""
    from tfsoftmax.data.moved_rows import evenly_spaced, on_chief

    return on_chief(evenly_spaced(dataset.train, _CALIBRATION_ROWS)).features


def export_trained(
    trained: FitResult,
    place: tuple[Path, str],
    forms: Forms,
    calibrate_on: FeaturesLike | None = None,
) -> ExportResult:
    """Exports a model that was just trained to (output folder, name)."""
    from tfsoftmax.cli._models import export_rows

    dataset = trained.dataset
    rows = dataset.train.features if calibrate_on is None else calibrate_on
    return export_rows(trained.model, place, dataset.test, rows, forms)


def write_history(path: Path, history: History) -> None:
    """Writes every epoch's figures, as CSV or JSON by the file's suffix."""
    from tfsoftmax.system.files import write_atomically

    text = history.to_csv() if path.suffix == ".csv" else json_text(history.to_json())
    write_atomically(path, text.encode("utf-8"))


def summarize(history: History, record: RunRecord, exported: ExportResult) -> None:
    """Prints the figures of a run, and its files."""
    from tfsoftmax.training.workers_record import WorkersRecord

    test = record.test
    if history.best_epoch:
        click.echo(f"{'best epoch':<14} {history.best_epoch}, of {len(history.epochs)} trained")
    click.echo(f"{'test accuracy':<14} {test['accuracy']:.4f}")
    click.echo(f"{'test log-loss':<14} {test['log_loss']:.4f}")
    if history.temperature:
        error, temperature = test["calibration_error"], history.temperature
        click.echo(f"{'calibration':<14} error {error:.4f}, at temperature {temperature:.3g}")
    if test["answered"] is not None:
        right = test["answered_accuracy"]
        of_these = f", and is right in {right:.4f} of those" if right is not None else ""
        click.echo(f"{'answers':<14} {test['answered']:.4f} of the test rows{of_these}")
    if record.scaled:
        click.echo(f"{'features':<14} {record.scaled}")
    if record.workers:
        click.echo(f"{'workers':<14} {WorkersRecord.from_json(record.workers).sentence}")
    if history.chosen_l2:
        click.echo(f"{'l2':<14} {history.chosen_l2.sentence}")
    if record.convergence:
        click.echo(f"{'training':<14} {record.convergence['sentence']}")
    click.echo(f"{'SavedModel':<14} {exported.path}")
    if exported.tflite:
        click.echo(f"{'TFLite':<14} {exported.tflite}")
    click.echo(f"{'proven':<14} {_proof(exported)}")


def print_end(exported: ExportResult, dataset: Dataset, data: Data, seconds: float) -> None:
    """Prints the duration, and the commands for what to do next."""
    click.echo(f"{'took':<14} {seconds:.1f} s")
    where = ["--data-dir", data.data_dir] if data.data_dir else []
    again = ["tfsoftmax", "evaluate", str(exported.path.parent), "--dataset", dataset.name, *where]
    click.echo(f"{'next':<14} {shlex.join(again)}")


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
