"""Inexact Newton's method: each step solves its equations by preconditioned conjugate gradients.

References: Nocedal and Wright, Numerical optimization (2006), algorithms 5.3 and 7.1; Lin, Weng
and Keerthi, Trust region Newton method for large-scale logistic regression (JMLR 2008). With l1:
Andrew and Gao, Scalable training of L1-regularized log-linear models (ICML 2007); Byrd et al., A
family of second-order methods for convex l1-regularized optimization (2016).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfsoftmax.system.threads import one_thread
from tfsoftmax.training.newton.certificate import gap_of, penalty_of
from tfsoftmax.training.newton.passes import Joint, OfRows, Passes, Point
from tfsoftmax.training.newton.preconditioner import MOST_WHOLE, Draw, Inverse
from tfsoftmax.training.newton.proximal import minimum, shortest_slope

# Conjugate gradients: most iterations in a step.
_MOST_ITERATIONS = 40
# Share of the objective that sums of float32 losses do not resolve.
_ROUNDING = 1e-7
# Share of the predicted decrease that a step must have (Armijo).
_DECREASE = 1e-4
_SHORTEST = 2.0**-20
# What conjugate gradients may leave of a gradient that is small enough, so that the step's own
# error has room.
_LEFT = 0.3
# A step that is cut short, or leaves more of the squared gradient than this, may have been led
# astray by the Hessian of drawn rows: it is that of all rows from then on.
_NEARER = 0.5

# Parameters, the rows' logits there, and what else a pass finds.
Visit = tuple[Joint, OfRows, Point]


class State(NamedTuple):
    """What a later step depends on.

    Attributes:
      parameters: W and b.
      built_at: the parameters that the preconditioner was built at.
      builds: how many have been built.
      iterations: of conjugate gradients in the last step.
      whole: whether products with the Hessian are those of all rows.
    """

    parameters: Joint
    built_at: Joint
    builds: int
    iterations: int
    whole: bool = False


class Newton:
    """Minimises the objective, step by step.

    Attributes:
      state: where it is, and enough to go on from there.
      passes: over the training rows.
      l2, l1: strengths of the penalties on squares and on magnitudes; not both are 0.
    """

    def __init__(self, passes: Passes, draw: Draw, l2: float, start: Joint, l1: float = 0.0):
        """Prepares the first step.

        Args:
          passes: over the training rows.
          draw: draws rows for the preconditioner.
          l2: strength of the penalty on squares.
          start: W and b.
          l1: strength of the penalty on magnitudes.
        """
        self.passes, self._draw, self.l2, self.l1 = passes, draw, l2, l1
        self.state = State(start, start, 0, 0)
        self._at: Visit | None = None
        self._tried: Visit | None = None
        self._inverse: Inverse | None = None
        self._built_free = np.zeros(start.shape, bool)

    @property
    def objective(self) -> float:
        """The mean loss and the penalty."""
        return self.loss + self._penalty(self.state.parameters)

    @property
    def loss(self) -> float:
        """The mean loss alone."""
        return self.point.loss

    @property
    def point(self) -> Point:
        """What a pass finds where it is."""
        return self._here()[2]

    @property
    def gradient(self) -> Joint:
        """Of the objective; with l1 its shortest subgradient."""
        return self._slope(self.state.parameters, self.point)

    @property
    def gap(self) -> float:
        """About what `certify` would prove, from float32 products."""
        return gap_of(self.passes, self.point, self.state.parameters, self.l2, self.l1)

    def step(self, tol: float) -> float:
        """Takes a step.

        Args:
          tol: the relative gap that is enough: a step goes no further than to that.

        Returns:
          The step's size; 1 is Newton's own, 0 is none, where rounding hides any decrease.
        """
        slope, parameters = self.gradient, self.state.parameters
        free = self._free(parameters, slope)
        if self.l1 and free.sum() <= MOST_WHOLE:
            return self._proximal_step(free)
        objective, state = self.objective, self._precondition(free)
        # What is small is done by one thread: others would go on turning while passes need them.
        with one_thread():
            direction, iterations = self._solve(-slope, free, objective, tol)
        able = bool(direction.any() and np.isfinite(direction).all())
        moved, size = self._search(self._along(direction, slope)) if able else (parameters, 0.0)
        # Only now, so that a step that is interrupted leaves everything as it was.
        self.state = state._replace(parameters=moved, iterations=iterations)
        if size < 1 or _squared(self.gradient) > _NEARER * _squared(slope):
            self.state = self.state._replace(whole=True)
        return size

    def _proximal_step(self, free: np.ndarray) -> float:
        """A step to the least of the quadratic model with l1, of the parameters that are free."""
        parameters, point, state = self.state.parameters, self.point, self.state
        hessian = self._draw.hessian(point.probabilities, self.l2, state.builds, free)
        smooth = _level(point.gradient + self.l2 * _penalised(parameters))
        held = self.l1 * _penalised(np.ones_like(parameters))
        direction = np.zeros_like(parameters)
        start = parameters[free]
        direction[free] = minimum(hessian, smooth[free], start, held[free]) - start
        promised = float((smooth * direction).sum())
        promised += float((held * (np.abs(parameters + direction) - np.abs(parameters))).sum())
        logits = self._logits
        ahead = self.passes.logits(direction, exact=self._exact(parameters))

        def at(size: float) -> tuple[Joint, float, float]:
            loss = self.passes.loss_along(logits, ahead, size)
            return parameters + size * direction, loss, size * promised

        moved, size = self._search(at) if promised < 0 else (parameters, 0.0)
        if size and not self.l2:
            moved = _nearest_0(moved)
        # What conjugate gradients had is of no use to where this leads.
        self._inverse = None
        self.state = state._replace(
            parameters=moved, built_at=parameters, builds=state.builds + 1, iterations=0
        )
        return size

    def _search(self, at: Callable[[float], tuple[Joint, float, float]]) -> tuple[Joint, float]:
        """Halves a step until it lowers the objective as it should (Armijo).

        Args:
          at: from a size to where it leads, the mean loss there and the change it promises.

        Returns:
          Where the step leads, and its size: 0 where none is short enough.
        """
        objective, size = self.objective, 1.0
        while size > _SHORTEST:
            moved, loss, promised = at(size)
            enough = objective + _DECREASE * promised + _ROUNDING * abs(objective)
            if loss + self._penalty(moved) <= enough:
                return moved, size
            size /= 2
        return self.state.parameters, 0.0

    def _along(
        self, direction: Joint, slope: Joint
    ) -> Callable[[float], tuple[Joint, float, float]]:
        """From a step's size to where it leads, the mean loss there and the change it promises."""
        parameters, logits = self.state.parameters, self._logits
        # With l1 a weight may reach 0 in a step, and not cross it.
        side = np.where(parameters != 0, np.sign(parameters), -np.sign(slope))

        def at(size: float) -> tuple[Joint, float, float]:
            moved = parameters + size * direction
            if self.l1:
                moved[:, :-1] = np.where(moved * side > 0, moved, 0.0)[:, :-1]
            return moved, loss_at(size, moved), float((slope * (moved - parameters)).sum())

        def loss_at(size: float, moved: Joint) -> float:
            # A step is seldom too long: what a pass finds where it leads, the next one needs.
            if size == 1 or self.l1:
                self._tried = self._visited(moved)
                return self._tried[2].loss
            assert self._tried
            ahead = self.passes.between(logits, self._tried[1])
            return self.passes.loss_along(logits, ahead, size)

        return at

    def _damping(self, objective: float) -> float:
        """What is added to the Hessian's diagonal where l1 alone holds the weights.

        Adding the same number to a feature's weights in all classes changes l1, but no loss, so
        there is no curvature to say how far. Once a class has 0 there, there is.
        """
        if self.l2 or not self.l1:
            return 0.0
        largest = float(np.abs(self.state.parameters[:, :-1]).max(initial=0.0))
        return self.l1 / (1 + largest) * min(1.0, self.gap / objective)

    def _free(self, parameters: Joint, slope: Joint) -> np.ndarray:
        """Which parameters l1 does not hold at 0."""
        free = (parameters != 0) | (slope != 0) if self.l1 else np.ones(slope.shape, bool)
        free[:, -1] = True
        return free

    def _precondition(self, free: np.ndarray) -> State:
        state, draw = self.state, self._draw
        worn = state.iterations >= draw.many_iterations and state.builds < draw.most_builds
        if not (worn or not state.builds) and self._inverse is None:
            self._build(state)
        # What has become free since is not in it.
        if worn or not state.builds or (free & ~self._built_free).any():
            state = state._replace(built_at=state.parameters, builds=state.builds + 1)
            self._build(state)
        return state

    def _build(self, state: State) -> None:
        here = state.built_at is state.parameters
        point = self.point if here else self.passes.at(self.passes.logits(state.built_at))
        self._built_free = self._free(state.built_at, self._slope(state.built_at, point))
        self._inverse = self._draw.inverse(
            point.probabilities, self.l2, state.builds, self._built_free
        )

    def _solve(
        self, right: Joint, free: np.ndarray, objective: float, tol: float
    ) -> tuple[Joint, int]:
        """Solves Newton's equations as exactly as is of use; also returns the iterations."""
        inverse, curving = self._inverse, self.point.probabilities
        assert inverse is not None
        if not self.state.whole:
            curving = self.passes.curving(curving)

        def precondition(rest: Joint) -> Joint:
            return free * _level(inverse.solve(rest))

        damping = self._damping(objective)
        found, rest = np.zeros_like(right), right
        direction = ahead = precondition(rest)
        length = first = float((rest * ahead).sum())
        if not (first > 0 and np.isfinite(first)):
            return found, 0  # Rounding has left nothing that leads down.
        # The closer the minimum, the better the quadratic model, and the more a step may gain.
        forcing = min(0.1, 4 * np.sqrt(first / (2 * objective)))
        iterations = 0
        while iterations < _MOST_ITERATIONS and length > forcing * first:
            # What is left is the gradient to come.
            if iterations and self.l2 and self._bound(rest) < _LEFT * tol * objective:
                break
            curved = self.passes.curved(curving, direction)
            curved = free * (curved + (self.l2 + damping) * _penalised(direction))
            size = length / float((direction * curved).sum())
            found, rest = found + size * direction, rest - size * curved
            ahead, before = precondition(rest), length
            length = float((rest * ahead).sum())
            direction = ahead + length / before * direction
            iterations += 1
        return found, iterations

    @property
    def _logits(self) -> OfRows:
        return self._here()[1]

    def _here(self) -> Visit:
        parameters = self.state.parameters
        if self._at is None or self._at[0] is not parameters:
            tried, self._tried = self._tried, None
            self._at = tried if tried and tried[0] is parameters else self._visited(parameters)
        return self._at

    def _visited(self, parameters: Joint) -> Visit:
        # From the parameters alone, so that a run that is resumed has the same.
        logits = self.passes.logits(parameters, exact=self._exact(parameters))
        return parameters, logits, self.passes.at(logits)

    def _exact(self, parameters: Joint) -> bool:
        """Whether float64 is called for: a gap with l1 alone is beyond float32, and steps few."""
        alone = bool(self.l1) and not self.l2
        return alone and int(np.count_nonzero(parameters)) <= MOST_WHOLE // 2

    def _slope(self, parameters: Joint, point: Point) -> Joint:
        slope = _level(point.gradient + self.l2 * _penalised(parameters))
        if self.l1:
            slope[:, :-1] = shortest_slope(slope[:, :-1], parameters[:, :-1], self.l1)
        return slope

    def _penalty(self, parameters: Joint) -> float:
        return penalty_of(parameters, self.l2, self.l1)

    def _bound(self, slope: Joint) -> float:
        return _squared(slope) / (2 * self.l2)


def _squared(slope: Joint) -> float:
    return float(np.square(slope[:, :-1]).sum())


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


def _nearest_0(joint: Joint) -> Joint:
    """With the same number taken off each feature's weights, so that l1 is least.

    It changes no probability. The sum of magnitudes is least with their median at 0.
    """
    moved, W = joint.copy(), np.sort(joint[:, :-1], axis=0)
    low, high = W[(len(W) - 1) // 2], W[len(W) // 2]
    moved[:, :-1] -= np.clip(0.0, low, high)
    return moved
