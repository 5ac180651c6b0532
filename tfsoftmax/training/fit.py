"""Training: epochs of the compiled loop, measured after each, and when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset, Split, check_dataset
from tfsoftmax.data.record import DataRecord
from tfsoftmax.device import placed
from tfsoftmax.errors import UnansweredError, UsageError
from tfsoftmax.evaluation import evaluate
from tfsoftmax.metrics import Evaluation
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.training.calibration import calibrate
from tfsoftmax.training.checkpoint import Checkpoints, Snapshot
from tfsoftmax.training.early_stopping import EarlyStopping
from tfsoftmax.training.history import EpochMetrics, History
from tfsoftmax.training.prepare import prepared
from tfsoftmax.training.recipe import Recipe, recipe_of
from tfsoftmax.training.record import RunRecord
from tfsoftmax.training.resume import identity_of, kept
from tfsoftmax.training.sgd.updates import State
from tfsoftmax.training.trainer import Progress, Trainer, initializer_of


class _ModelAndHistory(NamedTuple):
    model: SoftmaxRegression
    history: History


class FitResult(_ModelAndHistory):
    """What `fit` returns; ``model, history = fit(...)`` takes the two that are most asked for.

    Attributes:
      model: as it was trained.
      history: what was measured on the way.
      record: how the model was made, for its card; the model carries it along.
      dataset: as it was trained on, with the validation rows and the scaling that it was given.
    """

    record: RunRecord
    dataset: Dataset

    def __new__(
        cls, model: SoftmaxRegression, history: History, record: RunRecord, dataset: Dataset
    ) -> FitResult:
        """Two of a tuple, as there always were, and two beside it."""
        result = super().__new__(cls, model, history)
        result.record, result.dataset = record, dataset
        return result


def fit(
    dataset: Dataset,
    recipe: Recipe | str = "default",
    *,
    start: SoftmaxRegression | None = None,
    checkpoints: Checkpoints | None = None,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> FitResult:
    """Trains a model by stochastic gradient descent on the cross-entropy.

    The same dataset and recipe give the same bytes in W and b on the same machine. Every
    row is used once an epoch, in an order drawn anew; a last batch that is short counts
    for the rows it has.

    Args:
      dataset: the training rows, and the test rows to measure on after every epoch.
      recipe: how to train, or the name of how, one of `RECIPES`.
      start: a model of the dataset's spec to start from, instead of what the recipe's
        initializer gives; it stays as it is (`warm_start` makes one fit a dataset).
      checkpoints: where to save the run as it goes, and whether to resume one that is
        saved there, which gives the same bytes as if it had never stopped. It may be given
        another number of epochs, nothing else.
      on_epoch: called with each epoch's figures.
      on_progress: called after every call of the compiled loop, at least once an epoch. A
        KeyboardInterrupt that it raises is let through once the run is saved.

    Returns:
      The trained model and the history of all epochs; beside them, how it was made and the
      dataset as it was prepared (`FitResult`).

    Raises:
      CheckpointError: if a run is saved that cannot be resumed.
      OSError: if checkpoints cannot be written to their folder.
      DivergenceError: at the step where the loss stopped being a number.
      DataError: if a class has too few rows to hold some out for validation.
      UsageError: if there is no such recipe, or it names a class that is not there; if a run is
        saved that is another one, or is not to be resumed.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model, history = fit(dataset, tfsoftmax.Recipe(epochs=5))
    >>> history.last.test_accuracy > 0.9
    True
    """
    dataset, asked = check_dataset(dataset), recipe_of(recipe)
    described = DataRecord.of(dataset)
    dataset, recipe = prepared(dataset, asked)
    model = SoftmaxRegression(dataset.spec, initializer_of(recipe))
    if start:
        _start_from(model, start)
    run = Run(model, dataset, recipe)
    identity = identity_of(run, asked, dataset) if checkpoints else {}
    keeping = kept(run, checkpoints, identity) if checkpoints else nullcontext()
    with keeping as on_step:

        def after_call(progress: Progress) -> None:
            if on_step:
                on_step()
            if on_progress:
                on_progress(progress)

        while not run.ended:
            metrics = run.epoch(after_call)
            if on_epoch:
                on_epoch(metrics)
    run.end()
    model.record = RunRecord.of(model, run.history, asked, described, run.test)
    return FitResult(model, run.history, model.record, dataset)


class Run:
    """A run between two epochs: the trainer, what was measured, when to stop."""

    def __init__(self, model: SoftmaxRegression, dataset: Dataset, recipe: Recipe):
        self.model, self.recipe = model, recipe
        self.trainer = Trainer(model, dataset.train, recipe)
        # On the device once, not once an epoch, as far as there is room.
        self._train = self.trainer.feed.rows
        spare = recipe.memory_limit - dataset.train.features.nbytes
        self.test = placed(dataset.test, spare)
        spare -= dataset.test.features.nbytes
        self._validation = dataset.validation and placed(dataset.validation, spare)
        self.history = History(recipe, lengths=[(0, self.trainer.epochs)])
        self._stopping = EarlyStopping.of(recipe)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        done = len(self.history.epochs)
        return done >= self.trainer.epochs or bool(self._stopping and self._stopping.over(done))

    def epoch(self, on_progress: Callable[[Progress], None] | None) -> EpochMetrics:
        """Trains to the end of the epoch that is due, and measures."""
        epoch = len(self.history.epochs)
        started = time.perf_counter()
        moving_loss = self.trainer.run_epoch(epoch, on_progress)
        trained = time.perf_counter()
        train, test = self._measured(self._train), self._measured(self.test)
        validation = self._validation and self._measured(self._validation)
        steps = self.trainer.loop.done
        metrics = EpochMetrics(
            epoch=epoch + 1,
            steps=steps,
            moving_loss=moving_loss,
            train_accuracy=train.accuracy,
            train_log_loss=train.log_loss,
            test_accuracy=test.accuracy,
            test_log_loss=test.log_loss,
            validation_accuracy=validation.accuracy if validation else None,
            validation_log_loss=validation.log_loss if validation else None,
            learning_rate=float(self.trainer.learning_rates(steps - 1, steps)[0]),
            train_seconds=trained - started,
            evaluation_seconds=time.perf_counter() - trained,
        )
        if self._stopping and validation:
            weights = [parameter.numpy() for parameter in self.model.parameters]
            self._stopping.update(epoch + 1, validation, weights)
        self.history.epochs.append(metrics)
        self.history.xla = self.trainer.loop.xla
        return metrics

    def _measured(self, split: Split) -> Evaluation:
        try:
            return evaluate(self.model, split)
        except UnansweredError:
            # W and b are finite still, but what they make of rows is not.
            self.trainer.diverged(math.inf)

    def end(self) -> None:
        """Goes back to the best epoch and calibrates, where the recipe asks for it."""
        if self._stopping and self._stopping.weights:
            for parameter, best in zip(self.model.parameters, self._stopping.weights, strict=True):
                parameter.assign(best)
            self.history.best_epoch = self._stopping.best_epoch
        if self.recipe.calibrate and self._validation:
            self.history.temperature = calibrate(self.model, self._validation)

    def snapshot(self, identity: dict[str, Any]) -> Snapshot:
        """All that the run goes on from, as it is now."""
        loop, stopping = self.trainer.loop, self._stopping
        arrays = {
            f"{part}.{place}": tensor
            for part, tensors in loop.state._asdict().items()
            for place, tensor in enumerate(tensors)
        }
        if stopping and stopping.weights:
            arrays |= {f"best.{place}": best for place, best in enumerate(stopping.weights)}
        facts = {
            "step": loop.done,
            "moving_loss": self.trainer.moving_loss.value,
            "history": list(self.history.epochs),
            "lengths": list(self.history.lengths),
            "xla": loop.xla,
            "stopping": stopping.to_json() if stopping else None,
            "identity": identity,
        }
        return Snapshot(facts, arrays)

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on from a snapshot of a run of the same recipe, but for its epochs.

        Raises:
          ValueError, KeyError, TypeError: if it is none; the run is then as it was.
        """
        facts, arrays = snapshot

        def named(part: str, like: Sequence[Any]) -> list[np.ndarray]:
            found = [arrays[f"{part}.{place}"] for place in range(len(like))]
            for array, expected in zip(found, like, strict=True):
                if array.shape != tuple(expected.shape) or array.dtype != np.float32:
                    raise ValueError(f"{part} is {array.dtype} {array.shape}")
            return found

        loop, step = self.trainer.loop, int(facts["step"])
        state = State(
            *(
                [tf.constant(array) for array in named(*part)]
                for part in loop.state._asdict().items()
            )
        )
        epochs = [EpochMetrics.from_json(epoch) for epoch in facts["history"]]
        moving_loss = facts["moving_loss"] and float(facts["moving_loss"])
        # The last one may be trained and not measured yet.
        if step - len(epochs) * loop.feed.steps not in range(loop.feed.steps + 1):
            raise ValueError(f"{len(epochs)} epochs do not go with step {step:,}")
        lengths = self.history.resumed_lengths(facts)
        if self._stopping:
            best = named("best", self.model.parameters) if "best.0" in arrays else None
            self._stopping = self._stopping.resumed(facts["stopping"], best)
        loop.state, loop.done = state, step
        self.trainer.moving_loss.value = moving_loss
        self.trainer.set_model()
        self.history.epochs, self.history.lengths = epochs, lengths
        loop.require(facts.get("xla"))
        self.history.xla = loop.xla


def _start_from(model: SoftmaxRegression, start: SoftmaxRegression) -> None:
    if start.spec != model.spec:
        raise UsageError("the model to start from is not of the dataset's spec; use warm_start")
    for parameter, value in zip(model.parameters, start.parameters, strict=True):
        parameter.assign(value)
