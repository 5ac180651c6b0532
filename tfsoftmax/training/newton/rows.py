"""The training rows as a solver goes through them: in order, in blocks of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import features_of, read_rows
from tfsoftmax.data.sharded_rows import held_sparse
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.device import read_ahead, to_tensor
from tfsoftmax.distributed.workers import ALONE, Workers

# Numbers in a block: 4 MB of float32, which the processor's cache holds.
_BLOCK_NUMBERS = 2**20
_FEWEST_ROWS = 64
# Multiplications in a pass over few rows, at most.
_FEW = 2**26
# Of the memory for rows, a streamed chunk is so small a part: it is there three times for a moment,
# as one is read while another is used, and probabilities of all rows are kept beside it.
_CHUNKS_IN_MEMORY = 16


class Chunk(NamedTuple):
    """Rows that a pass goes through in one call, block by block.

    The last block of a chunk has the chunk's last rows, so that all have one shape.

    Attributes:
      features: raw, ``[chunk_rows, n_features]``, on the device.
      labels: int32 ``[n_blocks, block_rows]``.
      weights: what each row counts, of the same shape; 0 where an earlier block has the row.
      new: bool of the same shape, whether no earlier block has the row.
    """

    features: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor
    new: tf.Tensor


class Counted(NamedTuple):
    """A `Chunk` without its features."""

    labels: tf.Tensor
    weights: tf.Tensor
    new: tf.Tensor


class Share(NamedTuple):
    """What one of several workers has of the rows.

    Attributes:
      mine: its rows, among those of all workers; there may be none.
      workers: all of them.
    """

    mine: range
    workers: Workers


class Rows:
    """All training rows: in memory as one chunk, or read chunk by chunk in each pass.

    One of several workers goes through its own; without any it holds one that does not count.

    Attributes:
      n_samples: how many there are, on all workers.
      held: those that this process goes through, all others being other workers'.
      workers: the processes that have the rows.
      n_classes: of their labels.
      multiplications: of the held rows with one W.
      few: whether all of them are so few that NumPy is the fastest.
      sparse: the held rows, where only their entries are gone through; these are one block.
      memory_limit: bytes of features in memory at a time.
      in_memory: whether all held rows are, as one chunk, or are read in each pass.
      weights: what each held one counts, ``[n_held]``.

    >>> split = Split(np.zeros((1500, 1000), np.uint8), np.zeros(1500, np.int32))
    >>> rows = Rows(split, np.ones(1500, np.float32), n_classes=100)
    >>> [chunk.labels.shape.as_list() for chunk in rows.chunks()]
    [[2, 1048]]
    """

    def __init__(
        self,
        split: Split,
        weights: np.ndarray,
        n_classes: int,
        memory_limit: int = 2**30,
        on_device: tf.Tensor | None = None,
        sparse: bool = False,
        share: Share | None = None,
    ):
        """Prepares the rows; nothing is read yet.

        Args:
          split: the rows and their labels, those of all workers.
          weights: what each row counts, ``[n_samples]``, with mean 1.
          n_classes: of the labels.
          memory_limit: bytes of features in memory at a time.
          on_device: the features of the held rows as a tensor, where there is one already.
          sparse: whether the features are `SparseFeatures` whose zeros need not be filled in.
          share: what this process has of the rows; None is all.
        """
        self._on_device = on_device
        self.n_samples, self.n_classes = len(split), n_classes
        mine = share.mine if share else range(self.n_samples)
        self.workers = share.workers if share else ALONE
        self._shared, self._none = share is not None, not mine
        self.held = slice(mine.start, mine.stop) if mine else slice(0, 1)
        self._n_held = max(1, len(mine))
        self._features, self._labels = split.features, np.asarray(split.labels)[self.held]
        features = features_of(split.features)
        self.sparse: SparseFeatures | None = None
        if sparse:
            assert isinstance(features, SparseFeatures)
            self.sparse = held_sparse(features, self.held) if share else features
        self.memory_limit = memory_limit
        affordable = memory_limit // max(1, features.row_bytes)
        self.in_memory = sparse or self._n_held <= affordable
        streamed = min(self._n_held, max(1, affordable // _CHUNKS_IN_MEMORY))
        self._chunk_rows = self._n_held if self.in_memory else streamed
        self.multiplications = self._n_held * features.shape[1] * n_classes
        self.few = are_few(split, n_classes, memory_limit, sparse)
        weights = weights[self.held] if mine else np.zeros(1)
        self.weights = weights if self.few else weights.astype(np.float32, copy=False)
        numbers = max(features.shape[1], n_classes)
        block_rows = max(_FEWEST_ROWS, _BLOCK_NUMBERS // numbers)
        self._block_rows = self._n_held if sparse else min(self._chunk_rows, block_rows)

    def weighing(self, weights: np.ndarray) -> Rows:
        """The same rows, each counting what these say."""
        other = copy(self)
        other.weights = weights
        # Features that are on the device already stay the same tensor.
        if self.in_memory and self.sparse is None:
            other._on_device = self.whole.features
        for made in ("whole", "counted"):
            other.__dict__.pop(made, None)
        return other

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        if self.in_memory:
            yield self.whole
        else:
            yield from read_ahead(self._chunk, self._firsts)

    def labels(self) -> Iterator[Counted]:
        """The labels and weights of each chunk; no features are read."""
        for first in self._firsts:
            yield self.counted if self.in_memory else self._counted(first)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The raw features of some held rows, ``[n, n_features]``; fastest in ascending order."""
        return np.asarray(features_of(self._features).take(self.held.start + indices))

    def in_order(self, of_chunks: Sequence[np.ndarray]) -> np.ndarray:
        """Arrays of the held rows, ``[n_held, ...]``, from those of each chunk's blocks."""
        whole = np.zeros((self._n_held, *of_chunks[0].shape[2:]), of_chunks[0].dtype)
        for first, own in zip(self._firsts, of_chunks, strict=True):
            places, new = self._places(first)
            whole[places[new]] = own[new]
        return whole

    def some_of(self, of_chunks: Sequence[np.ndarray], indices: np.ndarray) -> np.ndarray:
        """As `in_order`, of some held rows; their indices are in ascending order."""
        wanted = np.zeros(self._n_held, bool)
        wanted[indices] = True
        places = (self._places(first) for first in self._firsts)
        parts = [
            own[new & wanted[of_rows]]
            for own, (of_rows, new) in zip(of_chunks, places, strict=True)
        ]
        return np.concatenate(parts)

    def in_blocks(self, of_rows: np.ndarray) -> np.ndarray:
        """An array of the held rows as those of `whole` are, ``[n_blocks, block_rows, ...]``."""
        return of_rows[self.places]

    @property
    def places(self) -> np.ndarray:
        """The held rows in the blocks of `whole`, ``[n_blocks, block_rows]``."""
        return self._places(0)[0]

    @property
    def n_chunks(self) -> int:
        """How many there are."""
        return len(self._firsts)

    @property
    def _firsts(self) -> range:
        """The first row of each chunk, among the held ones."""
        return range(0, self._n_held, self._chunk_rows)

    @cached_property
    def counted(self) -> Counted:
        """The labels and weights of all rows, where they are in memory as one chunk."""
        return self._counted(0)

    @cached_property
    def whole(self) -> Chunk:
        """All rows, where they are in memory as one chunk."""
        return self._chunk(0)

    def _chunk(self, first: int) -> Chunk:
        start = min(first, self._n_held - self._chunk_rows)
        begin = self.held.start + start
        part = [slice(begin, begin + self._chunk_rows)]
        if self.in_memory and self._on_device is not None:
            return Chunk(self._on_device, *self.counted)
        all_rows = self.in_memory and not self._shared
        features = self._features if all_rows else read_rows(self._features, part)
        return Chunk(to_tensor(features), *self._counted(first))

    def _counted(self, first: int) -> Counted:
        places, new = self._places(first)
        weights = np.where(new, self.weights[places], 0.0)
        labels = tf.constant(self._labels[places], tf.int32)
        return Counted(labels, tf.constant(weights, tf.float32), tf.constant(new))

    def _places(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of each block of the chunk that begins with this row, and which are new."""
        start = min(first, self._n_held - self._chunk_rows)
        blocks = np.arange(0, self._chunk_rows, self._block_rows)
        starts = np.minimum(blocks, self._chunk_rows - self._block_rows)
        places = start + starts[:, None] + np.arange(self._block_rows)
        new = places >= np.maximum(first, start + blocks)[:, None]
        return places, new & (not self._none)


def are_few(split: Split, n_classes: int, memory_limit: int, sparse: bool = False) -> bool:
    """Whether rows are so few that NumPy goes through them faster than what compiles first.

    Args:
      split: the rows.
      n_classes: of their labels.
      memory_limit: bytes of features in memory at a time.
      sparse: whether only entries of `SparseFeatures` are gone through.

    >>> few = Split(np.zeros((1500, 100), np.uint8), np.zeros(1500, np.int32))
    >>> are_few(few, 10, 2**30), are_few(few, 1000, 2**30), are_few(few, 10, 2**16)
    (True, False, False)
    """
    features = features_of(split.features)
    if sparse and isinstance(features, SparseFeatures):
        a_row = features.entries_a_row
    else:
        a_row = features.shape[1]
    numbers = len(split) * a_row
    return numbers * n_classes <= _FEW and numbers * np.float32().itemsize <= memory_limit
