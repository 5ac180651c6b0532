"""Local steps: several workers train by themselves, and go on from the mean of where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from tfsoftmax.distributed.timed import TimedSums
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.loop import Loop
from tfsoftmax.training.sgd.rules import Moment, Rule
from tfsoftmax.training.sgd.updates import State


class LocalLoop(Loop):
    """The loop of one of several workers that take their steps by themselves.

    After every so many steps, and at the end of an epoch, all go on from the mean of their states,
    in which each counts as many times as it has taken rows since the last mean. It is the mean of
    all that the update rule keeps: weights, velocities, averages, sums of squares.

    References: Zinkevich, Weimer, Smola and Li, Parallelized stochastic gradient descent (NeurIPS
    2010); McMahan et al., Communication-efficient learning of deep networks from decentralized
    data (AISTATS 2017), algorithm 1.
    """

    sums: TimedSums

    def __init__(
        self,
        feed: Feed,
        objective: Objective,
        rule: Rule,
        *choices: Any,
        sums: TimedSums,
        every: int | Literal["epoch"],
    ):
        """Prepares the loop; nothing is compiled before the first call.

        Args:
          feed: the worker's rows.
          objective: what is minimised.
          rule: how.
          *choices: the others, as for `Loop`.
          sums: over all workers.
          every: how many steps there are from one mean to the next.
        """
        super().__init__(feed, objective, rule, *choices)
        self.sums = sums
        self._every = feed.steps if every == "epoch" else min(every, feed.steps)
        self._mean = compile_mean(objective, rule, sums)
        # Rows that each worker has taken since the last mean.
        self._since_mean = np.zeros(1, np.int64)

    @property
    def can_be_saved(self) -> bool:
        """As for `Loop`: after a mean."""
        return self._taken % self._every == 0 or self._taken == self.feed.steps

    def run_epoch(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As for `Loop`, but that losses are those of all workers, and there may be fewer calls.

        Between two yields there are several means, if they are frequent.
        """
        calls: list[tuple[np.ndarray, np.ndarray]] = []
        for each in super().run_epoch():
            calls.append(each)
            if self._is_long(sum(len(rates) for _, rates in calls)):
                losses, rates = (np.concatenate(parts) for parts in zip(*calls, strict=True))
                calls = []
                (means,) = self.sums([tf.constant(losses, tf.float32)])
                yield means.numpy(), rates

    def _run_chunk(
        self, chunk: Any, epoch: int, times: tf.Tensor | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As for `Loop`, with means; losses are this worker's part of the mean of all."""
        first = chunk.first_step
        for losses, rates in super()._run_chunk(chunk, epoch, times):
            taken = chunk.taken[first : first + len(losses)]
            first += len(losses)
            self._since_mean = self._since_mean + taken.sum(axis=0)
            if self.can_be_saved:
                self._go_on_from_mean(times)
            yield losses * (taken[:, self.feed.index] / taken.sum(axis=1)), rates

    @property
    def _taken(self) -> int:
        """Steps of the epoch in which the last step was."""
        return (self.done - 1) % self.feed.steps + 1 if self.done else 0

    def _steps_a_call(self) -> int:
        return min(self._steps_at_once, self._every - self.done % self.feed.steps % self._every)

    def _is_long(self, steps: int) -> bool:
        """Whether it is time for progress, for Ctrl-C and for saving the run after these steps."""
        if self._taken == self.feed.steps or steps >= self._steps_at_once:
            return True
        # A run is saved after a mean only.
        rare = bool(self.pause_every) or self._every > self._steps_at_once
        return self.can_be_saved and rare

    def _go_on_from_mean(self, times: tf.Tensor | None) -> None:
        share = self._since_mean[self.feed.index] / self._since_mean.sum()
        share, self._since_mean = tf.constant(share, tf.float32), np.zeros(1, np.int64)
        number, state = tf.constant(self._taken), self.state

        def mean(block: slice) -> State:
            return self._mean(self._batches.unpack(state, block), number, times, share)

        self.state = self._batches.pack(mean, self._blocks)


def compile_mean(
    objective: Objective, rule: Rule, sums: TimedSums
) -> Callable[[State, tf.Tensor, tf.Tensor | None, tf.Tensor], State]:
    """Builds the function from a worker's state to the mean of all workers'.

    Args:
      objective: what is minimised.
      rule: how.
      sums: over all workers.

    Returns:
      A ``tf.function`` of the state, of how many steps of the epoch are done, of the epoch's times
      as in `Moment`, and of the worker's share in the mean; the shares of all workers add up to 1.
    """

    def mean(state: State, number: tf.Tensor, times: tf.Tensor | None, share: tf.Tensor) -> State:
        settled = rule.settled(state, Moment(0.0, 0.0, number, times), objective)
        # All have had their penalties up to now.
        parts = settled._replace(touched=[])
        # What a worker without rows has does not matter, whatever it is.
        shares = [tf.math.multiply_no_nan(each, share) for each in tf.nest.flatten(parts)]
        means: State = tf.nest.pack_sequence_as(parts, sums(shares))
        return means._replace(touched=settled.touched)

    return tf.function(mean, autograph=False)
