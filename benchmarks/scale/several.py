"""What is measured of a process that works with others, or as one of several by itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import one_process
from shared import Cost, cost_of

from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split
from tfsoftmax.distributed.workers import ALONE, Workers

_RECIPE = Recipe(learning_rate=0.01, schedule="constant", l2=1e-4, epochs=1, sync_every=1)


class Silent(Workers):
    """One of several that sends nothing: what it computes is theirs, its sums are its own."""

    def __init__(self, index: int, count: int):
        self.index, self.count = index, count


class Measured:
    """This process, and what can be asked of it.

    Attributes:
      joined: the processes that it works with.
    """

    def __init__(self, folder: str, joined: Workers):
        self.joined = joined
        self._rows = np.load(f"{folder}/features.npy", mmap_mode="r")
        self._labels = np.load(f"{folder}/labels.npy").astype(np.int32)

    def steps(
        self,
        how: str,
        batch: int,
        steps: int,
        turns: int,
        count: int = 1,
        every: int = 1,
        at_once: bool = False,
    ) -> Cost:
        """What a step costs.

        Args:
          how: "alone" is the plain loop; "silent" is the loop of one of several workers that take
            every step together, without the messages; "joined" is with them.
          batch: rows of each worker.
          steps: of an epoch.
          turns: how many epochs.
          count: among how many workers a batch is divided.
          every: steps from one message to the next.
          at_once: whether all of them do it, at the same time.
        """
        loop = self._loop(how, batch, steps, count, every)
        if at_once:
            self.together()
        cost = cost_of(lambda: [list(loop.run_epoch()) for _ in range(turns)])
        return cost.over(turns * steps)

    def together(self) -> None:
        """Waits for the others."""
        self.joined.sum([np.zeros(1, np.float32)])

    @cache  # noqa: B019
    def _loop(self, how: str, batch: int, steps: int, count: int, every: int) -> Any:
        """A loop that has compiled, over rows whose order is drawn once: it is timed elsewhere."""
        workers = {"alone": ALONE, "silent": Silent(self.joined.index, count)}
        loop = self.trainer(batch, steps, workers.get(how, self.joined), every).loop
        (chunk,) = loop.feed.epoch(0)
        loop.feed.epoch = lambda *_: iter([chunk])
        list(loop.run_epoch())
        return loop

    def trainer(self, batch: int, steps: int, workers: Workers = ALONE, every: int = 1) -> Any:
        """What trains on so many steps' rows, `batch` for each of the workers in each step."""
        from tfsoftmax.training.prepare import prepare
        from tfsoftmax.training.trainer import Trainer

        count = batch * workers.count * steps
        rows = Split(self._rows[:count], self._labels[:count])
        if len(rows) < count:
            raise ValueError(f"{len(rows)} rows are too few for {steps} steps of {batch}")
        names = tuple(map(str, range(int(self._labels.max()) + 1)))
        spec = Spec((self._rows.shape[1],), "uint8", names, (0.0, 255.0))
        made = Dataset("made", spec, rows, rows.take(np.arange(10)))
        asked = _RECIPE.but(batch_size=batch * workers.count, sync_every=every)
        dataset, recipe = prepare(made, asked, workers.count)
        return Trainer(SoftmaxRegression(dataset.spec), dataset.train, recipe, workers)

    def messages(self, numbers: int, times: int) -> Cost:
        """What it costs to add up so many float32 among all, one message after the other."""
        send = self._messages(numbers)
        send(1)
        self.together()
        return cost_of(lambda: send(times)).over(times)

    @cache  # noqa: B019
    def _messages(self, numbers: int) -> Any:
        import tensorflow as tf

        @tf.function(autograph=False)
        def send(times: tf.Tensor) -> tf.Tensor:
            def once(sent: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                (total,) = self.joined.sum([value])
                return sent + 1, total / self.joined.count

            start = tf.constant(0), tf.ones([numbers])
            return tf.while_loop(lambda sent, _: sent < times, once, start, parallel_iterations=1)[
                1
            ]

        return lambda times: send(tf.constant(times)).numpy()

    def order(self, batch: int, steps: int) -> Cost:
        """What it costs to draw a row's place in an epoch, for one worker of two."""
        feed = self.trainer(batch, steps, Silent(0, 2)).feed
        return cost_of(lambda: list(feed.epoch(1))).over(feed.n_samples)

    def evaluation(self, batch: int, steps: int) -> Cost:
        """What it costs to measure a model on a number of a row."""
        trainer = self.trainer(batch, steps)
        return one_process.evaluation(trainer.model, trainer.feed.rows)

    def steps_together(self, **asked: Any) -> tuple[int | None, float]:
        """The same as `one_process.steps_to`, of all workers."""
        return one_process.steps_to(workers=self.joined, **asked)

    def newton_together(self, **asked: Any) -> dict[str, Any]:
        """The same as `one_process.newton`, of all workers."""
        return one_process.newton(workers=self.joined, **asked)
