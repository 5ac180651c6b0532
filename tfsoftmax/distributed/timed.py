"""Sums over all workers, and how long they take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tfsoftmax.distributed.workers import Workers


class TimedSums:
    """Sums over all workers (`Workers.sum`) that count the seconds they take.

    A worker that is done early waits for the others in a sum, so that of the slowest takes as
    long as the network does.

    Args:
      workers: all.

    >>> import tensorflow as tf
    >>> from tfsoftmax.distributed.workers import ALONE
    >>> sums = TimedSums(ALONE)
    >>> [total.numpy().tolist() for total in sums([tf.constant([1.0, 2.0])])]
    [[1.0, 2.0]]
    >>> sums.seconds >= 0
    True
    """

    def __init__(self, workers: Workers):
        import tensorflow as tf

        self._workers = workers
        self._seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    @property
    def seconds(self) -> float:
        """What all sums so far have taken in this process."""
        return float(self._seconds.numpy())

    def __call__(self, tensors: Sequence[Any]) -> list[Any]:
        """As `Workers.sum`; within a graph, too."""
        import tensorflow as tf

        with tf.control_dependencies(tensors):
            started = tf.timestamp()
        with tf.control_dependencies([started]):
            totals = self._workers.sum(tensors)
        with tf.control_dependencies(totals):
            self._seconds.assign_add(tf.timestamp() - started)
        return totals


class TimedWorkers(Workers):
    """Workers that count the seconds that what they tell each other takes; outside of graphs.

    Attributes:
      seconds: what all of it so far has taken in this process.

    >>> from tfsoftmax.distributed.workers import ALONE
    >>> workers = TimedWorkers(ALONE)
    >>> workers.sum([1.0, 2.0]), workers.chiefs("here")
    ([1.0, 2.0], 'here')
    >>> workers.seconds > 0
    True
    """

    def __init__(self, workers: Workers):
        self.count, self.index = workers.count, workers.index
        self.seconds = 0.0
        self._workers = workers

    def sum(self, tensors: Sequence[Any]) -> list[Any]:
        """As for `Workers`."""
        with self._timed():
            return self._workers.sum(tensors)

    def chiefs(self, value: Any) -> Any:
        """As for `Workers`."""
        with self._timed():
            return self._workers.chiefs(value)

    def chiefs_bytes(self, content: bytes, length: int | None = None) -> bytes:
        """As for `Workers`."""
        with self._timed():
            return self._workers.chiefs_bytes(content, length)

    @contextmanager
    def peer_errors(self) -> Iterator[None]:
        """As for `Workers`."""
        with self._workers.peer_errors():
            yield

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started
