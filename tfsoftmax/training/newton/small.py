"""Passes over few rows, in NumPy: tracing or compiling would take longer than all of them."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import entr

from tfsoftmax.training.newton.passes import Joint, OfBias, OfRows, Passes, Point
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.objective import Objective

# So many numbers are gone through in float64 as fast as in float32, at most.
_EXACT = 2**16


class NumpyPasses(Passes):
    """`Passes` over rows in memory as one chunk; what belongs to rows are arrays, not tensors."""

    def weighing(self, weights: np.ndarray) -> Passes:
        """As for `Passes`."""
        other = super().weighing(weights)
        other.__dict__.pop("_counts", None)
        return other

    def logits(self, parameters: Joint, exact: bool = False) -> OfRows:
        """As for `Passes`."""
        self._begin(0.5)
        return [self._products(parameters, np.dtype(np.float64 if exact else self.dtype))]

    def at(self, logits: OfRows, keep: bool = True) -> Point:
        """As for `Passes`."""
        self._begin(0.5)
        P, losses, plain = self._answers(logits[0])
        gradient = self._to_parameters(self._slopes(P) * self.counts(P.dtype))
        new, right = self.rows.counted.new.numpy(), logits[0].argmax(1) == self._labels
        totals = [of[new].sum(dtype=np.float64) for of in (plain, right)]
        loss, *totals, gradient = self._of_all(self._mean(losses), *totals, gradient)
        log_loss, accuracy = (float(total) / self.n_samples for total in totals)
        return Point(float(loss), gradient, [P] if keep else [], log_loss, accuracy)

    def curved(self, probabilities: OfRows, direction: Joint) -> Joint:
        """As for `Passes`."""
        self._begin(1)
        P = np.asarray(probabilities[0], self.dtype)
        moved = P * self._products(direction, P.dtype)
        moved = (moved - P * moved.sum(1, keepdims=True)) * self.counts(P.dtype)
        return self._of_all(self._to_parameters(moved))[0]

    def loss_along(self, logits: OfRows, ahead: OfRows, size: float) -> float:
        """As for `Passes`."""
        moved = logits[0] + logits[0].dtype.type(size) * ahead[0]
        return float(self._of_all(self._mean(self._answers(moved)[1]))[0])

    def entropy(self, probabilities: OfRows, share: float) -> float:
        """As for `Passes`."""
        target = self._target(np.float64)
        entropies = entr(target + share * (probabilities[0] - target)).sum(1)
        return float(self._of_all(self._mean(entropies))[0])

    def of_bias(self, logits: OfRows) -> OfBias:
        """As for `Passes`."""
        P, losses, _ = self._answers(logits[0])
        weighted = P * (self.counts(P.dtype) / self.n_samples)
        wanted = self._target(P.dtype) * (self.counts(P.dtype) / self.n_samples)
        squares = (weighted @ P.transpose(0, 2, 1)).sum(0)
        loss, wanted, found, squares = self._of_all(
            self._mean(losses), wanted.sum((0, 2)), weighted.sum((0, 2)), squares
        )
        return OfBias(float(loss), wanted, found, np.diag(found) - squares)

    def _answers(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities, and each row's loss, with its label smoothed and without."""
        shifted = logits - logits.max(1, keepdims=True)
        P = np.exp(shifted)
        total = P.sum(1, keepdims=True)
        P /= total
        own = np.take_along_axis(shifted, self._labels[:, None], 1)[:, 0]
        plain = np.log(total[:, 0]) - own
        smoothing = self._objective.smoothing
        return P, plain + smoothing * (own - shifted.mean(1)) if smoothing else plain, plain

    @property
    def _labels(self) -> np.ndarray:
        return self.rows.counted.labels.numpy()

    def _slopes(self, P: np.ndarray) -> np.ndarray:
        """As `Objective.slopes`."""
        others = np.where(self._own, 0.0, P - self._target(P.dtype)).astype(P.dtype)
        return np.where(self._own, -others.sum(1, keepdims=True), others)

    @cached_property
    def _own(self) -> np.ndarray:
        """Whether a class is the row's own, ``[n_blocks, n_classes, block_rows]``."""
        classes = np.arange(self.rows.n_classes)
        return self._labels[:, None] == classes[:, None]

    def _target(self, dtype: Any) -> np.ndarray:
        return self._targets[np.dtype(dtype)]

    @cached_property
    def _targets(self) -> dict[np.dtype, np.ndarray]:
        labels, n_classes = self.rows.counted.labels, self.rows.n_classes
        flat = self._objective.target(tf.reshape(labels, [-1]), n_classes, tf.float64).numpy()
        exact = flat.reshape(n_classes, *labels.shape).transpose(1, 0, 2)
        return {each.dtype: each for each in (exact, exact.astype(np.float32))}

    def counts(self, dtype: Any) -> np.ndarray:
        """What each row counts, ``[n_blocks, 1, block_rows]``; 0 where an earlier block has it."""
        return self._counts[np.dtype(dtype)]

    @cached_property
    def _counts(self) -> dict[np.dtype, np.ndarray]:
        weights = self.rows.in_blocks(self.rows.weights)
        exact = np.where(self.rows.counted.new.numpy(), weights, 0).astype(np.float64)[:, None]
        return {each.dtype: each for each in (exact, exact.astype(np.float32))}

    def _mean(self, of_rows: np.ndarray) -> float:
        """What numbers of the held rows add to the mean of all."""
        return float((self.counts(np.float64)[:, 0] * of_rows).sum()) / self.n_samples

    @abstractmethod
    def _products(self, joint: Joint, dtype: np.dtype) -> np.ndarray:
        """Each row's numbers for the classes, ``[n_blocks, n_classes, block_rows]``."""

    @abstractmethod
    def _to_parameters(self, of_logits: np.ndarray) -> Joint:
        """The mean of rows' derivatives as one with respect to W and b, in their precision."""


class SmallPasses(NumpyPasses):
    """`Passes` over few rows, which are kept scaled and centred, in blocks."""

    def __init__(self, objective: Objective, rows: Rows):
        """Scales the rows.

        Args:
          objective: what is minimised.
          rows: the training rows, few of them.
        """
        super().__init__(objective, rows, compiled=False)
        self._scaled = objective.scaled(rows.whole.features).numpy()
        if self.n_samples * self._scaled.shape[1] <= _EXACT:
            self.dtype = np.float64

    @cached_property
    def inputs(self) -> np.ndarray:
        """Scaled and centred rows with a 1 for the bias, ``[n_blocks, block_rows, n_inputs + 1]``.

        They are float64 where they are very few, so that fits that should be the same are.
        """
        return self._exact.astype(self.dtype, copy=False)

    @cached_property
    def _exact(self) -> np.ndarray:
        inputs = np.ones((len(self._scaled), self._scaled.shape[1] + 1))
        inputs[:, :-1] = self._scaled
        if (center := self._objective.center) is not None:
            inputs[:, :-1] -= center
        return self.rows.in_blocks(inputs)

    def _products(self, joint: Joint, dtype: np.dtype) -> np.ndarray:
        return joint.astype(dtype) @ self._of(dtype).transpose(0, 2, 1)

    def _to_parameters(self, of_logits: np.ndarray) -> Joint:
        # Products of a block and sums over blocks, as for `Passes`.
        return (of_logits @ self._of(of_logits.dtype)).sum(0, np.float64) / self.n_samples

    def _of(self, dtype: np.dtype) -> np.ndarray:
        if dtype != self.dtype:
            return self._exact
        # Twice as large as all else, and of use to a proof, or to steps that are all as exact.
        self.__dict__.pop("_exact", None)
        return self.inputs
