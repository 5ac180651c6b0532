"""The optimum at one l2 after another, of many weightings of the same rows side by side.

From strong to weak, each begins where a line through the last two leads, so that one of Newton's
steps is mostly enough. A pass over the rows is one matrix product for all weightings, and all of
them share a preconditioner: their mean curvature of each row, the same for all classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from tfsoftmax.training.newton.conjugate_gradients import Many, conjugate_gradients
from tfsoftmax.training.newton.likelihood import Blocks
from tfsoftmax.training.newton.weighted_rows import Place, WeightedRows

_MOST_STEPS = 20
_MOST_ITERATIONS = 60
# What conjugate gradients may leave of a step's gain.
_LEFT = 0.01
# As many strengths share a preconditioner.
_SHARING = 3
# Share of the largest diagonal that is added to each, for float32 products.
_FLAT = 1e-6


def optima(
    blocks: Blocks,
    weightings: np.ndarray,
    n_classes: int,
    n_inputs: int,
    strengths: Sequence[float],
    enough: float,
    threads: ThreadPoolExecutor | None = None,
) -> Iterator[Many]:
    """Finds the optimum of every weighting at one l2 after another.

    Args:
      blocks: goes through all rows, in float32.
      weightings: what rows count, float32 ``[m, n_samples]``; the penalty is that beside the mean
        loss of rows that count 1.
      n_classes: with the reference.
      n_inputs: without the intercept.
      strengths: of the l2 penalty, the strongest first, all above 0.
      enough: a step is the last one if it gains no more than this share of the objective, because
        the next one would gain far less; or if that was to be more, but sums of float32 show none
        of it.
      threads: as for `WeightedRows`.

    Yields:
      For each l2 the parameters as `likelihood` has them, ``[m, n_classes - 1, n_inputs + 1]``.

    References: Friedman, Hastie and Tibshirani, Regularization paths for generalized linear models
    via coordinate descent (2010), for the path; Allgower and Georg, Introduction to numerical
    continuation methods (2003), section 2.2, for where each optimum is looked for.
    """
    found = before = np.zeros((len(weightings), n_classes - 1, n_inputs + 1))
    shared = None
    for done, l2 in enumerate(strengths):
        rows = WeightedRows(blocks, weightings, l2, threads)
        here = rows.at(found)
        if done > 1:
            ratio = _log_ratio(strengths[done - 1], l2) / _log_ratio(*strengths[done - 2 : done])
            here = rows.moved(here, ratio * (found - before))
        for step in range(_MOST_STEPS):
            score, probabilities = rows.score(here)
            if shared is None or (step == 0 and done % _SHARING == 0):
                shared = SharedCurvature(rows.gram(probabilities), weightings.shape[1] * l2)
            before_step = here.values
            here, gain = _step(rows, here, score, probabilities, shared)
            gained = np.minimum(gain, here.values - before_step)
            if (gained <= enough * np.abs(here.values)).all():
                break
        found, before = here.parameters, found
        yield found


def _step(
    rows: WeightedRows,
    here: Place,
    score: Many,
    probabilities: list[np.ndarray],
    shared: SharedCurvature,
) -> tuple[Place, np.ndarray]:
    """Newton's step, and what it was to gain."""
    step, _ = conjugate_gradients(
        partial(rows.curved, probabilities), shared.solve, score, _MOST_ITERATIONS, _LEFT
    )
    return rows.moved(here, step), (score * step).sum(axis=(1, 2)) / 2


def _log_ratio(one: float, other: float) -> float:
    return float(np.log(one / other))


class SharedCurvature:
    """The inverse of the information where every row curves all classes alike.

    Of a Gram matrix G of so weighted rows it is ``I - 1 1' / n_classes`` of the classes times G and
    the penalty, and the inverse of the former is ``I + 1 1'``.

    >>> shared = SharedCurvature(np.eye(2), 1.0)
    >>> shared.solve(np.ones((1, 2, 2))).round(4).tolist()
    [[[1.5, 3.0], [1.5, 3.0]]]
    """

    def __init__(self, gram: np.ndarray, held: float):
        """Inverts it.

        Args:
          gram: ``[n_inputs + 1, n_inputs + 1]``.
          held: what the penalty adds for each input.
        """
        H = gram.astype(np.float64)
        diagonal = np.einsum("ii->i", H)
        diagonal += _FLAT * diagonal.max()
        diagonal[:-1] += held
        inverse = cho_solve(cho_factor(H, check_finite=False), np.eye(len(H)), check_finite=False)
        self._inverse = inverse.astype(gram.dtype)

    def solve(self, right: Many) -> Many:
        """The inverse times ``[m, n_classes - 1, n_inputs + 1]``."""
        rest = right + right.sum(axis=1, keepdims=True)
        flat = rest.reshape(-1, rest.shape[-1]).astype(self._inverse.dtype)
        return (flat @ self._inverse).astype(np.float64).reshape(rest.shape)
