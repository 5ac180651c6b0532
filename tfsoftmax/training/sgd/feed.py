"""Feeds the compiled loop: rows on the device, chunk by chunk, in random order.

Data that fits in memory is one chunk that stays. Other data is read chunk by chunk, the next one
while the last one trains; chunks have one shape, so one compiled function serves both.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import features_of, read_rows
from tfsoftmax.device import read_ahead, to_device, to_tensor
from tfsoftmax.training.seeds import ORDER_STREAM

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
        ``[chunk_rows]``; rows from `n_samples` on are padding.
      weights: of the rows, ``[chunk_rows]``, or with one of each for several models
        ``[chunk_rows, n_weightings]``; None where all count the same.
      n_samples: how many rows there are.
      order: int32 ``[steps, batch_size]``, the row numbers of each step; entries beyond
        the first `n_samples` are padding.
      first_step: the chunk's first step that has not been taken yet.
    """

    features: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor | None
    n_samples: int
    order: np.ndarray
    first_step: int = 0

    @property
    def steps(self) -> int:
        """How many steps the chunk has."""
        return -(-self.n_samples // self.order.shape[1])

    @property
    def tensors(self) -> tuple[Any, ...]:
        """What the compiled loop is given of it."""
        rows = (self.features, self.labels, self.weights)
        return (*rows, tf.constant(self.n_samples), tf.constant(self.order))


class Feed:
    """The training rows, each once an epoch, in a new random order each time.

    Rows beyond the memory limit are read in blocks, in a new random order of blocks. A chunk is
    as many blocks as fit, and its rows are shuffled; so a file sorted by class does no harm as
    long as a chunk has many blocks.

    Reference: Xu et al., In-database machine learning with CorgiPile (SIGMOD 2022).

    Attributes:
      n_samples, batch_size: rows in all, rows a step.
      steps: steps in an epoch.
      chunk_steps: most steps in a chunk.
      step_numbers: numbers in the rows of a step, about, each multiplied for each class.
      rows: all rows, to evaluate on; on the device if they fit.
      mine: which of the rows are this process's.
      in_order: whether `rows` are those in their order, not once all are shuffled.

    >>> split = Split(np.zeros((10, 3), np.uint8), np.zeros(10, np.int32))
    >>> feed = Feed(split, batch_size=4, seed=0, memory_limit=2**30)
    >>> [(chunk.n_samples, chunk.order.shape) for chunk in feed.epoch(0)], feed.steps
    ([(10, (3, 4))], 3)
    """

    in_order = True

    def __init__(self, split: Split, batch_size: int, seed: int, memory_limit: int):
        self.n_samples, self.mine = len(split), range(len(split))
        # A batch larger than the data is padding only, and padding is memory.
        self.batch_size = min(batch_size, self.n_samples)
        self.steps = -(-self.n_samples // self.batch_size)
        self._seed = seed
        self.rows, self._held = self._hold(split, memory_limit)
        self._block_rows = self._chunk_rows = self.n_samples
        if self._held is None:
            self._set_chunks(self._row_bytes(), memory_limit)
        self.chunk_steps = -(-self._chunk_rows // self.batch_size)
        self.step_numbers = self.batch_size * split.features.shape[1]

    @property
    def layout(self) -> Hashable:
        """What the shapes and dtypes of chunks follow from, but for the number of entries."""
        arrays = self.rows.features, self.rows.weights
        kinds = ((tuple(a.shape), str(a.dtype)) for a in arrays if a is not None)
        return self.batch_size, self.chunk_steps, *kinds

    def epoch(self, epoch: int, taken: int = 0) -> Iterator[Chunk]:
        """The chunks of an epoch; the same ones for the same seed and epoch.

        Args:
          epoch: from 0.
          taken: how many of its steps are done already; their rows are left out.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        generator = np.random.default_rng([self._seed, ORDER_STREAM, epoch])
        if self._held is not None:
            order = self._order(generator, self.n_samples)
            yield from self._chunks(self._held, self.n_samples, order, taken)
            return
        blocks = generator.permutation(-(-self.n_samples // self._block_rows))
        chunk_blocks = self._chunk_rows // self._block_rows
        starts = range(0, len(blocks), chunk_blocks)
        parts = [blocks[first : first + chunk_blocks] for first in starts]
        sizes = [self._rows_in(part) for part in parts]
        while sizes and taken >= (steps := -(-sizes[0] // self.batch_size)):
            taken -= steps
            self._order(generator, sizes.pop(0))  # Advances the generator.
        for rows, n_samples in zip(
            read_ahead(self._read, parts[len(parts) - len(sizes) :]), sizes, strict=True
        ):
            order = self._order(generator, n_samples)
            yield from self._chunks(rows, n_samples, order, taken)
            taken = 0

    def _hold(self, split: Split, memory_limit: int) -> tuple[Split, Any]:
        """The rows to evaluate on, and those to train on if all of them fit, else None."""
        rows = to_device(split, memory_limit)
        return rows, None if rows is split else (rows.features, rows.labels, rows.weights)

    def _row_bytes(self) -> int:
        """Size of a row in a chunk."""
        return features_of(self.rows.features).row_bytes

    def _chunks(self, rows: Any, n_samples: int, order: np.ndarray, taken: int) -> Iterator[Any]:
        """The chunks of rows that are held or were read, in this order."""
        features, labels, weights = rows
        yield Chunk(features, labels, weights, n_samples, order, taken)

    def _set_chunks(self, row_bytes: int, memory_limit: int) -> None:
        # A block is a whole number of batches, so that only the last batch of an epoch is short.
        batch_bytes = self.batch_size * row_bytes
        self._block_rows = -(-_BLOCK_BYTES // batch_bytes) * self.batch_size
        chunk_blocks = max(1, memory_limit // _CHUNKS_IN_MEMORY // (self._block_rows * row_bytes))
        self._chunk_rows = chunk_blocks * self._block_rows

    def _rows_in(self, blocks: np.ndarray) -> int:
        starts = blocks * self._block_rows
        return int(np.minimum(self.n_samples - starts, self._block_rows).sum())

    def _read(self, blocks: np.ndarray) -> list[tf.Tensor | None]:
        slices = self._slices(blocks)
        arrays = (self.rows.features, self.rows.labels, self.rows.weights)
        return [
            None if array is None else to_tensor(read_rows(array, slices, self._chunk_rows))
            for array in arrays
        ]

    def _slices(self, blocks: np.ndarray) -> list[slice]:
        return [slice(first, first + self._block_rows) for first in blocks * self._block_rows]

    def _order(self, generator: np.random.Generator, n_samples: int) -> np.ndarray:
        steps = -(-self._chunk_rows // self.batch_size)
        order = np.zeros(steps * self.batch_size, np.int32)
        order[:n_samples] = generator.permutation(n_samples)
        return order.reshape(steps, self.batch_size)
