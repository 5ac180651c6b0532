"""Feeds the loop of one of several workers: its own rows of every batch.

The batches are those of all workers together, in one order, which is that of a run on one machine
whose rows fit into memory. A worker holds a range of the rows and of each batch takes those that
are its own: sometimes more, sometimes fewer, perhaps none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import features_of
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.training.seeds import ORDER_STREAM
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
        held = slice(mine.start, mine.stop) if mine else slice(0, 1)
        weights = None if split.weights is None else split.weights[held]
        own = Split(split.features[held], split.labels[held], weights)
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
        places = np.zeros((self.steps, width), np.int32)
        places[np.arange(width) < own[:, None]] = order[mine] - self.mine.start
        totals = np.bincount(batches).astype(np.int32)
        features, labels, weights = self._held
        yield ShardChunk(features, labels, weights, own, totals, places, taken)


class ShardBatches(DenseBatches):
    """Batches of which a worker has a part."""

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """As for `Batches`."""
        features, labels, weights, own, totals, order = tensors
        # In a slice XLA would take the step for a constant, and compile for each.
        rows, count, total = (tf.gather(each, step) for each in (order, own, totals))
        return self.gathered(features, labels, weights, rows, count)._replace(total=total)
