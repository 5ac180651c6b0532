"""What passes compute of a chunk of rows, in TensorFlow, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.training.objective import CLASSES, Objective

# Traces that are kept: few kinds of rows are trained on in a process.
_KEPT = 16

How = Literal["eager", "graph", "xla"]


@lru_cache(maxsize=_KEPT)
def of_chunk(scaled: Callable[[Any], Any], smoothing: float, how: How) -> OfChunk:
    """The same functions, traced and compiled once, whenever these are the same.

    Args:
      scaled: from raw features to the numbers that W multiplies.
      smoothing: share of each row's label that is spread over all classes.
      how: as for `OfChunk`.
    """
    return OfChunk(Objective(scaled, smoothing=smoothing), how)


class OfChunk:
    """What passes compute of a chunk of rows, in the precision of W or of the logits.

    `Chunk` says what features, labels, weights and new are; a center is what is subtracted from
    the scaled features, ``[n_inputs]``, None being nothing.

    Attributes:
      logits: from a center, features, weights, W and b to ``[n_blocks, n_classes, block_rows]``.
      point: from a center, a `Chunk` and its logits to the sums of its losses, of its
        cross-entropies and of how many are right, ``[3]``, the gradients with respect to W and b,
        and the probabilities.
      curved: from a center, features, weights, probabilities, how many blocks are looked at, and
        a direction, as W and b, to the Hessian times that.
      loss: from labels, weights, logits, a direction of theirs and a size to the sum of losses.
      bias: from labels, weights and logits to the sum of losses, and what it is to the bias: the
        sums of targets and of probabilities, ``[n_classes]``, and of these times each other.
    """

    def __init__(self, objective: Objective, how: How):
        """Prepares them; nothing is traced yet.

        Args:
          objective: what is minimised; its penalties and its center are not looked at.
          how: as they are, traced, or compiled by XLA, which takes as long as dozens of calls.
        """
        self._objective = objective

        # Explicit loops: AutoGraph needs the source at hand, which it does not always find.
        def made(plain: Any) -> Any:
            if how == "eager":
                return plain
            return tf.function(plain, jit_compile=how == "xla" or None, autograph=False)

        self.logits, self.point = made(self._logits), made(self._point)
        self.curved, self.loss = made(self._curved), made(self._loss)
        self.bias = made(self._bias)

    def _logits(self, center: Any, features: Any, weights: Any, W: Any, b: Any) -> Any:
        n_blocks, block_rows = weights.shape
        objective = replace(self._objective, center=center)

        def block_logits(block: Any) -> Any:
            inputs = self._inputs(features, block, n_blocks, block_rows, W.dtype)
            return objective.logits([W, b], inputs)

        return _each_block(n_blocks, block_logits, [W.shape[0], block_rows], W.dtype)

    def _point(
        self, center: Any, features: Any, labels: Any, weights: Any, new: Any, logits: Any
    ) -> tuple[Any, ...]:
        n_blocks, n_classes, block_rows = logits.shape
        objective, dtype = replace(self._objective, center=center), logits.dtype
        probabilities = ops.softmax(logits, axis=CLASSES)

        def sums(block: Any) -> list[Any]:
            counts = tf.cast(weights[block], dtype)
            slopes = counts * objective.slopes(probabilities[block], labels[block])
            inputs = self._inputs(features, block, n_blocks, block_rows, dtype)
            return [
                figures(logits[block], labels[block], counts, new[block]),
                *objective.to_parameters(slopes, inputs),
            ]

        def figures(logits: Any, labels: Any, counts: Any, new: Any) -> Any:
            plain = ops.cross_entropy(logits, labels, axis=CLASSES)
            right = tf.argmax(logits, CLASSES, tf.int32) == labels
            each = counts * objective.losses(logits, labels), tf.where(new, plain, 0)
            return tf.reduce_sum([*each, tf.cast(right & new, dtype)], 1)

        n_inputs = objective.scaled(features[:1]).shape[1]
        shapes: list[list[int]] = [[3], [n_classes, n_inputs], [n_classes, 1]]
        return *_sum_of_blocks(n_blocks, sums, shapes), probabilities

    def _curved(
        self, center: Any, features: Any, weights: Any, probabilities: Any, n_used: Any, *of: Any
    ) -> list[Any]:
        n_blocks, block_rows = weights.shape
        objective, dtype = replace(self._objective, center=center), of[0].dtype

        def product(block: Any) -> list[Any]:
            inputs = self._inputs(features, block, n_blocks, block_rows, dtype)
            return objective.hessian_product(probabilities[block], inputs, weights[block], of)

        return _sum_of_blocks(n_blocks, product, [part.shape for part in of], n_used)

    def _loss(self, labels: Any, weights: Any, logits: Any, ahead: Any, size: Any) -> Any:
        def loss(block: Any) -> list[Any]:
            moved = logits[block] + size * ahead[block]
            losses = self._objective.losses(moved, labels[block])
            return [tf.reduce_sum(tf.cast(weights[block], losses.dtype) * losses)]

        return _sum_of_blocks(weights.shape[0], loss, ([],))[0]

    def _bias(self, labels: Any, weights: Any, logits: Any) -> list[Any]:
        n_blocks, n_classes, _ = logits.shape

        def sums(block: Any) -> list[Any]:
            P = ops.softmax(logits[block], axis=CLASSES)
            counts = tf.cast(weights[block], P.dtype)
            loss = tf.tensordot(counts, self._objective.losses(logits[block], labels[block]), 1)
            target = self._objective.target(labels[block], n_classes, P.dtype)
            of_each = [tf.linalg.matvec(part, counts) for part in (target, P)]
            return [loss, *of_each, tf.matmul(P * counts, P, transpose_b=True)]

        shapes: list[list[int]] = [[], [n_classes], [n_classes], [n_classes, n_classes]]
        return _sum_of_blocks(n_blocks, sums, shapes)

    def _inputs(self, features: Any, block: Any, n_blocks: int, block_rows: int, dtype: Any) -> Any:
        """The scaled rows of a block."""
        if n_blocks > 1:
            start = tf.minimum(block * block_rows, features.shape[0] - block_rows)
            features = tf.slice(features, [start, 0], [block_rows, features.shape[1]])
        return tf.cast(self._objective.scaled(features), dtype)


def _sum_of_blocks(
    n_blocks: int,
    of_block: Callable[[Any], Sequence[Any]],
    shapes: Sequence[Any],
    n_used: Any = None,
) -> list[Any]:
    """The sums over all blocks, or the first ones, of what a function returns for each, float64."""

    def add(block: Any, *sums: Any) -> tuple[Any, ...]:
        parts = of_block(block)
        return block + 1, *(a + tf.cast(b, tf.float64) for a, b in zip(sums, parts, strict=True))

    if n_blocks == 1:
        return [tf.cast(part, tf.float64) for part in of_block(0)]
    start = tf.constant(0), *(tf.zeros(shape, tf.float64) for shape in shapes)
    last = n_blocks if n_used is None else n_used
    below = lambda block, *_: block < last  # noqa: E731
    return list(tf.while_loop(below, add, start, parallel_iterations=1)[1:])


def _each_block(n_blocks: int, of_block: Callable[[Any], Any], shape: Any, dtype: Any) -> Any:
    """What a function returns for each block, side by side."""

    def put(block: Any, found: Any) -> tuple[Any, Any]:
        return block + 1, found.write(block, of_block(block))

    if n_blocks == 1:
        return of_block(0)[None]
    # Not a tensor that each block updates: a plain graph copies all of it for every block.
    start = tf.constant(0), tf.TensorArray(dtype, n_blocks, element_shape=shape)
    below = lambda block, _: block < n_blocks  # noqa: E731
    return tf.while_loop(below, put, start, parallel_iterations=1)[1].stack()
