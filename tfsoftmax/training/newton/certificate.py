"""A proof of how far some parameters are from the minimum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfsoftmax.training.newton.passes import Joint, OfRows, Passes

# Steps for the bias: near its best value a few are enough, whatever is left is squared by each.
_MOST_STEPS = 200
_NOTHING = 1e-15
_TINY = 1e-300


class Certificate(NamedTuple):
    """What is proven of some parameters.

    Attributes:
      objective: mean loss and penalty.
      gap: it is no further than this above its minimum.
      gradient: of the objective, once the bias is at its best for these W.
    """

    objective: float
    gap: float
    gradient: Joint

    @property
    def relative(self) -> float:
        """The gap as a share of the objective."""
        return self.gap / self.objective


def certify(passes: Passes, parameters: Joint, l2: float) -> Certificate:
    """Bounds how far the objective is above its minimum, in float64.

    With l2 > 0 the objective is strongly convex in W. At a bias that is the best for a W, so that
    its own gradient is 0, the objective is at most ``||g_W||^2 / (2 l2)`` above the minimum, g_W
    being the gradient with respect to W. That bias is found first; what the given one lacks is
    the difference of the two losses.

    Args:
      passes: over the training rows.
      parameters: W and b.
      l2: above 0.

    References: Boyd and Vandenberghe, Convex optimization (2004), eq. 9.9; the same number is the
    duality gap at the dual point ``p - y``: Yu, Huang and Lin, Dual coordinate descent methods
    for logistic regression and maximum entropy models (2011), eq. 60; Darroch and Ratcliff,
    Generalized iterative scaling for log-linear models (1972).
    """
    logits = passes.logits(parameters, exact=True)
    given, best, left = _at_best_bias(passes, logits)
    point = passes.at(best)
    W = parameters[:, :-1]
    slope = point.gradient.copy()
    slope[:, :-1] += l2 * W
    gap = float(np.square(slope[:, :-1]).sum()) / (2 * l2) + max(0.0, given - point.loss) + left
    return Certificate(given + l2 / 2 * float(np.square(W).sum()), gap, slope)


def _at_best_bias(passes: Passes, logits: OfRows) -> tuple[float, OfRows, float]:
    """The mean loss at these logits, those with the bias that makes it least, and what is left."""
    first = loss = passes.loss_along(logits, logits, 0.0)
    left = np.inf
    for _ in range(_MOST_STEPS):
        wanted, found, curvature = passes.of_bias(logits)
        slope = found - wanted
        # The same number added to all biases changes nothing: the shortest step is taken.
        step = -np.linalg.lstsq(curvature, slope, rcond=1e-12)[0]
        left = abs(float(slope @ step))
        if left < _NOTHING:
            break
        moved = [own + step[:, None] for own in logits]
        if np.abs(step).max() > 1 or (after := passes.loss_along(moved, moved, 0.0)) > loss:
            # Far away, where no row is in doubt, Newton's step leads anywhere; this one never
            # raises the loss: generalised iterative scaling.
            step = np.log(np.maximum(wanted, _TINY) / np.maximum(found, _TINY))
            moved = [own + step[:, None] for own in logits]
            after = passes.loss_along(moved, moved, 0.0)
        logits, loss = moved, after
    return first, logits, left
