"""Local steps: several workers train by themselves, and go on from the mean of where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from tfsoftmax.distributed.timed import TimedSums
from tfsoftmax.training.sgd.loop import Loop
from tfsoftmax.training.sgd.shard_feed import LocalFeed
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

    feed: LocalFeed
    sums: TimedSums

    def __init__(
        self, feed: LocalFeed, *choices: Any, sums: TimedSums, every: int | Literal["epoch"]
    ):
        """Prepares the loop; nothing is compiled before the first call.

        Args:
          feed: the worker's rows.
          choices: as for `Loop`.
          sums: over all workers.
          every: how many steps there are from one mean to the next.
        """
        super().__init__(feed, *choices)
        self.sums = sums
        self._every = feed.steps if every == "epoch" else min(every, feed.steps)
        self._go_on_from_mean = compile_mean(sums)

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
            if self.can_be_saved:
                self._average()
            if self._is_long(sum(len(rates) for _, rates in calls)):
                losses, rates = (np.concatenate(parts) for parts in zip(*calls, strict=True))
                calls = []
                yield self._of_all(losses), rates

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

    def _average(self) -> None:
        first = (self._taken - 1) // self._every * self._every
        own, total = self._rows_of(np.array([first, self._taken]))
        self._go_on_from_mean(self._kept, tf.constant(own[0] / total[0], tf.float32))

    def _of_all(self, losses: np.ndarray) -> np.ndarray:
        """The mean losses of the last steps' rows of all workers, from those of the worker's."""
        own, total = self._rows_of(np.arange(self._taken - len(losses), self._taken + 1))
        (means,) = self.sums([tf.constant(losses * (own / total), tf.float32)])
        return means.numpy()

    def _rows_of(self, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Between these steps of an epoch, how many rows this worker takes, and how many all do."""
        taken = np.diff(self.feed.taken_after(bounds), axis=0)
        return taken[:, self.feed.index], taken.sum(axis=1)


def compile_mean(sums: TimedSums) -> Callable[[State, tf.Tensor], None]:
    """Builds the function that moves a worker's state to the mean of all workers'.

    Args:
      sums: over all workers.

    Returns:
      A ``tf.function`` of the variables with the state, and of the worker's share in the mean; the
      shares of all workers add up to 1.
    """

    def go_on_from_mean(kept: State, share: tf.Tensor) -> None:
        # Every step touches all features of a row that has its zeros, so these are the same.
        variables = tf.nest.flatten(kept._replace(touched=[]))
        # What a worker without rows has does not matter, whatever it is.
        shares = [tf.math.multiply_no_nan(each.read_value(), share) for each in variables]
        for variable, mean in zip(variables, sums(shares), strict=True):
            variable.assign(mean)

    return tf.function(go_on_from_mean, autograph=False)
