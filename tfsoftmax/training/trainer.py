"""Trains one model with the compiled loop, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, cached_property
from typing import NamedTuple, NoReturn

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.sharded_rows import workers_with
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.device import zeros
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import DivergenceError, TfsoftmaxError
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Spec
from tfsoftmax.training.build import build_loop
from tfsoftmax.training.history import MovingAverage
from tfsoftmax.training.learning_rate import center_of, learning_rate_for
from tfsoftmax.training.objective import set_parameters
from tfsoftmax.training.prepare import l2_of, sample_of
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.sample_weights import row_weights
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.loop import Loop


class Progress(NamedTuple):
    """How far a run is: steps done of all, and the moving loss so far."""

    step: int
    total_steps: int
    moving_loss: float


class Trainer:
    """A model, and the compiled loop that trains it.

    Attributes:
      model: its W and b are set after every epoch.
      epochs: how many the run has.
      center: what is subtracted from the scaled features, ``[n_inputs]``; None is nothing.
      moving_loss: of all steps so far.
    """

    def __init__(
        self,
        model: SoftmaxRegression,
        split: Split,
        recipe: ResolvedRecipe,
        workers: Workers = ALONE,
    ):
        weights = row_weights(split, model.spec.class_names, recipe.class_weight)
        rows = Split(split.features, split.labels, weights)
        self.model, self.epochs = model, recipe.epochs
        self.center = center_of(model, split, recipe)
        self.moving_loss = MovingAverage()
        self._split, self._rows, self._recipe = split, rows, recipe
        self._workers = workers

    @cached_property
    def loop(self) -> Loop:
        """The loop and its state; made only where it is asked for, because it is not for free."""
        return build_loop(
            self.model, self._rows, [self._recipe], self.center, workers=self._workers
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

    def set_model(self) -> None:
        """Sets the model's W and b to the loop's parameters."""
        # What it had goes first: a wide W is most of the memory of a run.
        self.model.W.assign(zeros(self.model.W.shape))
        set_parameters(self.model, self.loop.results())

    def _check_finite(self, losses: np.ndarray, rates: np.ndarray) -> None:
        first = self.loop.done - len(losses)
        if not np.isfinite(losses).all():
            bad = int(np.argmin(np.isfinite(losses)))
            self.diverged(float(losses[bad]), first + bad, float(rates[bad]))
        # Of many features this takes as long as many steps; the next losses would show it, too.
        if self.loop.done % self.feed.steps == 0 and not self.loop.finite:
            self.diverged(float("nan"))

    def diverged(self, loss: float, step: int | None = None, rate: float | None = None) -> NoReturn:
        """Ends the run at a step, from 0, that had this loss and this rate; None is the last.

        Raises:
          DivergenceError: always.
        """
        if step is None:
            step = self.loop.done - 1
        if rate is None:
            rate = float(self.loop.learning_rates(step, step + 1)[0])
        epoch = step // self.feed.steps + 1
        l2, suited = _asked_l2_and_suited_rate(self._recipe, self.model.spec, self._split)
        raise DivergenceError(epoch, step + 1, loss, rate, l2, suited)


def _asked_l2_and_suited_rate(
    recipe: ResolvedRecipe, spec: Spec, split: Split
) -> tuple[float, float | None]:
    """The l2 that a divergence may be blamed on, and the learning rate that "auto" takes.

    Returns:
      l2 is 0 if nobody asked for one, or it is not known; nor need the rate be, which then is None.
    """
    together = workers_with(split.features).count > 1
    if together and taken_sparse(split.features, spec):
        return 0.0, None  # They follow from rows of all, who may not have diverged.
    dataset, left_open = Dataset("rows", spec, split, split), replace(Recipe(), l1=recipe.l1)
    sample = cache(lambda: sample_of(dataset, recipe))
    asked = 0.0 if recipe.l2 == l2_of(left_open, dataset, sample) else recipe.l2
    with suppress(TfsoftmaxError):  # None suits such rows.
        if not together:
            return asked, learning_rate_for(recipe, recipe.l2, sample(), len(split), dataset.name)
    return asked, None
