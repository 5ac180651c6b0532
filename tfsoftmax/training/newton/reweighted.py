"""The maxima of the likelihood for many weightings of the same rows, found side by side.

All weightings take Newton's steps together, so that a pass over the rows is one matrix product for
all of them, as in `cross_validation`. Their equations are solved by conjugate gradients, whose
preconditioner is the information that all of them are near to: that of the rows as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from tfsoftmax.training.newton.conjugate_gradients import Many, conjugate_gradients
from tfsoftmax.training.newton.likelihood import Blocks, Maximum, maximise, penalised

_MOST_STEPS = 50
_MOST_ITERATIONS = 100
_SHORTEST = 2.0**-20
# A step is the last one once it promises no more than this, in nats of the whole likelihood: no
# parameter is then further from its maximum than about 1e-5 of its standard error.
_ENOUGH = 1e-10
# What conjugate gradients may leave of a step's promise.
_LEFT = 1e-4
# Where a logit has moved so far from that of the rows as they are, the likelihood may have no
# maximum, which an exact Newton's method finds out.
_FAR = 3.0


def maximise_each(blocks: Blocks, weightings: np.ndarray, near: Maximum, l2: float) -> Many:
    """Maximises the likelihood for each of several weightings of the rows.

    Args:
      blocks: goes through all rows.
      weightings: what rows count, ``[m, n_samples]``, each with mean 1.
      near: the maximum for the rows as they are, of the same l2.
      l2: strength of the penalty.

    Returns:
      The parameters, ``[m, n_classes - 1, n_inputs + 1]``.

    Raises:
      SeparationError: if one has no maximum.

    Reference: Nocedal and Wright, Numerical optimization (2006), algorithm 7.1.
    """
    found, going = (
        np.repeat(near.parameters[None], len(weightings), axis=0),
        np.arange(len(weightings)),
    )
    for _ in range(_MOST_STEPS):
        rows, here = _Weighted(blocks, weightings[going], l2), found[going]
        logits = rows.logits(here)
        score, probabilities = rows.score(here, logits)
        step, promised = conjugate_gradients(
            partial(rows.curved, probabilities),
            lambda rest: (rest.reshape(len(rest), -1) @ near.covariance).reshape(rest.shape),
            score,
            _MOST_ITERATIONS,
            _LEFT,
            _LEFT * _ENOUGH,
        )
        found[going] += rows.sizes(here, logits, step)[:, None, None] * step
        going = going[promised > _ENOUGH]
        if not len(going):
            break
    doubtful = set(going.tolist())
    if not l2:
        moved = _Weighted(blocks, weightings, l2).farthest(found - near.parameters)
        doubtful |= set(np.flatnonzero(moved > _FAR).tolist())
    n_others, width = near.parameters.shape
    for index in sorted(doubtful):
        own = _counting(blocks, weightings[index])
        found[index] = maximise(own, n_others + 1, width - 1, l2).parameters
    return found


def _counting(blocks: Blocks, weights: np.ndarray) -> Blocks:
    """The same rows with other weights."""

    def weighted() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        done = 0
        for rows, labels, _ in blocks():
            yield rows, labels, weights[done : done + len(rows)]
            done += len(rows)

    return weighted


class _Weighted:
    """All rows under each of several weightings.

    What is kept of each row, and each weighting, are logits and probabilities, block by block.
    """

    def __init__(self, blocks: Blocks, weightings: np.ndarray, l2: float):
        self._all, self._weightings = blocks, weightings
        self._held = weightings.shape[1] * l2

    def _blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        done = 0
        for rows, labels, _ in self._all():
            yield rows, labels, self._weightings[:, None, done : done + len(rows)]
            done += len(rows)

    def logits(self, many: Many) -> list[np.ndarray]:
        """The logits of all rows, or what directions add to them, ``[m, n_classes - 1, n]``."""
        return [_products(many, rows) for rows, _, _ in self._blocks()]

    def score(self, many: Many, logits: list[np.ndarray]) -> tuple[Many, list[np.ndarray]]:
        """The gradient of what is maximised, and the probabilities of all rows."""
        total, probabilities = -self._held * penalised(many), []
        for (rows, labels, weights), own in zip(self._blocks(), logits, strict=True):
            P = np.exp(own - _log_sum(own))
            probabilities.append(P)
            wanted = labels == np.arange(1, own.shape[1] + 1)[:, None]
            total += _summed(weights * (wanted - P), rows)
        return total, probabilities

    def curved(self, probabilities: list[np.ndarray], many: Many) -> Many:
        """The information times directions."""
        total = self._held * penalised(many)
        for (rows, _, weights), P in zip(self._blocks(), probabilities, strict=True):
            moved = P * _products(many, rows)
            total += _summed(weights * (moved - P * moved.sum(axis=1, keepdims=True)), rows)
        return total

    def values(self, many: Many, logits: list[np.ndarray]) -> np.ndarray:
        """What is maximised, ``[m]``."""
        total = -self._held / 2 * (many * penalised(many)).sum(axis=(1, 2))
        for (_, labels, weights), own in zip(self._blocks(), logits, strict=True):
            wanted = labels == np.arange(1, own.shape[1] + 1)[:, None]
            logs = (own * wanted).sum(axis=1) - _log_sum(own)[:, 0]
            total += np.einsum("mn,mn->m", weights[:, 0], logs)
        return total

    def sizes(self, many: Many, logits: list[np.ndarray], step: Many) -> np.ndarray:
        """How much of each step to take, ``[m]``: all, or so often halved that it is no fall."""
        before, ahead = self.values(many, logits), self.logits(step)
        sizes = np.ones(len(many))
        while True:
            wide = sizes[:, None, None]
            moved = [own + wide * more for own, more in zip(logits, ahead, strict=True)]
            after = self.values(many + wide * step, moved)
            # Near the maximum rounding hides what a step gains.
            falls = after < before - 1e-12 * np.abs(before)
            if not falls.any():
                return sizes
            sizes = np.where(falls, np.where(sizes > _SHORTEST, sizes / 2, 0.0), sizes)

    def farthest(self, away: Many) -> np.ndarray:
        """How far the logit of a row that counts has moved, at most, ``[m]``."""
        largest = np.zeros(len(away))
        for (_, _, weights), moved in zip(self._blocks(), self.logits(away), strict=True):
            largest = np.maximum(largest, np.abs(moved * (weights > 0)).max(axis=(1, 2)))
        return largest


def _products(many: Many, rows: np.ndarray) -> np.ndarray:
    """All models' products with the rows as one."""
    return (many.reshape(-1, many.shape[-1]) @ rows.T).reshape(*many.shape[:-1], len(rows))


def _summed(of_logits: np.ndarray, rows: np.ndarray) -> Many:
    """From derivatives with respect to logits to those with respect to parameters."""
    return (of_logits.reshape(-1, len(rows)) @ rows).reshape(*of_logits.shape[:-1], -1)


def _log_sum(logits: np.ndarray) -> np.ndarray:
    """The logarithm of the sum of the classes' exponentials, the reference's 1 among them."""
    top = np.maximum(logits.max(axis=1, keepdims=True), 0.0)
    return top + np.log(np.exp(-top) + np.exp(logits - top).sum(axis=1, keepdims=True))
