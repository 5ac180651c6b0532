"""Feeds the loop of one of several workers that take every step together.

The batches are those of all workers together, in one order, which is that of a run on one machine
whose rows fit into memory. Of each batch a worker takes the rows that are its own: sometimes more,
sometimes fewer, perhaps none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.training.seeds import ORDER_STREAM
from tfsoftmax.training.sgd.feed import Feed

# Deviations above the mean for which a step has room: hardly one batch in a million has more.
_ROOM = 5.0


def shard_of(n_samples: int, index: int, count: int) -> range:
    """The rows of one of several workers; all have about as many.

    >>> [list(shard_of(5, index, 3)) for index in range(3)]
    [[0], [1, 2], [3, 4]]
    """
    return range(n_samples * index // count, n_samples * (index + 1) // count)


def usual_width(n_own: int, n_samples: int, batch_size: int) -> int:
    """Room for a worker's rows in almost any batch; how many there are is hypergeometric.

    Of a worker with a small share that is skewed. Reference: Cornish and Fisher, Moments and
    cumulants in the specification of distributions (1938).

    Args:
      n_own: the worker's rows.
      n_samples: those of all workers.
      batch_size: how many of these are drawn; no more than there are.

    >>> [usual_width(n_own, 1000, 64) for n_own in (500, 100, 3, 1000)]
    [52, 22, 3, 64]
    """
    share = n_own / n_samples
    mean = batch_size * share
    variance = mean * (1 - share) * (n_samples - batch_size) / max(1, n_samples - 1)
    skewed = max(0.0, 1 - 2 * share) * (_ROOM**2 - 1) / 6
    wanted = math.ceil(mean + _ROOM * math.sqrt(variance) + skewed)
    return max(1, min(wanted, n_own, batch_size))


class ShardFeed(Feed):
    """A worker's rows, in the order of all workers' rows.

    Attributes:
      batch_size: of all workers.
      rows: the worker's own, on the device; if there are none, one that no step takes.
      mine: which they are, among those of all in their order.

    >>> split = Split(np.zeros((10, 3), np.uint8), np.zeros(10, np.int32))
    >>> feed = ShardFeed(split, 4, 0, 2**30, [range(0, 5), range(5, 10)], 0)
    >>> (chunk,) = feed.epoch(0)
    >>> chunk.totals.tolist(), int(chunk.counts.sum())
    ([4, 4, 2], 5)
    """

    def __init__(self, split: Split, *choices: Any):
        """Prepares the feed, as `Feed` does; shards are of the rows in their order.

        Raises:
          DataError: if a worker's rows do not fit into memory.
        """
        super().__init__(split, *choices)
        self.in_order = True
        self._stops = np.cumsum(self._sizes)
        self._usual_width = usual_width(len(self.mine), self.n_samples, self._batch)

    def epoch(self, epoch: int, taken: int = 0) -> Iterator[Any]:
        """As for `Feed`; one chunk, if rows are not sparse."""
        generator = np.random.default_rng([self._seed, ORDER_STREAM, epoch])
        order = generator.permutation(self.n_samples)
        n_workers = len(self._sizes)
        batches = np.arange(self.n_samples) // self.batch_size
        owners = np.searchsorted(self._stops, order, side="right")
        of_all = np.bincount(batches * n_workers + owners, minlength=self.steps * n_workers)
        of_all = of_all.reshape(self.steps, n_workers)
        rows = (order[owners == self.index] - self.mine.start).astype(np.int32)
        yield from self._chunks(self._held, rows, of_all, taken)

    def _own(self, split: Split, fit: bool, memory_limit: int) -> Split:
        if not fit:
            raise DataError(
                f"a worker's {self._sizes.max():,} rows of {self._row_bytes(split):,} bytes do not "
                "fit into "
                + setting("memory_limit", memory_limit)
                + ", as those of steps that are taken together must: start more workers, raise it, "
                "or leave out " + setting("sync_every", 1)
            )
        held = slice(self.mine.start, self.mine.stop) if self.mine else slice(0, 1)
        weights = None if split.weights is None else split.weights[held]
        return Split(self._part(split.features, held), split.labels[held], weights)

    def _part(self, features: FeaturesLike, held: slice) -> FeaturesLike:
        """Neighbouring rows; those of an array are not copied."""
        return features[held]

    def _most_rows(self, largest: int) -> int:
        return self._batch

    def _width(self, taken_by: np.ndarray) -> int:
        # Steps are compiled for each width, so there is one for all epochs but a rare one; and it
        # depends on the epoch alone, so that of a run that is resumed there is the same.
        width, needed = self._usual_width, taken_by[:, self.index].max()
        while width < needed:
            width *= 2
        return min(width, self._batch)

    def _totals(self, taken_by: np.ndarray) -> np.ndarray:
        return taken_by.sum(axis=1)
