"""The problem that all solvers are given, and a clock that does not count looking at them."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

# It has arrived a little below the gap that is asked for.
_PART = 0.3
# Where each row has a few thousand numbers, so much of their float64 copy is made at once.
_BLOCK_ROWS = 1_000
# How much longer a solver must have run for another look at it.
_LATER = 1.05


class Problem(NamedTuple):
    """What is minimised, and for how long.

    Attributes:
      inputs: scaled rows, float32 ``[n_samples, n_inputs]``.
      labels: ``[n_samples]``.
      l2: strength of the penalty on squares, on the mean loss.
      gap: the relative gap that is enough.
      best: the least objective that is known; None if none is.
      seconds: of the processor's time that a solver may take.
      l1: strength of the penalty on magnitudes; one of the two is 0.
    """

    inputs: np.ndarray
    labels: np.ndarray
    l2: float
    gap: float
    best: float | None
    seconds: float
    l1: float = 0.0

    @property
    def C(self) -> float:  # noqa: N802 (scikit-learn's name)
        """Strength of the penalty as scikit-learn has it."""
        return 1 / ((self.l2 + self.l1) * len(self.labels))

    def objective(self, W: np.ndarray, b: np.ndarray) -> float:
        """In float64, whatever found W ``[n_classes, n_inputs]`` and b."""
        total, W, b = 0.0, W.astype(np.float64), b.astype(np.float64)
        for first in range(0, len(self.labels), _BLOCK_ROWS):
            rows = slice(first, first + _BLOCK_ROWS)
            logits, labels = self.inputs[rows].astype(np.float64) @ W.T + b, self.labels[rows]
            own = logits[np.arange(len(labels)), labels]
            total += float((logsumexp(logits, axis=1) - own).sum())
        penalty = self.l2 / 2 * np.square(W).sum() + self.l1 * np.abs(W).sum()
        return total / len(self.labels) + float(penalty)


class Enough(Exception):  # noqa: N818 (it is no error)
    """It has arrived, or had its time."""


class Watch:
    """A clock that stands still while it looks at where a solver is.

    Attributes:
      points: of each look, the wall and processor seconds up to it, and the objective.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self.points: list[tuple[float, float, float]] = []
        self._uncounted = np.zeros(2)
        self._start = self._now()

    def _now(self) -> np.ndarray:
        return np.array([time.perf_counter(), time.process_time()])

    def look(self, W: np.ndarray, b: np.ndarray, always: bool = False) -> None:
        """Notes how far a solver is, if it is time for that.

        Raises:
          Enough: if it need not go on.
        """
        asked = self._now()
        wall, cpu = asked - self._start - self._uncounted
        if always or not self.points or wall > _LATER * self.points[-1][0]:
            # A second thread of BLAS would go on turning for a while after this, and be counted.
            with threadpool_limits(1, "blas"):
                self.points.append((wall, cpu, self.problem.objective(W, b)))
        self._uncounted += self._now() - asked
        if self.arrived or cpu > self.problem.seconds:
            raise Enough

    @property
    def arrived(self) -> bool:
        """Whether the objective is as small as asked for."""
        best = self.problem.best
        if best is None or not self.points:
            return False
        return self.points[-1][2] <= best * (1 + _PART * self.problem.gap)
