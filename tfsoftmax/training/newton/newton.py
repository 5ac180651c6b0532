"""Inexact Newton's method: each step solves its equations by preconditioned conjugate gradients.

References: Nocedal and Wright, Numerical optimization (2006), algorithms 5.3 and 7.1; Lin, Weng
and Keerthi, Trust region Newton method for large-scale logistic regression (JMLR 2008).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfsoftmax.training.newton.passes import Joint, OfRows, Passes, Point
from tfsoftmax.training.newton.preconditioner import Draw, Pairs, Whole

# Conjugate gradients: most iterations in a step.
_MOST_ITERATIONS = 40
# A step that needed so many gets a new preconditioner, which may be built so often.
_MANY_ITERATIONS = 25
_MOST_BUILDS = 3
# Share of the objective that sums of float32 losses do not resolve.
_ROUNDING = 1e-7
# Share of the predicted decrease that a step must have (Armijo).
_DECREASE = 1e-4
_SHORTEST = 2.0**-20
# What conjugate gradients may leave of a gradient that is small enough, so that the step's own
# error has room.
_LEFT = 0.3


class State(NamedTuple):
    """What a later step depends on.

    Attributes:
      parameters: W and b.
      built_at: the parameters that the preconditioner was built at.
      builds: how many have been built.
      iterations: of conjugate gradients in the last step.
    """

    parameters: Joint
    built_at: Joint
    builds: int
    iterations: int


class Newton:
    """Minimises the objective, step by step.

    Attributes:
      state: where it is, and enough to go on from there.
      passes: over the training rows.
      l2: strength of the penalty on squares, above 0.
    """

    def __init__(self, passes: Passes, draw: Draw, l2: float, start: Joint):
        """Prepares the first step.

        Args:
          passes: over the training rows.
          draw: draws rows for the preconditioner.
          l2: strength of the penalty.
          start: W and b.
        """
        self.passes, self._draw, self.l2 = passes, draw, l2
        self.state = State(start, start, 0, 0)
        self._at: tuple[Joint, OfRows, Point] | None = None
        self._inverse: Whole | Pairs | None = None

    @property
    def objective(self) -> float:
        """The mean loss and the penalty."""
        return self.loss + self._penalty(self.state.parameters)

    @property
    def loss(self) -> float:
        """The mean loss alone."""
        return self._point.loss

    @property
    def gradient(self) -> Joint:
        """Of the objective."""
        return _level(self._point.gradient + self.l2 * _penalised(self.state.parameters))

    @property
    def gap(self) -> float:
        """About what `certify` would prove, from float32 products."""
        return self._bound(self.gradient)

    def step(self, tol: float) -> float:
        """Takes a step.

        Args:
          tol: the relative gap that is enough: a step goes no further than to that.

        Returns:
          The step's size; 1 is Newton's own, 0 is none, where rounding hides any decrease.
        """
        state = self._precondition()
        slope, objective, parameters = self.gradient, self.objective, self.state.parameters
        direction, iterations = self._solve(-slope, objective, tol)
        logits = self._logits
        ahead = self.passes.logits(direction)
        decrease, size = -float((slope * direction).sum()), 1.0
        while size > _SHORTEST:
            moved = parameters + size * direction
            found = self.passes.loss_along(logits, ahead, size) + self._penalty(moved)
            if found <= objective - _DECREASE * size * decrease + _ROUNDING * abs(objective):
                break
            size /= 2
        else:
            moved, size = parameters, 0.0
        # Only now, so that a step that is interrupted leaves everything as it was.
        self.state = state._replace(parameters=moved, iterations=iterations)
        return size

    def _precondition(self) -> State:
        state = self.state
        worn = state.iterations >= _MANY_ITERATIONS and state.builds < _MOST_BUILDS
        if worn or not state.builds:
            state, self._inverse = (
                state._replace(built_at=state.parameters, builds=state.builds + 1),
                None,
            )
        if self._inverse is None:
            here = state.built_at is state.parameters
            point = self._point if here else self.passes.at(self.passes.logits(state.built_at))
            self._inverse = self._draw.inverse(point.probabilities, self.l2, state.builds)
        return state

    def _solve(self, right: Joint, objective: float, tol: float) -> tuple[Joint, int]:
        """Solves Newton's equations as exactly as is of use; also returns the iterations."""
        assert self._inverse is not None
        probabilities = self._point.probabilities
        found, rest = np.zeros_like(right), right
        direction = ahead = _level(self._inverse.solve(rest))
        length = first = float((rest * ahead).sum())
        # The closer the minimum, the better the quadratic model, and the more a step may gain.
        forcing = min(0.1, 4 * np.sqrt(first / (2 * objective)))
        iterations = 0
        while iterations < _MOST_ITERATIONS and length > forcing * first:
            if iterations and self._bound(rest) < _LEFT * tol * objective:
                break
            curved = self.passes.curved(probabilities, direction) + self.l2 * _penalised(direction)
            size = length / float((direction * curved).sum())
            found, rest = found + size * direction, rest - size * curved
            ahead, before = _level(self._inverse.solve(rest)), length
            length = float((rest * ahead).sum())
            direction = ahead + length / before * direction
            iterations += 1
        return found, iterations

    @property
    def _point(self) -> Point:
        return self._here()[2]

    @property
    def _logits(self) -> OfRows:
        return self._here()[1]

    def _here(self) -> tuple[Joint, OfRows, Point]:
        # From the parameters alone, so that a run that is resumed has the same.
        parameters = self.state.parameters
        if self._at is None or self._at[0] is not parameters:
            logits = self.passes.logits(parameters)
            self._at = parameters, logits, self.passes.at(logits)
        return self._at

    def _penalty(self, parameters: Joint) -> float:
        return self.l2 / 2 * float(np.square(parameters[:, :-1]).sum())

    def _bound(self, slope: Joint) -> float:
        return float(np.square(slope[:, :-1]).sum()) / (2 * self.l2)


def _penalised(joint: Joint) -> Joint:
    """Without the bias, which no penalty holds."""
    kept = joint.copy()
    kept[:, -1] = 0
    return kept


def _level(joint: Joint) -> Joint:
    """With biases that add up to 0: the same number added to all of them changes nothing."""
    leveled = joint.copy()
    leveled[:, -1] -= leveled[:, -1].mean()
    return leveled
