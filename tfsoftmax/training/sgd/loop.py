"""The compiled loop: many steps of stochastic gradient descent in one call.

It moves one model or, with leading axes, many at once: all of them are given the same rows,
and their matrix products are one product.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.errors import CheckpointError
from tfsoftmax.messages import setting
from tfsoftmax.system import compile_cache
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.sgd.feed import Chunk, Feed
from tfsoftmax.training.sgd.schedules import PerStep
from tfsoftmax.training.sgd.updates import State, Updates

_log = logging.getLogger(__name__)
# What compiling raises where there is no compiler, or one that lacks an operation.
_NO_XLA = (
    tf.errors.NotFoundError, tf.errors.UnimplementedError, tf.errors.InvalidArgumentError,
)  # fmt: skip

# Python sees a Ctrl-C, and a progress bar moves, only between two calls of the compiled
# loop. This many multiplications keep a call under about half a second on one core,
# while an epoch of MNIST still is a single call.
MULTIPLICATIONS_A_CALL = 2**31


class Loop:
    """The state of training, and the compiled function that advances it.

    Attributes:
      feed: the rows, in the order of each epoch.
      state: parameters, velocities and averages.
      done: steps taken since training began; this and `state` are enough to resume.
      xla: whether XLA compiles the steps; None until the first call has shown it.
      pause_every: no call goes past a multiple of this many steps; None sets no such bound.
    """

    def __init__(
        self,
        feed: Feed,
        objective: Objective,
        updates: Updates,
        parameters: list[tf.Tensor],
        rates: PerStep,
        average_weights: PerStep,
        xla: bool = True,
    ):
        """Prepares the loop; nothing is compiled before the first call.

        Args:
          feed: the rows.
          objective: what is minimised.
          updates: how.
          parameters: to start from, for features that are not centred.
          rates: the learning rate of each step, or with one for each model of several,
            ``[steps, n_models]``.
          average_weights: the weight of each step's parameters in their mean.
          xla: compile with XLA where it is available.
        """
        self.feed = feed
        self._objective = objective
        self.state = updates.start(objective.to_centered(parameters))
        self.done = 0
        self.pause_every: int | None = None
        self._rates, self._average_weights = rates, average_weights
        self._compile = lambda xla: compile_steps(objective, updates, xla)
        self.xla = None if xla else False
        self._begun = False
        self._run_steps = self._compile(xla)

    def learning_rates(self, first: int, last: int) -> np.ndarray:
        """The learning rates of the run's steps `first` to `last` - 1, float64."""
        return self._rates(np.arange(first, last))

    def result(self) -> list[tf.Tensor]:
        """The parameters, or their mean once there is one, for features that are not centred."""
        state = self.state
        # A share of the steps that rounds to none leaves no mean.
        averaged = state.averages and self._average_weights(np.array([self.done - 1]))[0] > 0
        return self._objective.from_centered(state.averages if averaged else state.parameters)

    def run_epoch(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Trains on the rest of the epoch that `done` is in, a call at a time.

        Yields:
          After each call the losses of its steps, ``[steps, *models]``, as they were before
          each, and the learning rates.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        epoch, taken = divmod(self.done, self.feed.steps)
        for chunk in self.feed.epoch(epoch, taken):
            yield from self._run_chunk(chunk)

    def _run_chunk(self, chunk: Chunk) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        start = self.done - chunk.first_step
        steps = np.arange(start, start + self.feed.chunk_steps)
        rates = self._rates(steps)
        numbers = (
            tf.constant(chunk.n_samples),
            tf.constant(chunk.order),
            tf.constant(rates, tf.float32),
            tf.constant(self._average_weights(steps), tf.float32),
        )
        first = chunk.first_step
        while first < chunk.steps:
            last = min(first + self._steps_a_call(), chunk.steps)
            # Bounds as a tensor: numbers would be traced and compiled again for each value.
            bounds = tf.constant([first, last])
            rows = (chunk.features, chunk.labels, chunk.weights)
            losses = self._call(self.state, *rows, *numbers, bounds)
            self.done += last - first
            yield losses[first:last], rates[first:last]
            first = last

    def _steps_a_call(self) -> int:
        cost = self.feed.batch_size * int(tf.size(self.state.parameters[0]))
        steps = max(1, MULTIPLICATIONS_A_CALL // cost)
        if self.pause_every:
            steps = min(steps, self.pause_every - self.done % self.pause_every)
        return steps

    def require(self, xla: bool | None) -> None:
        """Compiles the steps with XLA, or without, as the saved run did; None accepts either."""
        if xla is not None and self.xla is None:
            self.xla = xla
            self._run_steps = self._compile(xla)

    def _call(self, *arguments: Any) -> np.ndarray:
        try:
            losses, state = self._run_steps(*arguments)
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
            losses, state = self._run_steps(*arguments)
        self._begun, self.xla = True, self.xla is not False
        self.state = state
        return losses.numpy()


def compile_steps(objective: Objective, updates: Updates, xla: bool) -> Any:
    """Builds the function that takes many steps in one call, traced once a run.

    It gathers each batch's rows on the device and casts only those, so the features stay in
    their compact dtype.

    Args:
      objective: what is minimised.
      updates: how.
      xla: compile with XLA.

    Returns:
      A ``tf.function`` of

      * state, of the update rule,
      * features ``[chunk_rows, n_features]``, labels ``[chunk_rows]`` and weights
        ``[chunk_rows]``; for several models, whose axes are ``[n_weightings, n_models]``,
        weights ``[chunk_rows, n_weightings]``; or None for weights,
      * n_samples, int32: how many of these rows there are,
      * order, int32 ``[steps, batch_size]``: the row numbers of each step; entries beyond
        the first n_samples are padding and count for nothing,
      * learning_rates, float32 ``[steps]`` or ``[steps, n_models]``,
      * average_weights, float32 ``[steps]``,
      * bounds, int32 ``[2]``: the first step to take and the one to stop before,

      that returns the mean loss of each batch, float32 ``[steps, *models]``, 0 for steps not
      taken, and the state after them.
    """

    # An explicit loop: AutoGraph needs the source at hand, which it does not always find.
    @tf.function(jit_compile=xla or None, autograph=False)
    def run_steps(
        state: State,
        features: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor | None,
        n_samples: tf.Tensor,
        order: tf.Tensor,
        learning_rates: tf.Tensor,
        average_weights: tf.Tensor,
        bounds: tf.Tensor,
    ) -> tuple[tf.Tensor, State]:
        steps, batch_size = order.shape
        models = state.parameters[0].shape[:-2]

        def take_step(
            step: tf.Tensor, losses: tf.Tensor, state: State
        ) -> tuple[tf.Tensor, tf.Tensor, State]:
            rows = order[step]
            inputs = objective.scaled(tf.gather(features, rows))
            targets = tf.gather(labels, rows)
            # All of the batch, but for what pads the last one.
            count = tf.minimum(n_samples - step * batch_size, batch_size)
            counted = tf.range(batch_size) < count
            with tf.GradientTape() as tape:
                tape.watch(state.parameters)
                logits = objective.logits(state.parameters, inputs)
                row_losses = objective.losses(logits, targets)
                if weights is not None:
                    row_losses *= _aligned(tf.gather(weights, rows), len(models))
                mean = tf.reduce_sum(tf.where(counted, row_losses, 0.0), -1)
                mean /= tf.cast(count, tf.float32)
                # The gradient of a sum is that of each of its models.
                total = tf.reduce_sum(mean)
            gradients = objective.with_l2(tape.gradient(total, state.parameters), state.parameters)
            rate = objective.rate(learning_rates[step], count)
            state = updates.step(state, gradients, rate, average_weights[step], objective.proximal)
            return step + 1, tf.tensor_scatter_nd_update(losses, [[step]], [mean]), state

        _, losses, state = tf.while_loop(
            lambda step, *_: step < bounds[1],
            take_step,
            (bounds[0], tf.zeros([steps, *models]), state),
            parallel_iterations=1,
        )
        return losses, state

    return run_steps


def _aligned(weights: tf.Tensor, model_axes: int) -> tf.Tensor:
    """A batch's weights, ready to be multiplied with losses ``[*models, batch_size]``."""
    return tf.transpose(weights)[:, None] if model_axes else weights
