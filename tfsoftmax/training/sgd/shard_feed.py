"""Feeds the loop of one of several workers, which holds some of the rows.

In synchronous steps the batches are those of all workers together, in one order, which is that of a
run on one machine whose rows fit into memory. Of each batch a worker takes the rows that are its
own: sometimes more, sometimes fewer, perhaps none. In local steps it has an order, and batches, of
its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import features_of
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.training.seeds import ORDER_STREAM, SHARDS_STREAM
from tfsoftmax.training.sgd.batches import Batch, DenseBatches
from tfsoftmax.training.sgd.feed import Feed


def shard_of(n_samples: int, index: int, count: int) -> range:
    """The rows of one of several workers; all have about as many.

    >>> [list(shard_of(5, index, 3)) for index in range(3)]
    [[0], [1, 2], [3, 4]]
    """
    return range(n_samples * index // count, n_samples * (index + 1) // count)


class ShardChunk(NamedTuple):
    """A worker's rows, and which of them are in each batch.

    Attributes:
      features, labels, weights: of the worker's rows, as for `Chunk`.
      own: how many of its rows each batch has, int32 ``[steps]``.
      totals: how many rows each batch has on all workers, int32 ``[steps]``.
      order: int32 ``[steps, width]``, the worker's rows of each batch, then padding.
      first_step: the first step that has not been taken yet.
    """

    features: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor | None
    own: np.ndarray
    totals: np.ndarray
    order: np.ndarray
    first_step: int = 0

    @property
    def steps(self) -> int:
        """How many steps the chunk has."""
        return len(self.totals)

    @property
    def tensors(self) -> tuple[Any, ...]:
        """What the compiled loop is given of it."""
        rows = (self.features, self.labels, self.weights)
        return (*rows, *map(tf.constant, (self.own, self.totals, self.order)))


class ShardFeed(Feed):
    """A worker's rows, in the order of all workers' rows.

    Attributes:
      n_samples, batch_size, steps: of all workers.
      rows: the worker's own, on the device; if there are none, one that is not.
      mine: the worker's own, among those of all.

    >>> split = Split(np.zeros((10, 3), np.uint8), np.zeros(10, np.int32))
    >>> feed = ShardFeed(split, batch_size=4, seed=0, memory_limit=2**30, mine=range(0, 5))
    >>> (chunk,) = feed.epoch(0)
    >>> chunk.totals.tolist(), int(chunk.own.sum())
    ([4, 4, 2], 5)
    """

    def __init__(self, split: Split, batch_size: int, seed: int, memory_limit: int, mine: range):
        row_bytes = features_of(split.features).row_bytes
        if len(mine) * row_bytes > memory_limit:
            raise DataError(
                f"{len(mine):,} rows of {row_bytes:,} bytes, this worker's, do not fit into "
                + setting("memory_limit", memory_limit)
                + ": start more workers, or raise it"
            )
        # A worker without rows holds one that it takes from no batch.
        own = self._rows_of(split, mine or range(1), seed)
        super().__init__(own, batch_size, seed, memory_limit)
        self.n_samples, self.mine = len(split), mine
        self.batch_size = min(batch_size, self.n_samples)
        self.steps = self.chunk_steps = -(-self.n_samples // self.batch_size)
        self.step_numbers = self.batch_size * split.features.shape[1]

    def epoch(self, epoch: int, taken: int = 0) -> Iterator[Any]:
        """As for `Feed`; one chunk."""
        generator = np.random.default_rng([self._seed, ORDER_STREAM, epoch])
        order = generator.permutation(self.n_samples)
        batches = np.arange(self.n_samples) // self.batch_size
        mine = (order >= self.mine.start) & (order < self.mine.stop)
        own = np.bincount(batches[mine], minlength=self.steps).astype(np.int32)
        # Its part varies by about half of this; padded to a multiple of it, epochs seldom differ in
        # their width, for each of which the steps would be compiled.
        padded_to = math.isqrt(self.batch_size)
        width = max(1, -(-int(own.max()) // padded_to)) * padded_to
        totals = np.bincount(batches).astype(np.int32)
        yield self._chunk(own, totals, order[mine] - self.mine.start, width, taken)

    def _rows_of(self, split: Split, mine: range, seed: int) -> Split:
        """The worker's rows."""
        held = slice(mine.start, mine.stop)
        weights = None if split.weights is None else split.weights[held]
        return Split(split.features[held], split.labels[held], weights)

    def _chunk(
        self, own: np.ndarray, totals: np.ndarray, rows: np.ndarray, width: int, taken: int
    ) -> ShardChunk:
        """The chunk whose batches have so many of these rows each, in this order."""
        places = np.zeros((self.steps, width), np.int32)
        places[np.arange(width) < own[:, None]] = rows
        features, labels, weights = self._held
        return ShardChunk(features, labels, weights, own, totals, places, taken)


class LocalFeed(ShardFeed):
    """A worker's rows in an order of its own, for steps that it takes by itself.

    Every worker takes as many steps an epoch as one process would, and its rows are dealt out to
    them evenly, so that workers with more rows have larger batches. Rows are shuffled before they
    are dealt out to the workers: each has about the same classes, however a file is sorted.

    Attributes:
      batch_size: most rows in a step of one worker.
      mine: the worker's own, among those of all once they are shuffled.

    >>> split = Split(np.zeros((10, 3), np.uint8), np.zeros(10, np.int32))
    >>> feed = LocalFeed(split, 4, 0, 2**30, shards=[range(0, 6), range(6, 10)], index=0)
    >>> (chunk,) = feed.epoch(0)
    >>> chunk.own.tolist(), feed.taken_after(2).tolist()
    ([2, 2, 2], [4, 2])
    """

    in_order = False

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        memory_limit: int,
        shards: Sequence[range],
        index: int,
    ):
        super().__init__(split, batch_size, seed, memory_limit, shards[index])
        self.index, self._sizes = index, np.array([len(shard) for shard in shards])
        self.batch_size = -(-int(self._sizes.max()) // self.steps)
        self.step_numbers = self.batch_size * split.features.shape[1]

    def epoch(self, epoch: int, taken: int = 0) -> Iterator[Any]:
        """As for `Feed`; one chunk."""
        generator = np.random.default_rng([self._seed, ORDER_STREAM, epoch, self.index])
        own = np.diff(self.taken_after(np.arange(self.steps + 1))[:, self.index]).astype(np.int32)
        order = generator.permutation(len(self.mine))
        yield self._chunk(own, np.maximum(own, 1), order, self.batch_size, taken)

    def taken_after(self, steps: int | np.ndarray) -> np.ndarray:
        """How many rows each worker has taken after so many steps of an epoch.

        Args:
          steps: a number, or any shape of numbers.

        Returns:
          int64 ``[*shape, n_workers]``.
        """
        return np.asarray(steps)[..., None] * self._sizes // self.steps

    def _rows_of(self, split: Split, mine: range, seed: int) -> Split:
        generator = np.random.default_rng([seed, SHARDS_STREAM])
        # In the order of the file that they may have to be read from.
        return split.take(np.sort(generator.permutation(len(split))[mine.start : mine.stop]))


class ShardBatches(DenseBatches):
    """Batches of which a worker has a part."""

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """As for `Batches`."""
        features, labels, weights, own, totals, order = tensors
        # In a slice XLA would take the step for a constant, and compile for each.
        rows, count, total = (tf.gather(each, step) for each in (order, own, totals))
        return self.gathered(features, labels, weights, rows, count)._replace(total=total)
