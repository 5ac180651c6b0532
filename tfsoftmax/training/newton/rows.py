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
from tfsoftmax.device import read_ahead, to_tensor

# Numbers in a block: 4 MB of float32, which the processor's cache holds.
_BLOCK_NUMBERS = 2**20
_FEWEST_ROWS = 64
# A streamed chunk is in memory twice, as one is read while the other is used; the rest of the
# memory is for what is kept of each row.
_CHUNKS_IN_MEMORY = 4


class Chunk(NamedTuple):
    """Rows that a pass goes through in one call, block by block.

    The last block of a chunk has the chunk's last rows, so that all have one shape.

    Attributes:
      features: raw, ``[chunk_rows, n_features]``, on the device.
      labels: int32 ``[n_blocks, block_rows]``.
      weights: what each row counts, of the same shape; 0 where an earlier block has the row.
    """

    features: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor


class Rows:
    """All training rows: in memory as one chunk, or read chunk by chunk in each pass.

    Attributes:
      n_samples: how many there are.
      weights: what each counts, ``[n_samples]``.

    >>> split = Split(np.zeros((1500, 1000), np.uint8), np.zeros(1500, np.int32))
    >>> rows = Rows(split, np.ones(1500, np.float32), n_classes=2)
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
    ):
        """Prepares the rows; nothing is read yet.

        Args:
          split: the rows and their labels.
          weights: what each row counts, ``[n_samples]``, with mean 1.
          n_classes: of the labels.
          memory_limit: bytes of features in memory at a time.
          on_device: the features as a tensor, where there is one already.
        """
        self._on_device = on_device
        self._features, self._labels = split.features, np.asarray(split.labels)
        self.weights, self.n_samples = weights, len(split)
        features = features_of(split.features)
        affordable = memory_limit // max(1, features.row_bytes)
        self._whole = self.n_samples <= affordable
        streamed = min(self.n_samples, max(1, affordable // _CHUNKS_IN_MEMORY))
        self._chunk_rows = self.n_samples if self._whole else streamed
        numbers = max(features.shape[1], n_classes)
        self._block_rows = min(self._chunk_rows, max(_FEWEST_ROWS, _BLOCK_NUMBERS // numbers))

    def weighing(self, weights: np.ndarray) -> Rows:
        """The same rows, each counting what these say."""
        other = copy(self)
        other.weights = weights
        # Features that are on the device already stay the same tensor.
        if self._whole:
            other._on_device = self._held.features
        other.__dict__.pop("_held", None)
        return other

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        if self._whole:
            yield self._held
        else:
            yield from read_ahead(self._chunk, range(0, self.n_samples, self._chunk_rows))

    def labels(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The labels and weights of each chunk, as `Chunk` has them; no features are read."""
        for first in range(0, self.n_samples, self._chunk_rows):
            yield (self._held[1:] if self._whole else self._counted(first))

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The raw features of some rows, ``[n, n_features]``; ascending indices are fastest."""
        return features_of(self._features)[indices]

    def in_order(self, of_chunks: Sequence[np.ndarray]) -> np.ndarray:
        """Arrays of all rows, ``[n_samples, ...]``, from those of each chunk's blocks."""
        whole = np.empty((self.n_samples, *of_chunks[0].shape[2:]), of_chunks[0].dtype)
        firsts = range(0, self.n_samples, self._chunk_rows)
        for first, own in zip(firsts, of_chunks, strict=True):
            places, counted = self._places(first)
            whole[places[counted]] = own[counted]
        return whole

    @cached_property
    def _held(self) -> Chunk:
        return self._chunk(0)

    def _chunk(self, first: int) -> Chunk:
        start = min(first, self.n_samples - self._chunk_rows)
        part = [slice(start, start + self._chunk_rows)]
        if self._whole and self._on_device is not None:
            return Chunk(self._on_device, *self._counted(first))
        features = self._features if self._whole else read_rows(self._features, part)
        return Chunk(to_tensor(features), *self._counted(first))

    def _counted(self, first: int) -> tuple[tf.Tensor, tf.Tensor]:
        places, counted = self._places(first)
        weights = np.where(counted, self.weights[places], 0.0)
        return tf.constant(self._labels[places], tf.int32), tf.constant(weights, tf.float32)

    def _places(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of each block of the chunk that begins with this row, and which are new."""
        start = min(first, self.n_samples - self._chunk_rows)
        blocks = np.arange(0, self._chunk_rows, self._block_rows)
        starts = np.minimum(blocks, self._chunk_rows - self._block_rows)
        places = start + starts[:, None] + np.arange(self._block_rows)
        return places, places >= np.maximum(first, start + blocks)[:, None]
