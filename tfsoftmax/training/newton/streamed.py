"""Passes over rows that are read from a file in each: logits are made anew, not kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
import tensorflow as tf

from tfsoftmax.training.newton.passes import Joint, OfRows, Passes
from tfsoftmax.training.newton.rows import Chunk, Counted


class Unread(NamedTuple):
    """What the logits of rows, or what a direction adds to them, are made of.

    Attributes:
      parameters: or a direction.
      dtype: of the logits.
    """

    parameters: Joint
    dtype: tf.DType


class StreamedPasses(Passes):
    """`Passes` in which rows' logits are known by the parameters alone.

    What needs logits makes them while it has the rows, so they take no memory, float64 ones of a
    proof neither, and no more rows are read than for logits that are kept.
    """

    def logits(self, parameters: Joint, exact: bool = False) -> OfRows:
        """As for `Passes`; nothing is read."""
        return self._made_of(parameters, tf.float64 if exact else tf.float32)

    def between(self, one: OfRows, other: OfRows) -> OfRows:
        """As for `Passes`; nothing is read."""
        start, end = _known(one), _known(other)
        return self._made_of(end.parameters - start.parameters, end.dtype)

    def shifted(self, logits: OfRows, step: np.ndarray) -> OfRows:
        """As for `Passes`; nothing is read."""
        parameters, dtype = _known(logits)
        moved = parameters.copy()
        moved[:, -1] += step
        return self._made_of(moved, dtype)

    def loss_along(self, logits: OfRows, ahead: OfRows, size: float) -> float:
        """As for `Passes`."""
        start, direction = _known(logits), _known(ahead)
        moved = start.parameters + size * direction.parameters
        return self.of_bias(self._made_of(moved, start.dtype)).loss

    def _made_of(self, parameters: Joint, dtype: tf.DType) -> OfRows:
        return [Unread(parameters, dtype)] * self.rows.n_chunks

    def _with_features(self, logits: OfRows) -> Iterator[tuple[Chunk, tf.Tensor]]:
        self.count += 0.5
        made = self._to_logits(*_known(logits))
        return ((chunk, made(chunk.features, chunk.weights)) for chunk in self._chunks())

    def _with_labels(self, logits: OfRows) -> Iterator[tuple[Counted, tf.Tensor]]:
        return ((Counted(*chunk[1:]), own) for chunk, own in self._with_features(logits))


def _known(logits: OfRows) -> Unread:
    return cast("Unread", logits[0])
