"""Saves a run as it goes, and resumes it exactly, if it is the same run."""

from __future__ import annotations

import hashlib
import json
import logging
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import CheckpointError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Scaling
from tfsoftmax.training.begun import Begun
from tfsoftmax.training.checkpoint import Checkpoints, Saver, Snapshot, restore_latest
from tfsoftmax.training.history import EpochMetrics
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.run import Run
from tfsoftmax.training.sgd.updates import State

_log = logging.getLogger(__name__)
# The values that options had in older versions, whose checkpoints do not have them.
_OLDER = {"center": False}
_ANOTHER = "give " + setting("checkpoints") + " another folder to begin again"


def identity_of(run: Run, asked: Recipe, checksum: str, scaling: Scaling | None) -> dict[str, Any]:
    """What must be the same to resume a run: its recipe as asked and as resolved, data, start.

    It equals what is read of it from JSON, which others are told and checkpoints have.

    Args:
      run: as it begins.
      asked: its recipe as it was asked for.
      checksum: of the dataset, before anything was found in it.
      scaling: of its features, as it was found.
    """
    facts = {
        "asked": asked.to_json(),
        "recipe": run.recipe.to_json(),
        "dataset": checksum,
        "scaling": scaling and scaling.to_json(),
        "start": [_digest(parameter) for parameter in run.model.parameters],
    }
    found: dict[str, Any] = json.loads(json.dumps(facts))
    return found


def scaled_as_saved(
    dataset: Dataset, checksum: str, begun: Begun | None, workers: Workers
) -> Dataset:
    """The dataset with the scaling that a saved run found in it, if it did.

    Another number of workers may find another one: sums of their rows are rounded otherwise.

    Args:
      dataset: before its scaling is looked for.
      checksum: of it.
      begun: the saved run, in the chief alone; None if there is none.
      workers: all, who call it.

    Raises:
      CheckpointError: if the scaling is not one of the dataset's features.
    """
    own = begun.scaling if begun and begun.dataset == checksum else None
    found = workers.chiefs(own and own.to_json())
    if found is None:
        return dataset
    scaling = Scaling.from_json(found)
    _check_scaling(scaling, dataset)
    return replace(dataset, spec=replace(dataset.spec, scaling=scaling))


def _check_scaling(scaling: Scaling, dataset: Dataset) -> None:
    n_features = dataset.spec.n_features
    of_each = (scaling.offset, scaling.scale, scaling.fill)
    lengths = {len(numbers) for numbers in of_each if isinstance(numbers, tuple)}
    if lengths - {n_features} or set(scaling.indicators) - set(range(n_features)):
        raise CheckpointError(
            f"the saved run's scaling is not one of the {n_features:,} features of "
            f"{dataset.name}, so it cannot be resumed; " + _ANOTHER
        )


@contextmanager
def saving(
    run: Run, checkpoints: Checkpoints, identity: dict[str, Any]
) -> Iterator[Callable[[], None]]:
    """Resumes a run if that is asked for, and saves it until the block ends.

    Yields:
      A function to call after every call of the loop.

    Raises:
      CheckpointError: if a run is saved that cannot be resumed, or another run saves there.
      OSError: if nothing can be written to the folder before the run begins.
      UsageError: if another run is saved, or one that is not to be resumed.
    """
    saver = Saver(checkpoints)
    safe: Snapshot | None = None
    interrupted = False
    try:
        if checkpoints.resume:
            restore_latest(
                checkpoints.folder,
                lambda found: _resume(run, found, identity, checkpoints.folder),
            )
        run.trainer.loop.pause_every = checkpoints.every_steps

        def on_step() -> None:
            nonlocal safe
            # A KeyboardInterrupt may come at any time: this snapshot is of one moment.
            safe = snapshot_of(run, identity)
            if saver.is_due(run.trainer.loop.done):
                saver.save(safe)

        yield on_step
        safe = snapshot_of(run, identity)
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        saved = saver.close(safe)
        if interrupted and safe and saved:
            _log.info(
                "saved in %s after step %s; the same with %s goes on from there",
                checkpoints.folder,
                f"{safe.facts['step']:,}",
                setting("resume", True),
            )


def snapshot_of(run: Run, identity: dict[str, Any]) -> Snapshot:
    """Everything that is needed to resume a run, as it is now."""
    loop, stopping = run.trainer.loop, run.stopping
    arrays = {
        f"{part}.{index}": tensor
        for part, tensors in loop.state._asdict().items()
        for index, tensor in enumerate(tensors)
    }
    if stopping and stopping.parameters:
        arrays |= {f"best.{index}": best for index, best in enumerate(stopping.parameters)}
    facts = {
        "step": loop.done,
        "moving_loss": run.trainer.moving_loss.value,
        "history": list(run.history.epochs),
        "lengths": list(run.history.lengths),
        "xla": loop.xla,
        "stopping": stopping.to_json() if stopping else None,
        "identity": identity,
        "newton": run.newton.facts() if run.newton else None,
        "chosen_l2": run.history.chosen_l2 and run.history.chosen_l2.to_json(),
    }
    if run.newton:
        arrays |= run.newton.arrays()
    return Snapshot(facts, arrays)


