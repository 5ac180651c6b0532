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
from tfsoftmax.training.newton.likelihood import Blocks, Maximum, maximise
from tfsoftmax.training.newton.weighted_rows import WeightedRows

_MOST_STEPS = 50
_MOST_ITERATIONS = 100
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
        rows = WeightedRows(blocks, weightings[going], l2)
        here = rows.at(found[going])
        score, probabilities = rows.score(here)
        step, promised = conjugate_gradients(
            partial(rows.curved, probabilities),
            lambda rest: (rest.reshape(len(rest), -1) @ near.covariance).reshape(rest.shape),
            score,
            _MOST_ITERATIONS,
            _LEFT,
            _LEFT * _ENOUGH,
        )
        found[going] = rows.moved(here, step).parameters
        going = going[promised > _ENOUGH]
        if not len(going):
            break
    doubtful = set(going.tolist())
    if not l2:
        moved = WeightedRows(blocks, weightings, l2).farthest(found - near.parameters)
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
