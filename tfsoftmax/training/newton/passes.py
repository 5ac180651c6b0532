"""Passes over all training rows: everything that touches them while the minimum is sought.

Each of several workers goes through its own rows; what they find is added up.
Rows are scaled inside a pass, block by block, so that nothing as wide as the features is ever
kept of all rows: only logits and probabilities are. Products are float32 and sums over blocks
float64, unless exact ones are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.training.newton.of_chunk import How, OfChunk, of_chunk
from tfsoftmax.training.newton.rows import Chunk, Counted, Rows
from tfsoftmax.training.objective import Objective

# W and b, or a direction to move them in, side by side: float64 ``[n_classes, n_inputs + 1]``.
Joint = np.ndarray
# Of each chunk of rows, ``[n_blocks, n_classes, block_rows]``.
OfRows = list[tf.Tensor]
# Features, weights and probabilities of a chunk, and how many of its blocks there are.
Curving = tuple[tf.Tensor, tf.Tensor, tf.Tensor, Any]


class Point(NamedTuple):
    """What a pass finds at some parameters.

    Attributes:
      loss: mean of the rows', without penalties.
      gradient: of the mean loss.
      probabilities: of all rows; none where they were not to be kept.
      log_loss: mean of the rows' cross-entropies, in nats, each counting the same.
      accuracy: share of the rows whose class is the most likely one.
    """

    loss: float
    gradient: Joint
    probabilities: OfRows
    log_loss: float
    accuracy: float


class OfBias(NamedTuple):
    """What the mean loss is to the bias.

    Attributes:
      loss: the mean loss, without penalties.
      wanted: the mean of the rows' targets, ``[n_classes]``.
      found: that of their probabilities; the gradient is what this is more.
      curvature: the Hessian, ``[n_classes, n_classes]``.
    """

    loss: float
    wanted: np.ndarray
    found: np.ndarray
    curvature: np.ndarray


class Passes:
    """All training rows, and what a solver asks of them.

    Attributes:
      dtype: of products with the rows, but for exact ones.
      rows: the rows.
      n_samples: how many there are, on all workers; what is found is the mean of these.
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
        # A proof goes through the rows once: compiling for that would take longer.
        ways: tuple[How, How] = ("xla", "graph") if compiled else ("eager", "eager")
        self._float32, self._float64 = (
            of_chunk(objective.scaled, objective.smoothing, how) for how in ways
        )
        center = objective.center
        self._center = None if center is None else tf.constant(center, tf.float32)

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
        made = self._to_logits(parameters, tf.float64 if exact else tf.float32)
        return [made(chunk.features, chunk.weights) for chunk in self._chunks()]

    def at(self, logits: OfRows, keep: bool = True) -> Point:
        """Loss and gradient where rows have these logits; exact ones if the logits are.

        Args:
          logits: of all rows.
          keep: whether the rows' probabilities are.
        """
        self.count += 0.5
        figures, gradients, probabilities = [], [], []
        point = partial(self._for(logits).point, self._center)
        for chunk, own in self._with_features(logits):
            of_chunk, of_W, of_b, found = point(*chunk, own)
            figures.append(of_chunk.numpy())
            gradients.append(np.concatenate([of_W, of_b], axis=1))
            probabilities += [found] if keep else []
        total, gradient = self._of_all(sum(figures), sum(gradients))
        loss, log_loss, accuracy = (total / self.n_samples).tolist()
        return Point(loss, gradient / self.n_samples, probabilities, log_loss, accuracy)

    def curving(self, probabilities: OfRows) -> OfRows:
        """What `curved` is to be given for several products where rows have these probabilities."""
        return probabilities

    def curved(self, probabilities: OfRows, direction: Joint) -> Joint:
        """The Hessian of the mean loss times a direction.

        Args:
          probabilities: of all rows, or what `curving` has made of them.
          direction: like W and b.
        """
        self.count += 1
        every = zip(self._chunks(), probabilities, strict=True)
        parts = ((chunk.features, chunk.weights, own, len(chunk.weights)) for chunk, own in every)
        return self._hessian_times(direction, parts)

    def _hessian_times(self, direction: Joint, parts: Iterable[Curving]) -> Joint:
        """The sum of what the Hessian of all workers' rows times a direction has of each part."""
        total, (W, b) = np.zeros_like(direction), _split(direction, tf.float32)
        curved = partial(self._float32.curved, self._center)
        for features, weights, probabilities, n_blocks in parts:
            P = tf.cast(probabilities, tf.float32)
            found = curved(features, weights, P, tf.constant(n_blocks), W, b)
            total += np.concatenate(found, axis=1)
        return self._of_all(total)[0] / self.n_samples

    def loss_along(self, logits: OfRows, ahead: OfRows, size: float) -> float:
        """The mean loss once logits have moved by `size` times those `ahead`."""
        step, total = tf.constant(size, logits[0].dtype), 0.0
        loss = self._for(logits).loss
        for (counted, own), moved in zip(self._with_labels(logits), ahead, strict=True):
            total += float(loss(counted.labels, counted.weights, own, moved, step))
        return float(self._of_all(total)[0]) / self.n_samples

    def entropy(self, probabilities: OfRows, share: float) -> float:
        """The rows' mean entropy, in nats, that share of the way from targets to probabilities."""
        n_classes, dtype = probabilities[0].shape[1], tf.float64
        total = 0.0
        for counted, own in zip(self.rows.labels(), probabilities, strict=True):
            labels, weights = (tf.reshape(part, [-1]) for part in counted[:2])
            target = self._objective.target(labels, n_classes, dtype)
            P = target + share * (tf.cast(_side_by_side(own), dtype) - target)
            entropies = -tf.reduce_sum(tf.math.xlogy(P, P), 0)
            total += float(tf.tensordot(tf.cast(weights, dtype), entropies, 1))
        return float(self._of_all(total)[0]) / self.n_samples

    def of_bias(self, logits: OfRows) -> OfBias:
        """What the mean loss is to the bias where rows have these logits."""
        bias = self._for(logits).bias
        sums = [
            [part.numpy() for part in bias(counted.labels, counted.weights, own)]
            for counted, own in self._with_labels(logits)
        ]
        totals = self._of_all(*(sum(parts) for parts in zip(*sums, strict=True)))
        loss, wanted, found, squares = (total / self.n_samples for total in totals)
        return OfBias(float(loss), wanted, found, np.diag(found) - squares)

    def between(self, one: OfRows, other: OfRows) -> OfRows:
        """What leads from some logits to others."""
        return [b - a for a, b in zip(one, other, strict=True)]

    def shifted(self, logits: OfRows, step: np.ndarray) -> OfRows:
        """Logits once the bias has moved by a step, ``[n_classes]``."""
        return [own + step[:, None] for own in logits]

    def _of_all(self, *parts: Any) -> list[np.ndarray]:
        """The sums over all workers of these rows' parts, float64."""
        sums = self.rows.workers.sum([np.asarray(part, np.float64) for part in parts])
        return [np.asarray(total) for total in sums]

    def _for(self, logits: OfRows) -> OfChunk:
        return self._of_chunk(logits[0].dtype)

    def _of_chunk(self, dtype: tf.DType) -> OfChunk:
        return self._float64 if dtype == tf.float64 else self._float32

    def _to_logits(self, parameters: Joint, dtype: tf.DType) -> Callable[..., tf.Tensor]:
        """From the features and weights of a chunk to its logits."""
        logits, joint = self._of_chunk(dtype).logits, _split(parameters, dtype)
        return lambda features, weights: logits(self._center, features, weights, *joint)

    def _with_features(self, logits: OfRows) -> Iterator[tuple[Chunk, tf.Tensor]]:
        """Each chunk of rows, and its logits."""
        return zip(self._chunks(), logits, strict=True)

    def _with_labels(self, logits: OfRows) -> Iterator[tuple[Counted, tf.Tensor]]:
        """Each chunk without its features, and its logits."""
        return zip(self.rows.labels(), logits, strict=True)

    def _begin(self, share: float) -> None:
        """Counts such a share of a pass, which goes through rows as one chunk."""
        self.count += share
        if self.on_pass:
            self.on_pass()

    def _chunks(self) -> Iterator[Chunk]:
        for chunk in self.rows.chunks():
            if self.on_pass:
                self.on_pass()
            yield chunk


def _side_by_side(of_rows: tf.Tensor) -> tf.Tensor:
    """All blocks' rows in one, ``[n_classes, n_blocks * block_rows]``."""
    return tf.reshape(tf.transpose(of_rows, [1, 0, 2]), [of_rows.shape[1], -1])


def _split(joint: Joint, dtype: Any) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(joint[:, :-1], dtype), tf.constant(joint[:, -1:], dtype)
