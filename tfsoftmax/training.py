"""Training: epochs of the compiled loop, measured after each, and when to stop."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax import schedules
from tfsoftmax.calibration import calibrate
from tfsoftmax.checkpoint import Checkpoints, Keeper, Snapshot, latest
from tfsoftmax.data.dataset import Dataset, Split, check_dataset
from tfsoftmax.early_stopping import EarlyStopping
from tfsoftmax.errors import DivergenceError, UsageError
from tfsoftmax.evaluation import evaluate
from tfsoftmax.feed import WEIGHTS_STREAM, Feed, placed
from tfsoftmax.history import EpochMetrics, History, MovingAverage
from tfsoftmax.loop import Loop, Objective
from tfsoftmax.model import Initializer, SoftmaxRegression
from tfsoftmax.preparation import prepared
from tfsoftmax.recipes import Recipe, recipe_of
from tfsoftmax.schedules import Schedule
from tfsoftmax.sgd import State, Updates
from tfsoftmax.weights import row_weights

_log = logging.getLogger(__name__)


class FitResult(NamedTuple):
    """What `fit` returns: the trained model and what was measured on the way."""

    model: SoftmaxRegression
    history: History


class Progress(NamedTuple):
    """How far a run is: steps done of all, and the moving loss so far."""

    step: int
    total_steps: int
    moving_loss: float


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
      checkpoints: where to save the run as it goes, and whether to take up one that is
        saved there, which gives the same bytes as if it had never stopped. It may be given
        another number of epochs, nothing else.
      on_epoch: called with each epoch's figures.
      on_progress: called after every call of the compiled loop, at least once an epoch. A
        KeyboardInterrupt that it raises is let through once the run is saved.

    Returns:
      The trained model and the history of all epochs.

    Raises:
      CheckpointError: if a run is saved that cannot be taken up.
      OSError: if checkpoints cannot be written to their folder.
      DivergenceError: at the step where the loss stopped being a number.
      DataError: if a class has too few rows to hold some out for validation.
      UsageError: if there is no such recipe, or it names a class that is not there; if a run is
        saved that is another one, or is not to be taken up.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model, history = fit(dataset, tfsoftmax.Recipe(epochs=5))
    >>> history.last.test_accuracy > 0.9
    True
    """
    dataset, recipe = prepared(check_dataset(dataset), recipe_of(recipe))
    model = SoftmaxRegression(dataset.spec, initializer_of(recipe))
    if start:
        _start_from(model, start)
    run = _Run(model, dataset, recipe)
    with _kept(run, checkpoints, dataset) as on_step:

        def after_call(progress: Progress) -> None:
            on_step()
            if on_progress:
                on_progress(progress)

        while not run.ended:
            metrics = run.epoch(after_call)
            if on_epoch:
                on_epoch(metrics)
    run.end()
    return FitResult(model, run.history)


@contextmanager
def _kept(
    run: _Run, checkpoints: Checkpoints | None, dataset: Dataset
) -> Iterator[Callable[[], None]]:
    """Yields what is to be called after every call of the loop; saves the run's end too."""
    if checkpoints is None:
        yield lambda: None
        return
    identity = {
        "recipe": run.recipe.to_json(),
        "dataset": dataset.sha256(),
        "start": [_digest(parameter) for parameter in run.model.parameters],
    }
    keeper = Keeper(checkpoints)
    safe: Snapshot | None = None
    interrupted = False
    try:
        if checkpoints.resume and (found := latest(checkpoints.folder)):
            _check_identity(found.facts["identity"], identity, checkpoints)
            run.restore(found)
        run.trainer.loop.pause_every = checkpoints.every_steps

        def on_step() -> None:
            nonlocal safe
            # Whenever a KeyboardInterrupt comes, this one is of a single moment.
            safe = run.snapshot(identity)
            if keeper.due(run.trainer.loop.done):
                keeper.save(safe)

        yield on_step
        safe = run.snapshot(identity)
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        keeper.close(safe)
        if interrupted and safe:
            _log.info("saved in %s after step %s", checkpoints.folder, f"{safe.facts['step']:,}")


