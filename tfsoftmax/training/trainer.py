"""One model and the compiled loop that moves it, as a recipe has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, NoReturn

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.errors import DivergenceError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import Initializer, SoftmaxRegression
from tfsoftmax.training.history import MovingAverage
from tfsoftmax.training.learning_rate import center_of
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.sample_weights import row_weights
from tfsoftmax.training.seeds import WEIGHTS_STREAM
from tfsoftmax.training.sgd import schedules
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.loop import Loop, Objective, uncentered_bias
from tfsoftmax.training.sgd.schedules import Schedule
from tfsoftmax.training.sgd.updates import Updates


class Progress(NamedTuple):
    """How far a run is: steps done of all, and the moving loss so far."""

    step: int
    total_steps: int
    moving_loss: float


class Trainer:
    """A model, and the compiled loop that moves it.

    Attributes:
      model: its W and b are set after every epoch.
      loop: the loop and its state.
      epochs: how many the run has.
      moving_loss: of all steps so far.
    """

    def __init__(self, model: SoftmaxRegression, split: Split, recipe: Recipe):
        self.model, self._l2 = model, _asked_l2(recipe, len(split))
        weights = row_weights(split, model.spec.class_names, recipe.class_weight)
        rows = Split(split.features, split.labels, weights)
        feed = Feed(rows, recipe.batch_size, recipe.seed, recipe.memory_limit)
        self.epochs = recipe.epochs_for(len(split))
        self.moving_loss = MovingAverage()
        self.learning_rate = schedule_of(recipe, feed.steps, self.epochs)
        total = self.epochs * feed.steps
        self._center = center_of(model, split, recipe)
        W, b = tf.transpose(model.W), model.b[:, None]
        if self._center is not None:
            b = uncentered_bias(W, b, -self._center)
        self.loop = Loop(
            feed,
            objective_of(model, recipe, self._center),
            updates_of(recipe),
            [W, b],
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
        if self._center is not None:
            b = uncentered_bias(W, b, self._center)
        model.W.assign(tf.transpose(W))
        model.b.assign(b[:, 0])

    def _check_finite(self, losses: np.ndarray, rates: np.ndarray) -> None:
        first = self.loop.done - len(losses)
        if not np.isfinite(losses).all():
            bad = int(np.argmin(np.isfinite(losses)))
            self.diverged(float(losses[bad]), first + bad, float(rates[bad]))
        if not all(np.isfinite(p.numpy()).all() for p in self.loop.state.parameters):
            self.diverged(float("nan"))

    def diverged(self, loss: float, step: int | None = None, rate: float | None = None) -> NoReturn:
        """Ends the run at a step, from 0, that had this loss and this rate; None is the last.

        Raises:
          DivergenceError: always.
        """
        if step is None:
            step = self.loop.done - 1
        if rate is None:
            rate = float(self.learning_rates(step, step + 1)[0])
        raise DivergenceError(step // self.feed.steps + 1, step + 1, loss, rate, self._l2)


def _asked_l2(recipe: Recipe, n_samples: int) -> float:
    """The penalty that divergence may be blamed on: none that nobody asked for."""
    usual = replace(recipe, l2=None).l2_for(n_samples)
    return 0.0 if recipe.l2 in (None, usual) else recipe.l2


def objective_of(model: SoftmaxRegression, recipe: Recipe, center: np.ndarray | None) -> Objective:
    """What a recipe's steps descend."""
    return Objective(model.scaled, center, recipe.label_smoothing, recipe.loss_reduction == "sum")


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

    Raises:
      UsageError: if the run ends before its warm-up does.
    """
    assert isinstance(recipe.learning_rate, float | int)
    rate, decay, period = float(recipe.learning_rate), recipe.decay, recipe.decay_epochs * steps
    if recipe.warmup_epochs > epochs:
        raise UsageError(
            setting("warmup_epochs")
            + f" {recipe.warmup_epochs:g} is more than the {epochs} epochs of the run, "
            "which would never reach its learning rate"
        )
    warmup = round(recipe.warmup_epochs * steps)
    schedule = {
        "constant": lambda: schedules.constant(rate),
        "cosine": lambda: schedules.cosine(rate, max(1, epochs * steps - warmup)),
        "step": lambda: schedules.staircase(rate, decay, period),
        "exponential": lambda: schedules.exponential(rate, decay, period),
        "inverse": lambda: schedules.inverse(rate, decay, period),
    }[recipe.schedule]()
    return schedules.warmed_up(schedule, warmup) if warmup else schedule


def initializer_of(recipe: Recipe) -> Initializer | None:
    """How W and b start, as a recipe has it; None is at zero."""
    if recipe.initializer == "zeros":
        return None
    generator = np.random.default_rng([recipe.seed, WEIGHTS_STREAM])
    return generator.standard_normal
