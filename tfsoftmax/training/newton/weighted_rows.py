"""All rows under several weightings, each with parameters of its own, gone through side by side.

A pass over the rows is one matrix product for all weightings. What is maximised of each, and the
parameters it depends on, are those of `likelihood`. Products have the rows' precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.training.newton.conjugate_gradients import Many
from tfsoftmax.training.newton.likelihood import Blocks, penalised

_SHORTEST = 2.0**-20
# Shares of what is maximised that sums over rows of either precision do not resolve.
_ROUNDING = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}


# Blocks that threads are given.
_AT_A_TIME = 16

# Rows, their labels, and what they count under each weighting.
Block = tuple[np.ndarray, np.ndarray, np.ndarray]


class Place(NamedTuple):
    """Where each weighting's parameters are.

    Attributes:
      parameters: ``[m, n_classes - 1, n_inputs + 1]``.
      logits: of all rows, block by block, ``[m, n_classes - 1, n]``.
      values: of what is maximised, ``[m]``.
    """

    parameters: Many
    logits: list[np.ndarray]
    values: np.ndarray


class WeightedRows:
    """What a solver asks of all rows under each of several weightings, at one l2.

    >>> rows = np.array([[1.0, 1.0], [2.0, 1.0]])
    >>> blocks = lambda: [(rows, np.array([0, 1]), np.ones(2))]
    >>> twice = WeightedRows(blocks, np.array([[1.0, 1.0], [2.0, 0.0]]), l2=0.1)
    >>> here = twice.at(np.zeros((2, 1, 2)))
    >>> (here.values / np.log(2)).tolist(), twice.score(here)[0].tolist()
    ([-2.0, -2.0], [[[0.5, 0.0]], [[-1.0, -1.0]]])
    """

    def __init__(
        self,
        blocks: Blocks,
        weightings: np.ndarray,
        l2: float,
        threads: ThreadPoolExecutor | None = None,
    ):
        """Prepares the passes.

        Args:
          blocks: goes through all rows.
          weightings: what rows count, ``[m, n_samples]``.
          l2: strength of the penalty, beside the mean loss of rows that count 1.
          threads: go through several blocks at a time, which changes no bit of what is found; None
            is one after another.
        """
        self._all, self._weightings, self._threads = blocks, weightings, threads
        self._held = weightings.shape[1] * l2

    def at(self, many: Many) -> Place:
        """Goes there."""
        logits = self._logits(many)
        return Place(many, logits, self._values(many, logits))

    def moved(self, here: Place, step: Many) -> Place:
        """A step further, or where it would lower what is maximised half a step, and so on."""
        ahead, sizes = self._logits(step), np.ones(len(step))
        rounding = _ROUNDING[here.logits[0].dtype] * np.abs(here.values)
        while True:
            wide = sizes[:, None, None]
            logits = [
                own + wide.astype(own.dtype) * more
                for own, more in zip(here.logits, ahead, strict=True)
            ]
            parameters = here.parameters + wide * step
            values = self._values(parameters, logits)
            falls = values < here.values - rounding
            if not falls.any():
                return Place(parameters, logits, values)
            sizes = np.where(falls, np.where(sizes > _SHORTEST, sizes / 2, 0.0), sizes)

    def score(self, here: Place) -> tuple[Many, list[np.ndarray]]:
        """The gradient of what is maximised, and the probabilities of all classes, block by block.

        Each block's probabilities are ``[m, n_classes, n]``.
        """

        def of_block(block: Block, own: np.ndarray) -> tuple[np.ndarray, Many]:
            rows, labels, weights = block
            log_sum = _log_sum(own)
            P = np.concatenate([np.exp(-log_sum), np.exp(own - log_sum)], axis=1)
            # What the row's own class lacks is what the others have.
            own_class = _is_own(labels, P.shape[1])
            others = np.where(own_class, 0, P)
            slopes = np.where(own_class, others.sum(axis=1, keepdims=True), -P)[:, 1:]
            return P, _summed(weights * slopes, rows)

        total, probabilities = -self._held * penalised(here.parameters), []
        for P, part in self._each(of_block, here.logits):
            probabilities.append(P)
            total += part
        return total, probabilities

    def curved(self, probabilities: list[np.ndarray], many: Many) -> Many:
        """The information times directions."""

        def of_block(block: Block, P: np.ndarray) -> Many:
            rows, labels, weights = block
            moved = P[:, 1:] * _products(many, rows)
            mean = moved.sum(axis=1, keepdims=True)
            moved -= P[:, 1:] * mean
            # Over all classes it adds up to 0. Of a row that a model is sure of, rounding leaves
            # nothing but that of its own class.
            rest = moved.sum(axis=1, keepdims=True) - P[:, :1] * mean
            moved -= _is_own(labels, P.shape[1])[1:] * rest
            return _summed(weights * moved, rows)

        total = self._held * penalised(many)
        for part in self._each(of_block, probabilities):
            total += part
        return total

    def gram(self, probabilities: list[np.ndarray]) -> np.ndarray:
        """``X' diag(c) X``, c being the mean curvature of a row over classes and weightings.

        A row's curvature, ``diag(p) - p p'``, has the trace ``1 - sum p^2``, and as many values
        that are not 0 as there are classes but one.

        Returns:
          ``[n_inputs + 1, n_inputs + 1]``, in the rows' precision.
        """

        def of_block(block: Block, P: np.ndarray) -> np.ndarray:
            rows, _, weights = block
            trace = (P * (1 - P)).sum(axis=1)
            curvature = (weights[:, 0] * trace).mean(axis=0) / (P.shape[1] - 1)
            return rows.T @ (curvature[:, None] * rows)

        parts = self._each(of_block, probabilities)
        return sum(parts, next(parts))

    def farthest(self, away: Many) -> np.ndarray:
        """How far the logit of a row that counts has moved, at most, ``[m]``."""
        largest = np.zeros(len(away))
        for (_, _, weights), moved in zip(self._blocks(), self._logits(away), strict=True):
            largest = np.maximum(largest, np.abs(moved * (weights > 0)).max(axis=(1, 2)))
        return largest

    def _logits(self, many: Many) -> list[np.ndarray]:
        """The logits of all rows, or what directions add to them."""
        return list(self._each(lambda block: _products(many, block[0])))

    def _values(self, many: Many, logits: list[np.ndarray]) -> np.ndarray:
        def of_block(block: Block, own: np.ndarray) -> np.ndarray:
            _, labels, weights = block
            return (weights[:, 0] * _losses(labels, own)).sum(axis=1, dtype=np.float64)

        total = -self._held / 2 * (many * penalised(many)).sum(axis=(1, 2))
        for part in self._each(of_block, logits):
            total -= part
        return total

    def _each(self, of_block: Callable[..., Any], *of_rows: list[np.ndarray]) -> Iterator[Any]:
        """What a function finds in each block and what belongs to its rows, in order."""
        parts = zip(self._blocks(), *of_rows, strict=False)
        if self._threads is None:
            yield from (of_block(*part) for part in parts)
            return
        # A few at a time: what is found may be much larger than a block.
        while some := list(islice(parts, _AT_A_TIME)):
            yield from self._threads.map(lambda part: of_block(*part), some)

    def _blocks(self) -> Iterator[Block]:
        done = 0
        for rows, labels, _ in self._all():
            yield rows, labels, self._weightings[:, None, done : done + len(rows)]
            done += len(rows)


def _is_own(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Whether a class is the row's own, ``[n_classes, n]``."""
    return labels == np.arange(n_classes)[:, None]