def restore(run: Run, snapshot: Snapshot) -> None:
    """Sets a run to the state in a snapshot; only the number of epochs may differ.

    Raises:
      ValueError, KeyError, TypeError: if the snapshot is not a run's; the run is unchanged.
    """
    facts, arrays = snapshot

    def named(part: str, like: Sequence[Any]) -> list[np.ndarray]:
        found = [arrays[f"{part}.{index}"] for index in range(len(like))]
        for array, expected in zip(found, like, strict=True):
            if array.shape != tuple(expected.shape) or array.dtype != expected.dtype.as_numpy_dtype:
                raise ValueError(f"{part} is {array.dtype} {array.shape}")
        return found

    trainer, history, loop = run.trainer, run.history, run.trainer.loop
    step, parts = int(facts["step"]), loop.state._asdict()
    state = State(*([tf.constant(array) for array in named(*part)] for part in parts.items()))
    epochs = [EpochMetrics.from_json(epoch) for epoch in facts["history"]]
    moving_loss = facts["moving_loss"] and float(facts["moving_loss"])
    # The last epoch may have been trained and not measured yet.
    of_sgd = min(len(epochs), run.recipe.epochs)
    if step - of_sgd * loop.feed.steps not in range(loop.feed.steps + 1):
        raise ValueError(f"{len(epochs)} epochs do not go with step {step:,}")
    lengths = history.resumed_lengths(facts)
    if run.stopping:
        best = named("best", run.model.parameters) if "best.0" in arrays else None
        run.stopping = run.stopping.resumed(facts["stopping"], best)
    loop.state, loop.done = state, step
    trainer.moving_loss.value = moving_loss
    trainer.set_model()
    if facts.get("newton"):
        run.begin_newton().restore(facts["newton"], arrays)
    history.epochs, history.lengths = epochs, lengths
    loop.require(facts.get("xla"))
    history.xla = loop.xla


def _resume(run: Run, found: Snapshot, identity: dict[str, Any], folder: Path) -> None:
    Begun.of(found)  # One whose beginning is damaged is damaged.
    _check_identity(found.facts["identity"], identity, folder)
    steps, epochs = run.trainer.feed.steps, run.recipe.epochs
    done = operator.index(found.facts["step"])
    if done > epochs * steps:
        raise UsageError(
            f"the run saved in {folder} has trained {done / steps:.4g} epochs already, more than "
            f"the {epochs} asked for: ask for {-(-done // steps)} or more epochs, or " + _ANOTHER
        )
    restore(run, found)
    if run.history.length_matters:
        _log.warning("Note: %s", run.history.lengths_sentence())


def _check_identity(found: dict[str, Any], expected: dict[str, Any], folder: Path) -> None:
    """Refuses to resume another run; checks data, options as asked, and what is resolved last."""
    before = f"the run saved in {folder}"
    if found["dataset"] != expected["dataset"]:
        raise UsageError(f"{before} was made on other data; " + _ANOTHER)
    if "asked" in found:  # Older checkpoints have only the resolved recipe.
        _check_recipe(found["asked"], expected["asked"], before)
    if found["start"] != expected["start"]:
        raise UsageError(f"{before} started from another model; " + _ANOTHER)
    _check_recipe(found["recipe"], expected["recipe"], before)


def _check_recipe(found: dict[str, Any], expected: dict[str, Any], before: str) -> None:
    # Newton's steps start where the last epoch of SGD ended.
    fixed = expected["solver"] == "newton"
    may_differ = "nothing" if fixed else "only the number of epochs"
    for field in fields(Recipe):
        was = found.get(field.name, _OLDER.get(field.name, field.default))
        value = expected[field.name]
        if was != value and (field.name != "epochs" or fixed):
            raise UsageError(
                f"{before} was made "
                + _chosen(field.name, was)
                + ", not "
                + _chosen(field.name, value)
                + f": {may_differ} may differ; "
                + _ANOTHER
            )


def _chosen(name: str, value: Any) -> str:
    """How an option of a recipe was given, or that it was not."""
    if value is None or value is False:
        return "without " + setting(name)
    return "with " + setting(name, value)


def _digest(parameter: tf.Variable) -> str:
    return hashlib.sha256(parameter.numpy().tobytes()).hexdigest()
