"""Feeds the compiled loop: rows on the device, chunk by chunk, in random order.

Data that fits in memory is one chunk that stays. Other data is read chunk by chunk, the next one
while the last one trains; chunks have one shape, so one compiled function serves both. One of
several workers that train by themselves is fed the same way, with rows of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import aligned_zeros, features_of, read_rows
from tfsoftmax.data.moved_rows import taken_by_each
from tfsoftmax.device import read_ahead, to_device, to_tensor
from tfsoftmax.training.seeds import ORDER_STREAM, SHARDS_STREAM

# Neighbouring rows are read together, at least this many bytes at once: enough for a disk to read
# at full speed, few enough that a chunk mixes rows from hundreds of blocks.
_BLOCK_BYTES = 2**18
# How many chunks can be in memory at once: the one that trains, the one read ahead, and one that
# is being moved.
_CHUNKS_IN_MEMORY = 3


class Chunk(NamedTuple):
    """Rows to train on, and their order.

    Attributes:
      features, labels: tensors on the device, ``[chunk_rows, n_features]`` and
        ``[chunk_rows]``; rows that no step takes are padding.
      weights: of the rows, ``[chunk_rows]``, or with one of each for several models
        ``[chunk_rows, n_weightings]``; None where all count the same.
      order: int32 ``[chunk_steps, width]``, the row numbers of each step, then padding.
      counts: int32 ``[chunk_steps]``, how many of them are no padding.
      totals: int32 ``[chunk_steps]``, how many rows a step's mean loss is that of: those of other
        workers are counted where all take every step together.
      taken: int64 ``[steps, n_workers]``, how many rows each worker takes in each step.
      first_step: the chunk's first step that has not been taken yet.
    """

    features: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor | None
    order: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    taken: np.ndarray
    first_step: int = 0

    @property
    def steps(self) -> int:
        """How many steps the chunk has."""
        return len(self.taken)

    @property
    def tensors(self) -> tuple[Any, ...]:
        """What the compiled loop is given of it."""
        rows = (self.features, self.labels, self.weights)
        return (*rows, *map(tf.constant, (self.order, self.counts, self.totals)))


class Feed:
    """The training rows, each once an epoch, in a new random order each time.

    Rows beyond the memory limit are read in blocks, in a new random order of blocks. A chunk is
    as many blocks as fit, and its rows are shuffled; so a file sorted by class does no harm as
    long as a chunk has many blocks.

    Workers that train by themselves each have a feed of their own rows. All take as many steps an
    epoch as one process would, and of each of its batches a worker's is as large a part as its
    rows are of all. What is read in blocks, all read in the same order, so each knows what the
    others take. Rows are shuffled before they are dealt out to the workers: each has about the same
    classes, however a file is sorted.

    Reference: Xu et al., In-database machine learning with CorgiPile (SIGMOD 2022).

    Attributes:
      n_samples: rows of all workers.
      batch_size: most rows in a step of one worker.
      steps: steps in an epoch.
      chunk_steps: most steps in a chunk.
      step_numbers: numbers in the rows of a step, about, each multiplied for each class.
      rows: the process's rows, to evaluate on; on the device if they fit.
      mine: which they are, among those of all workers; there may be none, and `rows` has one.
      index: which of the workers this one is.
      in_order: whether `rows` are those in their order, not once all are shuffled.

    >>> split = Split(np.zeros((10, 3), np.uint8), np.zeros(10, np.int32))
    >>> feed = Feed(split, batch_size=4, seed=0, memory_limit=2**30)
    >>> [(chunk.order.shape, chunk.counts.tolist()) for chunk in feed.epoch(0)], feed.steps
    ([((3, 4), [4, 4, 2])], 3)
    >>> feed = Feed(split, 4, 0, 2**30, shards=[range(0, 6), range(6, 10)], index=1)
    >>> [chunk.taken.tolist() for chunk in feed.epoch(0)]
    [[[2, 1], [2, 2], [2, 1]]]
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        memory_limit: int,
        shards: Sequence[range] = (),
        index: int = 0,
    ):
        """Prepares the feed.

        Args:
          split: rows of all workers.
          batch_size: rows in a step of all workers.
          seed: of the order of rows.
          memory_limit: bytes of a worker's features in memory at a time.
          shards: which of the rows, once they are shuffled, each worker has; a process that trains
            alone gives none and has all.
          index: which of the workers this one is.
        """
        self.n_samples = n_samples = len(split)
        self.in_order = not shards
        shards = shards or [range(n_samples)]
        self.mine, self.index, self._seed = shards[index], index, seed
        self._sizes = np.array([len(shard) for shard in shards])
        # A batch larger than the data is padding only, and padding is memory.
        self._batch = min(batch_size, n_samples)
        self.steps = -(-n_samples // self._batch)
        largest = int(self._sizes.max())
        self.batch_size = self._most_rows(largest)
        row_bytes = self._row_bytes(split)
        fit = self._bytes(split, largest) <= memory_limit
        self._block_steps, chunk_blocks = self.steps, 1
        if not fit:
            self._block_steps, chunk_blocks = self._blocks(row_bytes, memory_limit)
        self._chunk_blocks = chunk_blocks
        self.chunk_steps = chunk_blocks * self._block_steps
        self.step_numbers = self.batch_size * self._row_numbers(split)
        self.rows, self._held = self._hold(self._own(split, fit, memory_limit), fit)

    @property
    def layout(self) -> Hashable:
        """What the shapes and dtypes of chunks follow from, but for the number of entries."""
        arrays = self.rows.features, self.rows.weights
        kinds = ((tuple(a.shape), str(a.dtype)) for a in arrays if a is not None)
        return self.batch_size, self.chunk_steps, *kinds

    def epoch(self, epoch: int, taken: int = 0) -> Iterator[Any]:
        """The chunks of an epoch; the same ones for the same seed and epoch.

        Args:
          epoch: from 0.
          taken: how many of its steps are done already; their rows are left out.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        generator = np.random.default_rng([self._seed, ORDER_STREAM, epoch])
        blocks = generator.permutation(-(-self.steps // self._block_steps))
        if self.index:
            generator = np.random.default_rng([self._seed, ORDER_STREAM, epoch, self.index])
        starts = range(0, len(blocks), self._chunk_blocks)
        parts = [blocks[first : first + self._chunk_blocks] for first in starts]
        while taken >= len(skipped := self._taken_in(parts[0])):
            taken -= len(skipped)
            generator.permutation(int(skipped[:, self.index].sum()))  # Advances the generator.
            del parts[0]
        read = read_ahead(self._read, parts) if self._held is None else [self._held]
        for part, rows in zip(parts, read, strict=True):
            of_all = self._taken_in(part)
            order = generator.permutation(int(of_all[:, self.index].sum())).astype(np.int32)
            yield from self._chunks(rows, order, of_all, taken)
            taken = 0

    @property
    def communication_seconds(self) -> float:
        """What it has told other workers so far, and waited for them."""
        return 0.0

    def _own(self, split: Split, fit: bool, memory_limit: int) -> Split:
        """The worker's rows; those that are read in blocks are dealt out in blocks, too."""
        if self.in_order:
            return split
        block_rows = 1 if fit else self._block_steps * self.batch_size
        generator = np.random.default_rng([self._seed, SHARDS_STREAM])
        blocks = generator.permutation(-(-self.n_samples // block_rows))
        rows = (blocks[:, None] * block_rows + np.arange(block_rows)).ravel()
        # A worker without rows holds one that it takes in no step.
        mine = self.mine or range(1)
        own = rows[rows < self.n_samples][mine.start : mine.stop]
        # In the order of the file that they may have to be read from.
        return taken_by_each(split, np.sort(own))

    def _hold(self, own: Split, fit: bool) -> tuple[Split, Any]:
        """The rows to evaluate on, and those to train on if they fit into memory, else None."""
        if not fit:
            return own, None
        rows = to_device(own, own.features.nbytes)
        return rows, (rows.features, rows.labels, rows.weights)

    def _bytes(self, split: Split, n_rows: int) -> int:
        """Size of so many rows in memory."""
        return n_rows * self._row_bytes(split)

    def _row_bytes(self, split: Split) -> int:
        """Size of a row in a chunk."""
        return features_of(split.features).row_bytes

    def _row_numbers(self, split: Split) -> int:
        """How many numbers a row has, about, each multiplied for each class."""
        return split.features.shape[1]

    def _most_rows(self, largest: int) -> int:
        """`batch_size`, of workers of which none has more rows."""
        return -(-self._batch * largest // self.n_samples)

    def _width(self, taken_by: np.ndarray) -> int:
        """Room for the rows of a step."""
        return self.batch_size

    def _totals(self, taken_by: np.ndarray) -> np.ndarray:
        """`Chunk.totals` of steps."""
        return np.maximum(taken_by[:, self.index], 1)

    def _chunks(
        self, rows: Any, order: np.ndarray, taken_by: np.ndarray, taken: int
    ) -> Iterator[Any]:
        """The chunks of rows that are held or were read.

        Args:
          rows: features, labels and weights.
          order: of the rows, those of each step after another.
          taken_by: as `Chunk.taken`.
          taken: how many of these steps are done already.
        """
        features, labels, weights = rows
        counts = filled_up(taken_by[:, self.index], self.chunk_steps)
        totals = filled_up(self._totals(taken_by), self.chunk_steps)
        places = in_steps(order, counts, self._width(taken_by))
        yield Chunk(features, labels, weights, places, counts, totals, taken_by, taken)

    def _blocks(self, row_bytes: int, memory_limit: int) -> tuple[int, int]:
        """How many steps a block has, and how many blocks a chunk."""
        # A block is a whole number of batches, so that only the last batch of an epoch is short.
        batch_bytes = self.batch_size * row_bytes
        block_steps = -(-_BLOCK_BYTES // batch_bytes)
        return block_steps, max(1, memory_limit // _CHUNKS_IN_MEMORY // (block_steps * batch_bytes))

    def _rows_after(self, steps: np.ndarray) -> np.ndarray:
        """How many of its rows, in their order, are in so many steps of each worker."""
        return (
            np.minimum(steps * self._batch, self.n_samples)[:, None] * self._sizes // self.n_samples
        )

    def _taken_in(self, blocks: np.ndarray) -> np.ndarray:
        """`Chunk.taken` of a chunk of these blocks, the short step of the last block last."""
        firsts = np.sort(blocks) * self._block_steps
        steps = (firsts[:, None] + np.arange(self._block_steps)).ravel()
        steps = steps[steps < self.steps]
        return self._rows_after(steps + 1) - self._rows_after(steps)

    def _read(self, blocks: np.ndarray) -> Any:
        slices = self._slices(blocks)
        arrays = (self.rows.features, self.rows.labels, self.rows.weights)
        chunk_rows = self.chunk_steps * self.batch_size
        return [
            None if array is None else to_tensor(read_rows(array, slices, chunk_rows))
            for array in arrays
        ]

    def _slices(self, blocks: np.ndarray) -> list[slice]:
        """The worker's rows in these blocks; where it has none, one that no step takes."""
        firsts = blocks * self._block_steps
        starts, stops = (
            self._rows_after(steps)[:, self.index] for steps in (firsts, firsts + self._block_steps)
        )
        slices = [slice(*bounds) for bounds in zip(starts, stops, strict=True)]
        return slices if (starts < stops).any() else [slice(0, 1)]


def filled_up(of_steps: np.ndarray, n_steps: int) -> np.ndarray:
    """Numbers of rows, int32; those of steps that a chunk does not have are 0."""
    whole = aligned_zeros((n_steps,), np.int32)
    whole[: len(of_steps)] = of_steps
    return whole


def in_steps(rows: np.ndarray, counts: np.ndarray, width: int) -> np.ndarray:
    """What each step takes of the rows, one step after another, ``[steps, width]``; then 0.

    >>> in_steps(np.array([5, 6, 7]), np.array([2, 1]), 2).tolist()
    [[5, 6], [7, 0]]
    """
    steps = aligned_zeros((len(counts), width, *rows.shape[1:]), rows.dtype)
    steps[np.arange(width) < counts[:, None]] = rows
    return steps
