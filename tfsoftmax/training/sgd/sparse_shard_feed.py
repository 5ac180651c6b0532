"""Feeds sparse rows to the loop of one of several workers that take every step together.

A step moves the features that the batch of all workers has. So workers tell each other, a chunk at
a time, which ones theirs has; all number these in the same way, and gradients that are added up
are as wide as the batch's features, not as all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.sharded_rows import held_sparse
from tfsoftmax.device import read_ahead
from tfsoftmax.distributed.gathering import gathered
from tfsoftmax.distributed.timed import TimedWorkers
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.training.sgd.shard_feed import ShardFeed
from tfsoftmax.training.sgd.sparse_feed import Numbers, Part, SparseChunk, SparseFeed


class Shared(NamedTuple):
    """A worker's rows of some steps, and which features all workers have in these.

    Attributes:
      part: its own.
      sizes: how many features each worker has in each step, ``[n_workers, n_steps]``.
      features: the features, worker by worker and step by step.
    """

    part: Part
    sizes: np.ndarray
    features: np.ndarray


class SparseShardFeed(ShardFeed, SparseFeed):
    """A worker's sparse rows, in the order of all workers' rows."""

    def __init__(self, split: Split, *choices: Any, workers: Workers):
        """Prepares the feed, as `ShardFeed` does; the split is of `SparseFeatures`, scaled already.

        Raises:
          DataError: if a worker's rows do not fit into memory.
        """
        self._workers = TimedWorkers(workers)
        super().__init__(split, *choices)

    @property
    def communication_seconds(self) -> float:
        """As for `Feed`."""
        return self._workers.seconds

    def _part(self, features: FeaturesLike, held: slice) -> FeaturesLike:
        return held_sparse(features, held)

    def _made(self, part: Callable[[int], Part], starts: range) -> Iterator[SparseChunk]:
        # What workers tell each other, they do between two chunks: all in the same order.
        shared = map(self._shared, read_ahead(part, starts))
        return read_ahead(lambda each: self._chunk(numbered_together(each, self.index)), shared)

    def _shared(self, part: Part) -> Shared:
        """Tells the others which features this worker's rows have, and is told theirs."""
        own, workers = part.numbers.features, self._workers
        one_each = np.ones(workers.count, np.int64)
        sizes = gathered(np.array([[len(each) for each in own]]), workers, one_each)
        features = np.concatenate(own).astype(np.int32, copy=False)
        return Shared(part, sizes, gathered(features, workers, sizes.sum(axis=1)))


def numbered_together(shared: Shared, index: int) -> Part:
    """A worker's rows, their features numbered among those of all workers, in ascending order.

    Args:
      shared: its rows, and the features of all.
      index: which of the workers it is.

    >>> own = Numbers([np.array([7, 2])], [np.array([0, 1])], [np.array([2])], [np.array([1])])
    >>> part = Part(None, None, None, own, np.array([[1, 1]]), 1)
    >>> shared = Shared(part, np.array([[2], [2]]), np.array([7, 2, 5, 2]))
    >>> [each[0].tolist() for each in numbered_together(shared, 0).numbers]
    [[2, 5, 7], [1, -1, 0], [2], [0]]
    """
    own, found = shared.part.numbers, Numbers([], [], [], [])
    of_steps = np.split(shared.features, np.cumsum(shared.sizes)[:-1])
    n_steps = shared.sizes.shape[1]
    for step in range(n_steps):
        of_workers = of_steps[step::n_steps]
        features = np.unique(np.concatenate(of_workers))
        places = np.searchsorted(features, of_workers[index])
        leading = np.full(len(features), -1)
        leading[places] = own.leading[step]
        found.features.append(features)
        found.leading.append(leading)
        found.others.append(own.others[step])
        found.places.append(places.take(own.places[step]))
    return shared.part._replace(numbers=found)
