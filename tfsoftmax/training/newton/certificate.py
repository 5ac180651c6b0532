"""A proof of how far some parameters are from the minimum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfsoftmax.training.newton.passes import Joint, OfRows, Passes, Point

# Steps for the bias: near its best value a few are enough, whatever is left is squared by each.
_MOST_STEPS = 200
_NOTHING, _LITTLE = 1e-15, 1e-8
_TINY = 1e-300


class Certificate(NamedTuple):
    """What is proven of some parameters.

    Attributes:
      objective: mean loss and penalty.
      gap: it is no further than this above its minimum.
    """

    objective: float
    gap: float

    @property
    def relative(self) -> float:
        """The gap as a share of the objective."""
        return self.gap / self.objective


def certify(passes: Passes, parameters: Joint, l2: float, l1: float = 0.0) -> Certificate:
    """Bounds how far the objective is above its minimum, in float64.

    Whatever probabilities q the rows have, the loss is at least their entropy plus what ``q - y``
    times the logits is. So if the gradient g of the loss at q has nothing left for the bias, the
    objective is nowhere less than the entropy plus the least that ``g W`` and the penalties add up
    to; and the model's own probabilities, at the bias that is best for its W, are such q. With l2
    above 0 the gap between the two is a sum over weights; without l1 it is
    ``||g + l2 W||^2 / (2 l2)``. With l1 alone, q is that share of the way from y to the
    probabilities at which no g is above l1.

    What the given bias lacks is the difference of the two losses.

    Args:
      passes: over the training rows.
      parameters: W and b.
      l2: strength of the penalty on squares.
      l1: strength of that on magnitudes; not both are 0.

    References: Boyd and Vandenberghe, Convex optimization (2004), sections 5.1 and 9.1.2; Yu,
    Huang and Lin, Dual coordinate descent methods for logistic regression and maximum entropy
    models (2011), eq. 60; Ndiaye et al., Gap safe screening rules for sparse multi-task and
    multi-class models (NIPS 2015), for l1; Darroch and Ratcliff, Generalized iterative scaling for
    log-linear models (1972), for the bias.
    """
    logits = passes.logits(parameters, exact=True)
    # Only l1 needs probabilities of all rows, which are as large as logits.
    given, point, left = _at_best_bias(passes, logits, keep=bool(l1))
    gap = gap_of(passes, point, parameters, l2, l1) + max(0.0, given - point.loss) + left
    return Certificate(given + penalty_of(parameters, l2, l1), gap)


def penalty_of(parameters: Joint, l2: float, l1: float) -> float:
    """``l2/2 ||W||^2 + l1 ||W||_1``."""
    W = parameters[:, :-1]
    return l2 / 2 * float(np.square(W).sum()) + l1 * float(np.abs(W).sum())


def gap_of(passes: Passes, point: Point, parameters: Joint, l2: float, l1: float) -> float:
    """The gap that `certify` describes, where the bias is at its best.

    Args:
      passes: over the training rows.
      point: at these parameters.
      parameters: W and b.
      l2: strength of the penalty on squares.
      l1: strength of that on magnitudes.
    """
    W, g = parameters[:, :-1], point.gradient[:, :-1]
    if not l1:
        return float(np.square(g + l2 * W).sum()) / (2 * l2)
    if l2:
        above = np.maximum(np.abs(g) - l1, 0.0)
        parts = g * W + l2 / 2 * W**2 + l1 * np.abs(W) + above**2 / (2 * l2)
        return max(0.0, float(parts.sum()))
    share = min(1.0, l1 / max(float(np.abs(g).max()), _TINY))
    entropy = passes.entropy(point.probabilities, share)
    return max(0.0, point.loss + l1 * float(np.abs(W).sum()) - entropy)


def _at_best_bias(passes: Passes, logits: OfRows, keep: bool) -> tuple[float, Point, float]:
    """The mean loss at these logits, what a pass finds at the best bias, and what is left there."""
    at = passes.of_bias(logits)
    given, left = at.loss, np.inf
    for _ in range(_MOST_STEPS):
        step, left = _step(at.found - at.wanted, at.curvature)
        if left < _NOTHING:
            break
        moved = passes.shifted(logits, step)
        if left < _LITTLE:
            # As good as there: the pass that is needed there anyway says whether it is.
            point = passes.at(moved, keep)
            _, left = _step(point.gradient[:, -1], at.curvature)
            if left < _NOTHING and point.loss <= at.loss:
                return given, point, left
        after = passes.of_bias(moved)
        if np.abs(step).max() > 1 or after.loss > at.loss:
            # Far away, where no row is in doubt, Newton's step leads anywhere; this one never
            # raises the loss: generalised iterative scaling.
            step = np.log(np.maximum(at.wanted, _TINY) / np.maximum(at.found, _TINY))
            moved = passes.shifted(logits, step)
            after = passes.of_bias(moved)
        logits, at = moved, after
    return given, passes.at(logits, keep), left


def _step(slope: np.ndarray, curvature: np.ndarray) -> tuple[np.ndarray, float]:
    """Newton's step for the bias, and twice what the loss falls by in it."""
    # The same number added to all biases changes nothing: the shortest step is taken.
    step = -np.linalg.lstsq(curvature, slope, rcond=1e-12)[0]
    return step, abs(float(slope @ step))
