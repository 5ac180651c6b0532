"""Runs a recipe epoch by epoch: train, measure, stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.features import features_of
from tfsoftmax.data.sharded_rows import shards_of
from tfsoftmax.device import to_device
from tfsoftmax.distributed.timed import TimedWorkers
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import UnansweredError
from tfsoftmax.evaluation import evaluate
from tfsoftmax.metrics import Evaluation
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.training.calibration import calibrate
from tfsoftmax.training.early_stopping import EarlyStopping
from tfsoftmax.training.history import EpochMetrics, History
from tfsoftmax.training.newton.phase import NewtonPhase, TrainingFigures, check_rows
from tfsoftmax.training.newton.rows import Share
from tfsoftmax.training.occurring import Occurring
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.trainer import Progress, Trainer


class Figures(NamedTuple):
    """How a model does on the rows of several workers."""

    accuracy: float
    log_loss: float


class _Trained(NamedTuple):
    """What an epoch's training did.

    Attributes:
      steps: all that were taken since training began.
      loss: moving loss.
      rate: learning rate of the last step; size of one of Newton's.
      passes: how often it went through the training rows.
      in_sums: seconds that this worker spent in sums over all.
    """

    steps: int
    loss: float
    rate: float
    passes: float
    in_sums: float


class Run:
    """The state of a run between two epochs.

    Attributes:
      model: the model that is trained; it may have only the inputs that occur (`Occurring`).
      recipe: how it is trained.
      trainer: what trains it.
      test: the test rows, on the device if there is room.
      history: the figures so far.
      stopping: early stopping; None trains to the end.
      newton: what goes on from where SGD ended; None before that, and where it is not asked for.
    """

    def __init__(
        self,
        model: SoftmaxRegression,
        dataset: Dataset,
        recipe: ResolvedRecipe,
        workers: Workers = ALONE,
    ):
        self._occurring = Occurring.of(model, dataset)
        self.model, trained, self.recipe = self._occurring.model, self._occurring.dataset, recipe
        if recipe.solver == "newton":
            check_rows(self.model, trained.train, workers.count)
        self.trainer = Trainer(self.model, trained.train, recipe, workers)
        self._workers, self._timed_workers = workers, TimedWorkers(workers)
        # Moved to the device once, not in every epoch, as far as there is room.
        on_device = recipe.epochs or workers.count > 1
        self._train = self.trainer.feed.rows if on_device else trained.train
        spare = recipe.memory_limit - dataset.train.features.nbytes
        self.test = to_device(dataset.test, spare)
        self._test = self.test if trained is dataset else trained.test
        spare -= dataset.test.features.nbytes
        self._validation: Split | None = None
        validation = trained.validation
        if validation and features_of(validation.features).here:  # Else the chief has it.
            self._validation = to_device(validation, spare)
        self.history = History(recipe, lengths=[(0, recipe.epochs)], workers=workers.count)
        self.stopping = EarlyStopping.of(recipe)
        self.newton: NewtonPhase | None = None
        self._rows = trained.train

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, or early stopping has stopped."""
        done = len(self.history.epochs)
        if self.recipe.solver == "newton":
            return self.newton is not None and self.newton.ended
        return done >= self.recipe.epochs or bool(self.stopping and self.stopping.should_stop(done))

    def begin_newton(self) -> NewtonPhase:
        """What takes Newton's steps, from where the model is."""
        if self.newton is None:
            features = self._train.features
            # Without an epoch there is no feed, and no tensor.
            usable = tf.is_tensor(features) and self.trainer.feed.in_order
            on_device = features if usable else None
            share = None
            if self._workers.count > 1:
                shards = shards_of(self._rows.features)
                mine = shards[self._workers.index] if shards else self.trainer.feed.mine
                share = Share(mine, self._timed_workers)
            self.newton = NewtonPhase(
                self.model, self._rows, self.recipe, self.trainer.center, on_device, share
            )
        return self.newton

    def epoch(self, on_progress: Callable[[Progress], None] | None) -> EpochMetrics:
        """Trains the next epoch, or the rest of it, or takes a step of Newton's; and measures."""
        started = time.perf_counter()
        if len(self.history.epochs) < self.recipe.epochs:
            did = self._descend(on_progress)
            trained = time.perf_counter()
            train = self._measure_training()
        else:
            newton = self.begin_newton()
            did = self._newton_step(newton, on_progress)
            # A step has gone through the rows to see where it leads.
            trained, train = time.perf_counter(), newton.figures
        shared = self._of_all(trained - started, did)
        metrics = None
        if self._workers.is_chief:
            figures = {"steps": did.steps, "moving_loss": did.loss, "learning_rate": did.rate}
            figures |= shared
            metrics = self._metrics(train, (started, trained), figures)
        metrics = EpochMetrics(**self._workers.chiefs(metrics and asdict(metrics)))
        self.history.epochs.append(metrics)
        return metrics

    def _descend(self, on_progress: Callable[[Progress], None] | None) -> _Trained:
        """Trains the next epoch of SGD, or the rest of it."""
        loop = self.trainer.loop
        begun, in_sums = loop.done, loop.communication_seconds
        loss = self.trainer.run_epoch(len(self.history.epochs), on_progress)
        self.history.xla = loop.xla
        rate = float(loop.learning_rates(loop.done - 1, loop.done)[0])
        in_sums = loop.communication_seconds - in_sums
        return _Trained(loop.done, loss, rate, (loop.done - begun) / loop.feed.steps, in_sums)

    def _newton_step(
        self, newton: NewtonPhase, on_progress: Callable[[Progress], None] | None
    ) -> _Trained:
        """Takes a step of Newton's."""
        last = self.history.last if self.history.epochs else None
        steps = last.steps if last else 0
        done = Progress(steps, steps, last.moving_loss if last else newton.figures.loss)
        passes, in_sums = newton.passes, self._timed_workers.seconds
        loss, size = newton.step(partial(on_progress, done) if on_progress else None)
        passes, in_sums = newton.passes - passes, self._timed_workers.seconds - in_sums
        return _Trained(steps, loss, size, passes, in_sums)

    def end(self) -> None:
        """Restores the best epoch and calibrates, where the recipe asks for it.

        The model that the run was made with gets all that was learnt.
        """
        if self.stopping and self.stopping.parameters:
            best = self.stopping.parameters
            for variable, value in zip(self.model.parameters, best, strict=True):
                variable.assign(value)
            self.history.best_epoch = self.stopping.best_epoch
        if self.newton:
            self.history.proof = self.newton.proof
        if self.recipe.calibrate and self._validation:
            self.history.temperature = calibrate(self.model, self._validation)
        # The loop's state goes first: it is as large as the model that is about to be filled.
        del self.trainer
        self._occurring.give_back()

    def _metrics(
        self,
        train: Figures | Evaluation | TrainingFigures,
        times: tuple[float, float],
        figures: dict[str, Any],
    ) -> EpochMetrics:
        """The figures of an epoch: these, and what it measures on the rows that are held out.

        Args:
          train: of the training rows.
          times: at which the epoch began, and at which its training ended.
          figures: the others.
        """
        started, trained = times
        epoch = len(self.history.epochs) + 1
        test = self._measure(self._test)
        validation = self._validation and self._measure(self._validation)
        if self.stopping and validation:
            parameters = [parameter.numpy() for parameter in self.model.parameters]
            self.stopping.update(epoch, validation, parameters)
        return EpochMetrics(
            epoch=epoch,
            train_accuracy=train.accuracy,
            train_log_loss=train.log_loss,
            test_accuracy=test.accuracy,
            test_log_loss=test.log_loss,
            validation_accuracy=validation.accuracy if validation else None,
            validation_log_loss=validation.log_loss if validation else None,
            train_seconds=trained - started,
            evaluation_seconds=time.perf_counter() - trained,
            **figures,
        )

    def _of_all(self, seconds: float, did: _Trained) -> dict[str, Any]:
        """The figures of several workers, of an epoch's training that took this one so long.

        A worker's time in sums is the network's and what it waits for others; the slowest waits
        for nobody.
        """
        if self._workers.count == 1:
            return {}
        both = np.zeros((2, self._workers.count))
        both[:, self._workers.index] = did.in_sums, seconds - did.in_sums
        (both,) = (np.asarray(total) for total in self._workers.sum([both]))
        return {
            "rows_a_second": did.passes * len(self._rows) / seconds,
            "communication_seconds": float(both[0].min()),
            "slowest_worker": int(both[1].argmax()),
        }

    def _measure_training(self) -> Figures | Evaluation | TrainingFigures:
        """How the model does on the training rows, those of all workers, after an epoch of SGD."""
        last = len(self.history.epochs) + 1 == self.recipe.epochs
        if self.recipe.solver == "newton" and last:
            # Newton's first step needs the same pass.
            figures = self.begin_newton().figures
            if not math.isfinite(figures.log_loss):
                self.trainer.diverged(math.inf)
            return figures
        found = self._measure(self._train)
        if self._workers.count == 1:
            return found
        own = len(self.trainer.feed.mine) * np.array([found.accuracy, found.log_loss, 1.0])
        (total,) = self._workers.sum([own])
        return Figures(float(total[0] / total[2]), float(total[1] / total[2]))

    def _measure(self, split: Split) -> Evaluation:
        try:
            return evaluate(self.model, split)
        except UnansweredError:
            if self.newton:
                raise
            # W and b are still finite, but the logits are not.
            self.trainer.diverged(math.inf)