def _check_identity(
    found: dict[str, Any], expected: dict[str, Any], checkpoints: Checkpoints
) -> None:
    """Refuses to take up another run."""
    for field, value in expected["recipe"].items():
        before = found["recipe"].get(field)
        if field != "epochs" and before != value:
            raise UsageError(
                f"the run saved in {checkpoints.folder} was made with {field} {before}, not "
                f"{value}: only the number of epochs may differ"
            )
    if found["dataset"] != expected["dataset"]:
        raise UsageError(
            f"the run saved in {checkpoints.folder} was made on other data; name another "
            "--checkpoint-dir to begin anew"
        )
    if found["start"] != expected["start"]:
        raise UsageError(
            f"the run saved in {checkpoints.folder} started from another model; name another "
            "--checkpoint-dir to begin anew"
        )


class _Run:
    """A run between two epochs: the trainer, what was measured, when to stop."""

    def __init__(self, model: SoftmaxRegression, dataset: Dataset, recipe: Recipe):
        self.model, self.recipe = model, recipe
        self.trainer = Trainer(model, dataset.train, recipe)
        # On the device once, not once an epoch, as far as there is room.
        self._train = self.trainer.feed.rows
        spare = recipe.memory_limit - dataset.train.features.nbytes
        self._test = placed(dataset.test, spare)
        spare -= dataset.test.features.nbytes
        self._validation = dataset.validation and placed(dataset.validation, spare)
        self.history = History(recipe)
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
        train, test = evaluate(self.model, self._train), evaluate(self.model, self._test)
        validation = self._validation and evaluate(self.model, self._validation)
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
        return metrics

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
            "stopping": stopping.to_json() if stopping else None,
            "identity": identity,
        }
        return Snapshot(facts, arrays)

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on from a snapshot of a run of the same recipe, but for its epochs."""
        facts, arrays = snapshot

        def named(part: str) -> list[np.ndarray]:
            return [arrays[f"{part}.{place}"] for place in (0, 1) if f"{part}.{place}" in arrays]

        loop = self.trainer.loop
        loop.state = State(*([tf.constant(a) for a in named(part)] for part in State._fields))
        loop.done = facts["step"]
        self.trainer.moving_loss.value = facts["moving_loss"]
        self.trainer.set_model()
        self.history.epochs = [EpochMetrics(**epoch) for epoch in facts["history"]]
        if self._stopping:
            self._stopping = EarlyStopping(**facts["stopping"], weights=named("best") or None)


class Trainer:
    """A model, and the compiled loop that moves it.

    Attributes:
      model: its W and b are set after every epoch.
      loop: the loop and its state.
      epochs: how many the run has.
      moving_loss: of all steps so far.
    """

    def __init__(self, model: SoftmaxRegression, split: Split, recipe: Recipe):
        self.model = model
        weights = row_weights(split, model.spec.class_names, recipe.class_weight)
        rows = Split(split.features, split.labels, weights)
        feed = Feed(rows, recipe.batch_size, recipe.seed, recipe.memory_limit)
        self.epochs = recipe.epochs_for(len(split))
        self.moving_loss = MovingAverage()
        self.learning_rate = schedule_of(recipe, feed.steps, self.epochs)
        total = self.epochs * feed.steps
        W, b = model.parameters
        self.loop = Loop(
            feed,
            Objective(model.scaled, recipe.label_smoothing, recipe.loss_reduction == "sum"),
            updates_of(recipe),
            [tf.transpose(W), b[:, None]],
            self.learning_rate,
            schedules.tail_weights(round(total * (1 - recipe.averaging))),
            recipe.xla,
        )

    @property
    def feed(self) -> Feed:
        """The training rows, in the order of each epoch."""
        return self.loop.feed

    def run_epoch(self, epoch: int, on_progress: Callable[[Progress], None] | None = None) -> float:
        """Trains to the end of an epoch, in the order that belongs to it.

        Args:
          epoch: from 0.
          on_progress: called after every call of the compiled loop.

        Returns:
          The moving loss after the epoch.

        Raises:
          DivergenceError: if the loss, W or b stopped being finite numbers.
          DataError: if rows cannot be read from the file they are in.
        """
        total = self.epochs * self.feed.steps
        if self.loop.done < (epoch + 1) * self.feed.steps:
            for losses, rates in self.loop.run_epoch():
                self._check_finite(losses, rates)
                moving_loss = self.moving_loss.update(losses)
                if on_progress:
                    on_progress(Progress(self.loop.done, total, moving_loss))
        self.set_model()
        return self.moving_loss.update([])

    def learning_rates(self, first: int, last: int) -> np.ndarray:
        """The learning rates of the run's steps `first` to `last` - 1, float64."""
        return self.learning_rate(np.arange(first, last))

    def set_model(self) -> None:
        """Gives the model the loop's parameters, or their mean once there is one."""
        state, model = self.loop.state, self.model
        averaged = bool(state.averages) and self.loop.average_weight(self.loop.done - 1) > 0
        W, b = state.averages if averaged else state.parameters
        model.W.assign(tf.transpose(W))
        model.b.assign(b[:, 0])

    def _check_finite(self, losses: np.ndarray, rates: np.ndarray) -> None:
        first = self.loop.done - len(losses)
        if not np.isfinite(losses).all():
            bad = int(np.argmin(np.isfinite(losses)))
            self._diverged(first + bad, float(losses[bad]), float(rates[bad]))
        if not all(np.isfinite(p.numpy()).all() for p in self.loop.state.parameters):
            self._diverged(self.loop.done - 1, float("nan"), float(rates[-1]))

    def _diverged(self, step: int, loss: float, rate: float) -> None:
        raise DivergenceError(step // self.feed.steps + 1, step + 1, loss, rate)


def updates_of(recipe: Recipe) -> Updates:
    """The update rule that a recipe asks for."""
    return Updates(
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        clip_norm=recipe.clip_norm,
        l2=recipe.l2 or None,
        l1=recipe.l1 or None,
        averaging=recipe.averaging > 0,
    )


def schedule_of(recipe: Recipe, steps: int, epochs: int) -> Schedule:
    """The learning rate of each step that a recipe asks for.

    Args:
      recipe: its learning rate is a number.
      steps: of an epoch.
      epochs: of the run.
    """
    assert isinstance(recipe.learning_rate, float | int)
    rate, decay, period = float(recipe.learning_rate), recipe.decay, recipe.decay_epochs * steps
    warmup = round(recipe.warmup_epochs * steps)
    schedule = {
        "constant": lambda: schedules.constant(rate),
        "cosine": lambda: schedules.cosine(rate, max(1, epochs * steps - warmup)),
        "step": lambda: schedules.staircase(rate, decay, period),
        "exponential": lambda: schedules.exponential(rate, decay, period),
        "inverse": lambda: schedules.inverse(rate, decay, period),
    }[recipe.schedule]()
    return schedules.warmed_up(schedule, warmup) if warmup else schedule


def _start_from(model: SoftmaxRegression, start: SoftmaxRegression) -> None:
    if start.spec != model.spec:
        raise UsageError("the model to start from is not of the dataset's spec; use warm_start")
    for parameter, value in zip(model.parameters, start.parameters, strict=True):
        parameter.assign(value)


def _digest(parameter: tf.Variable) -> str:
    return hashlib.sha256(parameter.numpy().tobytes()).hexdigest()


def initializer_of(recipe: Recipe) -> Initializer | None:
    """How W and b start, as a recipe has it; None is at zero."""
    if recipe.initializer == "zeros":
        return None
    generator = np.random.default_rng([recipe.seed, WEIGHTS_STREAM])
    return generator.standard_normal