def _losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """``-log p`` of each row's class, ``[m, n]``: with all digits where p is nearly 1, too."""
    own = _is_own(labels, logits.shape[1] + 1)
    of_own = np.where(own[1:], logits, 0).sum(axis=1, keepdims=True)
    ahead = np.where(own[1:], -np.inf, logits - of_own)
    reference = np.where(own[0], -np.inf, -of_own)
    top = np.maximum(np.maximum(ahead.max(axis=1, keepdims=True), reference), 0)
    others = np.exp(ahead - top).sum(axis=1, keepdims=True) + np.exp(reference - top)
    return (top + np.log1p(others + np.expm1(-top)))[:, 0]


def _products(many: Many, rows: np.ndarray) -> np.ndarray:
    """All models' products with the rows as one."""
    flat = many.reshape(-1, many.shape[-1]).astype(rows.dtype, copy=False)
    return (flat @ rows.T).reshape(*many.shape[:-1], len(rows))


def _summed(of_logits: np.ndarray, rows: np.ndarray) -> Many:
    """From derivatives with respect to logits to those with respect to parameters."""
    return (of_logits.reshape(-1, len(rows)) @ rows).reshape(*of_logits.shape[:-1], -1)


def _log_sum(logits: np.ndarray) -> np.ndarray:
    """The logarithm of the sum of the classes' exponentials, the reference's 1 among them."""
    top = np.maximum(logits.max(axis=1, keepdims=True), 0)
    return top + np.log(np.exp(-top) + np.exp(logits - top).sum(axis=1, keepdims=True))
