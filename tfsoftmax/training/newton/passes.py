"""Passes over all training rows: everything that touches them while the minimum is sought.

Rows are scaled inside a pass, block by block, so that nothing as wide as the features is ever
kept of all rows: only logits and probabilities are. Products are float32 and sums over blocks
float64, unless exact ones are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.training.newton.rows import Chunk, Rows
from tfsoftmax.training.objective import CLASSES, Objective

# W and b, or a direction to move them in, side by side: float64 ``[n_classes, n_inputs + 1]``.
Joint = np.ndarray
# Of each chunk of rows, ``[n_blocks, n_classes, block_rows]``.
OfRows = list[tf.Tensor]


class Point(NamedTuple):
    """What a pass finds at some parameters.

    Attributes:
      loss: mean of the rows', without penalties.
      gradient: of the mean loss.
      probabilities: of all rows.
      log_loss: mean of the rows' cross-entropies, in nats, each counting the same.
      accuracy: share of the rows whose class is the most likely one.
    """

    loss: float
    gradient: Joint
    probabilities: OfRows
    log_loss: float
    accuracy: float


class Passes:
    """All training rows, and what a solver asks of them.

    Attributes:
      dtype: of products with the rows, but for exact ones.
      rows: the rows.
      n_samples: how many there are.
      count: passes so far; a single product with the rows is half a pass.
      on_pass: called before each chunk of rows; what it raises is let through.
    """

    dtype: type[np.floating[Any]] = np.float32

    def __init__(self, objective: Objective, rows: Rows, compiled: bool):
        """Prepares the passes.

        Args:
          objective: what is minimised.
          rows: the training rows.
          compiled: whether XLA compiles passes, all but exact ones.
        """
        self.on_pass: Callable[[], None] | None = None
        self._objective, self.rows, self.n_samples = objective, rows, rows.n_samples
        self.count = 0.0
        plain = self._chunk_logits, self._chunk_point, self._chunk_curved, self._chunk_loss
        self._plain = plain
        # Explicit loops: AutoGraph needs the source at hand, which it does not always find.
        self._compiled = (
            [tf.function(each, jit_compile=True, autograph=False) for each in plain]
            if compiled
            else plain
        )

    def weighing(self, weights: np.ndarray) -> Passes:
        """Passes over the same rows, each counting what these say; nothing is compiled again."""
        other = copy(self)
        other.rows, other.count = self.rows.weighing(weights), 0.0
        return other

    def logits(self, parameters: Joint, exact: bool = False) -> OfRows:
        """The logits of all rows, or what a direction adds to them.

        Args:
          parameters: or a direction.
          exact: in float64.
        """
        self.count += 0.5
        W, b = _split(parameters, tf.float64 if exact else tf.float32)
        logits = (self._plain if exact else self._compiled)[0]
        return [logits(chunk.features, chunk.weights, W, b) for chunk in self._chunks()]

    def at(self, logits: OfRows) -> Point:
        """Loss and gradient where rows have these logits; exact ones if the logits are."""
        self.count += 0.5
        point = self._for(logits)[1]
        figures, gradients, probabilities = [], [], []
        for chunk, own in zip(self._chunks(), logits, strict=True):
            of_chunk, of_W, of_b, found = point(*chunk, own)
            figures.append(of_chunk.numpy())
            gradients.append(np.concatenate([of_W, of_b], axis=1))
            probabilities.append(found)
        loss, log_loss, accuracy = (sum(figures) / self.n_samples).tolist()
        gradient = np.asarray(sum(gradients)) / self.n_samples
        return Point(loss, gradient, probabilities, log_loss, accuracy)

    def curved(self, probabilities: OfRows, direction: Joint) -> Joint:
        """The Hessian of the mean loss times a direction."""
        self.count += 1
        total, (W, b) = np.zeros_like(direction), _split(direction, tf.float32)
        for chunk, own in zip(self._chunks(), probabilities, strict=True):
            total += np.concatenate(
                self._compiled[2](chunk.features, chunk.weights, own, W, b), axis=1
            )
        return total / self.n_samples

    def loss_along(self, logits: OfRows, ahead: OfRows, size: float) -> float:
        """The mean loss once logits have moved by `size` times those `ahead`."""
        step, total, loss = tf.constant(size, logits[0].dtype), 0.0, self._for(logits)[3]
        for (labels, weights), own, moved in zip(self.rows.labels(), logits, ahead, strict=True):
            total += float(loss(labels, weights, own, moved, step))
        return total / self.n_samples

    def entropy(self, probabilities: OfRows, share: float) -> float:
        """The rows' mean entropy, in nats, that share of the way from targets to probabilities."""
        n_classes, dtype = probabilities[0].shape[1], tf.float64
        total = 0.0
        for (labels, weights), own in zip(self.rows.labels(), probabilities, strict=True):
            target = self._objective.target(tf.reshape(labels, [-1]), n_classes, dtype)
            P = target + share * (tf.cast(_side_by_side(own), dtype) - target)
            entropies = -tf.reduce_sum(tf.math.xlogy(P, P), 0)
            total += float(tf.tensordot(tf.cast(tf.reshape(weights, [-1]), dtype), entropies, 1))
        return total / self.n_samples

    def of_bias(self, logits: OfRows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the mean loss is to the bias.

        Returns:
          The mean of the rows' targets and that of their probabilities, ``[n_classes]``, whose
          difference is the gradient; and the Hessian, ``[n_classes, n_classes]``.
        """
        n_classes, dtype = logits[0].shape[1], logits[0].dtype
        wanted, found, curvature = (np.zeros([n_classes] * rank) for rank in (1, 1, 2))
        for (labels, weights), own in zip(self.rows.labels(), logits, strict=True):
            P = ops.softmax(_side_by_side(own), axis=CLASSES)
            counts = tf.cast(tf.reshape(weights, [-1]), dtype)
            target = self._objective.target(tf.reshape(labels, [-1]), n_classes, dtype)
            wanted += tf.linalg.matvec(target, counts).numpy()
            found += tf.linalg.matvec(P, counts).numpy()
            curvature -= tf.matmul(P * counts, P, transpose_b=True).numpy()
        curvature += np.diag(found)
        return wanted / self.n_samples, found / self.n_samples, curvature / self.n_samples

    def _chunks(self) -> Iterator[Chunk]:
        for chunk in self.rows.chunks():
            if self.on_pass:
                self.on_pass()
            yield chunk

    def _for(self, logits: OfRows) -> Any:
        return self._plain if logits[0].dtype == tf.float64 else self._compiled

    # The same for one chunk, in TensorFlow.

    def _chunk_logits(self, features: Any, weights: Any, W: Any, b: Any) -> Any:
        n_blocks, block_rows = weights.shape

        def block_logits(block: Any) -> Any:
            inputs = self._inputs(features, block, n_blocks, block_rows, W.dtype)
            return self._objective.logits([W, b], inputs)

        return _each_block(n_blocks, block_logits, [W.shape[0], block_rows], W.dtype)

    def _chunk_point(
        self, features: Any, labels: Any, weights: Any, new: Any, logits: Any
    ) -> tuple[Any, ...]:
        n_blocks, n_classes, block_rows = logits.shape
        objective, dtype = self._objective, logits.dtype
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

        n_inputs = self._objective.scaled(features[:1]).shape[1]
        shapes: list[list[int]] = [[3], [n_classes, n_inputs], [n_classes, 1]]
        return *_sum_of_blocks(n_blocks, sums, shapes), probabilities

    def _chunk_curved(
        self, features: Any, weights: Any, probabilities: Any, W: Any, b: Any
    ) -> list[Any]:
        n_blocks, block_rows = weights.shape

        def product(block: Any) -> list[Any]:
            inputs = self._inputs(features, block, n_blocks, block_rows, W.dtype)
            return self._objective.hessian_product(
                probabilities[block], inputs, weights[block], [W, b]
            )

        return _sum_of_blocks(n_blocks, product, (W.shape, b.shape))

    def _chunk_loss(self, labels: Any, weights: Any, logits: Any, ahead: Any, size: Any) -> Any:
        def loss(block: Any) -> list[Any]:
            moved = logits[block] + size * ahead[block]
            losses = self._objective.losses(moved, labels[block])
            return [tf.reduce_sum(tf.cast(weights[block], losses.dtype) * losses)]

        return _sum_of_blocks(weights.shape[0], loss, ([],))[0]

    def _inputs(self, features: Any, block: Any, n_blocks: int, block_rows: int, dtype: Any) -> Any:
        """The scaled rows of a block."""
        if n_blocks > 1:
            start = tf.minimum(block * block_rows, features.shape[0] - block_rows)
            features = tf.slice(features, [start, 0], [block_rows, features.shape[1]])
        return tf.cast(self._objective.scaled(features), dtype)


def _sum_of_blocks(
    n_blocks: int, of_block: Callable[[Any], Sequence[Any]], shapes: Sequence[Any]
) -> list[Any]:
    """The sums over all blocks of what a function returns for each, float64."""

    def add(block: Any, *sums: Any) -> tuple[Any, ...]:
        parts = of_block(block)
        return block + 1, *(a + tf.cast(b, tf.float64) for a, b in zip(sums, parts, strict=True))

    if n_blocks == 1:
        return [tf.cast(part, tf.float64) for part in of_block(0)]
    start = tf.constant(0), *(tf.zeros(shape, tf.float64) for shape in shapes)
    below = lambda block, *_: block < n_blocks  # noqa: E731
    return list(tf.while_loop(below, add, start, parallel_iterations=1)[1:])


def _each_block(n_blocks: int, of_block: Callable[[Any], Any], shape: Any, dtype: Any) -> Any:
    """What a function returns for each block, side by side."""

    def put(block: Any, found: Any) -> tuple[Any, Any]:
        return block + 1, tf.tensor_scatter_nd_update(found, [[block]], [of_block(block)])

    if n_blocks == 1:
        return of_block(0)[None]
    start = tf.constant(0), tf.zeros([n_blocks, *shape], dtype)
    below = lambda block, _: block < n_blocks  # noqa: E731
    return tf.while_loop(below, put, start, parallel_iterations=1)[1]


def _side_by_side(of_rows: tf.Tensor) -> tf.Tensor:
    """All blocks' rows in one, ``[n_classes, n_blocks * block_rows]``."""
    return tf.reshape(tf.transpose(of_rows, [1, 0, 2]), [of_rows.shape[1], -1])


def _split(joint: Joint, dtype: Any) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(joint[:, :-1], dtype), tf.constant(joint[:, -1:], dtype)
