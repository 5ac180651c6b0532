"""The compiled loop: many steps of stochastic gradient descent in one call.

It moves one model or, with leading axes, many at once: all of them are given the same rows,
and their matrix products are one product.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.distributed.timed import TimedSums
from tfsoftmax.errors import CheckpointError
from tfsoftmax.messages import setting
from tfsoftmax.system import compile_cache
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.sgd.batches import Batches, DenseBatches, SparseBatches
from tfsoftmax.training.sgd.compiled import compile_steps
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.rules import Moment, Rule
from tfsoftmax.training.sgd.schedules import PerStep
from tfsoftmax.training.sgd.sparse_feed import SparseFeed
from tfsoftmax.training.sgd.step import Plan
from tfsoftmax.training.sgd.updates import State

_log = logging.getLogger(__name__)
# What compiling raises where there is no compiler, or one that lacks an operation.
_NO_XLA = (
    tf.errors.NotFoundError, tf.errors.UnimplementedError, tf.errors.InvalidArgumentError,
)  # fmt: skip

# Python sees a Ctrl-C, and a progress bar moves, only between two calls of the compiled
# loop. This many multiplications keep a call under about half a second on one core,
# while an epoch of MNIST still is a single call.
MULTIPLICATIONS_A_CALL = 2**31
# With other workers most of the time is the network's, a few milliseconds a step.
_STEPS_TOGETHER = 200


class Loop:
    """The state of training, and the compiled function that advances it.

    Attributes:
      feed: the rows, in the order of each epoch.
      done: steps taken since training began; this and `state` are enough to resume.
      xla: whether XLA compiles the steps; None until the first call has shown it.
      pause_every: no call goes past a multiple of this many steps; None sets no such bound.
      sums: over the workers that train together; None where one process trains alone.
    """

    def __init__(
        self,
        feed: Feed,
        objective: Objective,
        rule: Rule,
        parameters: Callable[[slice], list[tf.Tensor]],
        rates: PerStep,
        average_weights: PerStep,
        xla: bool = True,
        sums: TimedSums | None = None,
    ):
        """Prepares the loop; nothing is compiled before the first call.

        Args:
          feed: the rows.
          objective: what is minimised.
          rule: how.
          parameters: from some features to W of these and b to start from, not centred.
          rates: the learning rate of each step, or with one for each model of several,
            ``[steps, n_models]``.
          average_weights: the weight of each step's parameters in their mean.
          xla: compile with XLA where it is available.
          sums: over the workers that take every step together, each with its part of the batch.
        """
        self.feed = feed
        self._objective, self._rule = objective, rule
        self._numbers = objective.numbers

        def start(block: slice) -> State:
            return rule.start(objective.to_centered(parameters(block)))

        self._batches: Batches = DenseBatches(objective.scaled, by_itself=sums is not None)
        if isinstance(feed, SparseFeed):
            self._batches = SparseBatches.of(start(slice(1)), by_itself=sums is not None)
        self._blocks = self._batches.blocks(feed.rows.features.shape[1])
        # Variables, because the compiled loop moves those where they are; tensors it copies.
        self._kept: State = tf.nest.map_structure(
            tf.Variable, self._batches.pack(start, self._blocks)
        )
        self._models = tuple(self._kept.parameters[1].shape[:-2])
        self.done = 0
        self.pause_every: int | None = None
        self._rates, self._average_weights = rates, average_weights
        # Of a function that had the loop itself, its state would outlive it.
        self._compile = partial(
            compile_steps, objective, rule, self._batches, self._models, sums, feed.layout
        )
        self.sums, self._most_steps = sums, _STEPS_TOGETHER if sums else None
        self.xla = None if xla else False
        self._begun = False
        self._run_steps = self._compile(xla)

    @property
    def state(self) -> State:
        """What the update rule keeps, from which the parameters follow.

        What is held of it is copied before it changes.
        """
        return tf.nest.map_structure(lambda kept: kept.read_value(), self._kept)

    @state.setter
    def state(self, state: State) -> None:
        tf.nest.map_structure(lambda kept, value: kept.assign(value), self._kept, state)

    def learning_rates(self, first: int, last: int) -> np.ndarray:
        """The learning rates of the run's steps `first` to `last` - 1, float64."""
        return self._rates(np.arange(first, last))

    def result(self) -> list[tf.Tensor]:
        """The parameters, or their mean once there is one, for features that are not centred."""
        W, b = zip(*self.results(), strict=True)
        return [tf.concat(W, -1), b[0]]

    def results(self) -> Iterator[list[tf.Tensor]]:
        """The same, of some features after others if rows are sparse: W of these, and all of b."""
        epoch, taken = divmod(self.done, self.feed.steps)
        moment = Moment(0.0, 0.0, tf.constant(taken), self._times(epoch))
        # A share of the steps that rounds to none leaves no mean.
        averaged = self._average_weights(np.array([self.done - 1]))[0] > 0
        for block in self._blocks:
            state = self._batches.unpack(self.state, block)
            parameters = self._rule.parameters(state, moment, self._objective)
            mean = state.averages if averaged else []
            yield self._objective.from_centered(mean or parameters)

    @property
    def finite(self) -> bool:
        """Whether W and b, or what they follow from, are finite numbers."""
        states = (self._batches.unpack(self.state, block) for block in self._blocks)
        return all(
            tf.reduce_all(tf.math.is_finite(part)) for state in states for part in state.parameters
        )

    @property
    def communication_seconds(self) -> float:
        """What it has told other workers so far, and waited for them."""
        return self.feed.communication_seconds + (self.sums.seconds if self.sums else 0.0)

    @property
    def can_be_saved(self) -> bool:
        """Whether all workers have the same state now."""
        return True

    def run_epoch(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Trains on the rest of the epoch that `done` is in, a call at a time.

        Yields:
          After each call the losses of its steps, ``[steps, *models]``, as they were before
          each, and the learning rates.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        epoch, taken = divmod(self.done, self.feed.steps)
        times = self._times(epoch)
        for chunk in self.feed.epoch(epoch, taken):
            yield from self._run_chunk(chunk, epoch, times)

    def _run_chunk(
        self, chunk: Any, epoch: int, times: tf.Tensor | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        start = self.done - chunk.first_step
        steps = np.arange(start, start + self.feed.chunk_steps)
        rates = self._rates(steps)
        plan = Plan(
            tf.constant(rates, tf.float32),
            tf.constant(self._average_weights(steps), tf.float32),
            None if times is None else tf.constant(start - epoch * self.feed.steps),
            times,
            self._numbers,
        )
        first, tensors = chunk.first_step, chunk.tensors
        while first < chunk.steps:
            last = min(first + self._steps_a_call(), chunk.steps)
            # Bounds as a tensor: numbers would be traced and compiled again for each value.
            losses = self._call(self._kept, tensors, plan, tf.constant([first, last]))
            self.done += last - first
            yield losses[first:last], rates[first:last]
            first = last

    def _times(self, epoch: int) -> tf.Tensor | None:
        first, last = (each * self.feed.steps for each in (epoch, epoch + 1))
        rows = self.feed.batch_size if self._objective.sum_of_batch else 1
        times = self._rule.times(
            lambda steps: rows * self._rates(steps), first, last, self._objective.l2
        )
        return None if times is None else tf.constant(times)

    def _steps_a_call(self) -> int:
        steps = self._steps_at_once
        if self.pause_every:
            steps = min(steps, self.pause_every - self.done % self.pause_every)
        return steps

    @property
    def _steps_at_once(self) -> int:
        """How many steps take no longer than Ctrl-C may wait."""
        n_models = int(np.prod(self._models))
        cost = self.feed.step_numbers * int(self._kept.parameters[1].shape[-2]) * n_models
        steps = max(1, MULTIPLICATIONS_A_CALL // cost)
        return min(steps, self._most_steps) if self._most_steps else steps

    def require(self, xla: bool | None) -> None:
        """Compiles the steps with XLA, or without, as the saved run did; None accepts either."""
        if xla is not None and self.xla is None:
            self.xla = xla
            self._run_steps = self._compile(xla)

    def _call(self, *arguments: Any) -> np.ndarray:
        try:
            if not self._begun:
                # Only calls that trace are counted for TensorFlow's warning of too many traces.
                self._run_steps.get_concrete_function(*arguments)
            losses = self._run_steps(*arguments)
        except tf.errors.OpError as error:
            compile_cache.raise_if_unwritable(error)
            if self._begun or self.xla is False or not isinstance(error, _NO_XLA):
                raise
            if self.xla:
                raise CheckpointError(
                    "the saved run was trained with XLA, which this device lacks: resume it where "
                    "it began, or give " + setting("checkpoints") + " another folder to begin again"
                ) from error
            _log.warning(
                "Note: this device has no XLA; training goes on without, slower and with other "
                "last digits"
            )
            self.require(False)
            losses = self._run_steps(*arguments)
        self._begun, self.xla = True, self.xla is not False
        return losses.numpy()
