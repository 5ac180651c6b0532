"""Passes whose Hessian is that of drawn rows, because those the model is sure of hardly curve."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.training.newton.passes import Joint, OfRows, Passes
from tfsoftmax.training.seeds import CURVING_STREAM

# Of all rows, at most: with more, a product takes hardly less time. There is room for so many.
_MOST = 0.6
_TINY = 1e-300


class Drawn(NamedTuple):
    """Rows that stand for all in products with the Hessian; there is room for more of them.

    Attributes:
      features: raw, ``[n_blocks * block_rows, n_features]``, on the device.
      weights: what each row counts, ``[n_blocks, block_rows]``; 0 where there is none.
      probabilities: ``[n_blocks, n_classes, block_rows]``.
      n_used: blocks that have rows.
      share: of this process's rows.
    """

    features: tf.Tensor
    weights: tf.Tensor
    probabilities: tf.Tensor
    n_used: tf.Tensor
    share: float


class DrawnPasses(Passes):
    """`Passes` over rows in memory, in which products with the Hessian leave sure rows out.

    A row curves the objective as much as the model doubts its class: ``1 - sum p^2``, p its
    probabilities. Rows that do so less than the mean are drawn, the more likely the more they do,
    and those that are drawn count for the others. So the Hessian is right in the mean. Losses,
    gradients and the proof are those of all rows: what is drawn changes the way to the optimum
    alone.

    Reference: Xu, Yang, Roosta-Khorasani, Re and Mahoney, Sub-sampled Newton methods with
    non-uniform sampling (2016).
    """

    def curving(self, probabilities: OfRows) -> OfRows:
        """As for `Passes`; drawn rows, where these are few enough."""
        rows, P = self.rows, np.asarray(probabilities[0])
        weights = rows.counted.weights.numpy()
        sizes = weights * (1 - np.einsum("ikj,ikj->ij", P, P))
        (total,) = rows.workers.sum([np.float64(sizes.sum(dtype=np.float64))])
        chances = np.minimum(sizes * np.float32(rows.n_samples / max(float(total), _TINY)), 1)
        (wanted,) = rows.workers.sum([np.float64(chances.sum(dtype=np.float64))])
        if wanted > _MOST * rows.n_samples:
            return probabilities
        kept = np.nonzero(self._lots < chances)
        too_many = len(kept[0]) > self._n_blocks * weights.shape[1]
        if np.any(rows.workers.sum([np.float64(too_many)])):
            return probabilities
        return [self._taken(kept, weights[kept] / chances[kept], P[kept[0], :, kept[1]])]

    def curved(self, probabilities: OfRows, direction: Joint) -> Joint:
        """As for `Passes`."""
        drawn = probabilities[0]
        if not isinstance(drawn, Drawn):
            return super().curved(probabilities, direction)
        self._begin(drawn.share)
        return self._hessian_times(direction, [drawn[:4]])

    def _taken(
        self, kept: tuple[np.ndarray, ...], weights: np.ndarray, probabilities: np.ndarray
    ) -> Drawn:
        """Some rows, each counting what these weights say; first come their places in blocks."""
        n_blocks, block_rows = self._n_blocks, self._lots.shape[1]
        n_kept, indices = len(weights), self.rows.places[kept]

        def in_blocks(of_rows: np.ndarray) -> np.ndarray:
            padded = np.zeros((n_blocks * block_rows, *of_rows.shape[1:]), of_rows.dtype)
            padded[:n_kept] = of_rows
            return padded.reshape(n_blocks, block_rows, *of_rows.shape[1:])

        features = tf.gather(self.rows.whole.features, in_blocks(indices).ravel())
        P = tf.constant(in_blocks(probabilities).transpose(0, 2, 1))
        n_used = tf.constant(-(-n_kept // block_rows))
        share = n_kept / len(self.rows.weights)
        return Drawn(features, tf.constant(in_blocks(weights)), P, n_used, share)

    @cached_property
    def _lots(self) -> np.ndarray:
        """A number for each row of each block, below 1."""
        # The same ones at all parameters, so that a run that is resumed goes the same way.
        rows = self.rows
        lots = np.random.default_rng(CURVING_STREAM).random(rows.n_samples, np.float32)
        return rows.in_blocks(lots[rows.held])

    @cached_property
    def _n_blocks(self) -> int:
        """There is room for so many blocks of drawn rows, which are beside all others in memory."""
        features, (n_blocks, block_rows) = self.rows.whole.features, self._lots.shape
        row_bytes = max(1, int(np.prod(features.shape[1:])) * features.dtype.size)
        spare = max(0, self.rows.memory_limit - len(features) * row_bytes)
        return max(1, min(int(_MOST * n_blocks), spare // (block_rows * row_bytes)))
