"""The Hessian's diagonal: a preconditioner that costs a product, however many inputs there are."""

from __future__ import annotations

import numpy as np

from tfsoftmax.training.newton.passes import Joint, OfRows
from tfsoftmax.training.newton.preconditioner import Draw, Inverse
from tfsoftmax.training.newton.sparse import SparsePasses
from tfsoftmax.training.objective import Objective

_TINY = 1e-30


class OfEntries(Draw):
    """Makes `Diagonal` of all rows instead of drawing some."""

    # In each step anew: it takes no longer than an iteration.
    many_iterations = 0
    most_builds = 1000
    of_rows = "curvature", "diagonal"

    def __init__(self, objective: Objective, passes: SparsePasses, seed: int):
        super().__init__(objective, passes.rows, seed)
        self._passes, self._columns = passes, np.arange(0)

    def inverse(self, probabilities: OfRows, l2: float, number: int, free: np.ndarray) -> Inverse:
        """As for `Draw`."""
        return Diagonal(self.diagonal(probabilities), l2, free)

    def diagonal(self, probabilities: OfRows) -> Joint:
        """Of the mean loss's Hessian, ``[n_classes, n_inputs + 1]``."""
        P = np.asarray(probabilities[0])
        return self._passes.squares(P * (1 - P) * self._passes.counts(P.dtype))

    def curvature(
        self, probabilities: OfRows, wanted: int, number: int, free: np.ndarray
    ) -> np.ndarray:
        """As for `Draw`; rows are read without the columns that have no parameter free to move."""
        used = np.asarray(free.any(axis=0))
        self._columns = np.flatnonzero(used[:-1])
        return super().curvature(probabilities, wanted, number, free[:, used])

    def _width(self, free: np.ndarray) -> int:
        return int(free.any(axis=0).sum())

    def _inputs(self, indices: np.ndarray) -> np.ndarray:
        return np.column_stack(
            [self._passes.columns(indices, self._columns), np.ones(len(indices), np.float32)]
        )


class Diagonal:
    """The diagonal of the Hessian and of l2, of the parameters that are free."""

    def __init__(self, curved: np.ndarray, l2: float, free: np.ndarray):
        """Inverts it.

        Args:
          curved: the diagonal of the mean loss's Hessian, ``[n_classes, n_inputs + 1]``.
          l2: strength of the penalty on squares.
          free: bool of the same shape; the others stay where they are.
        """
        held = curved.copy()
        held[:, :-1] += l2
        self._inverse = free / np.maximum(held, _TINY)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The inverse times ``[n_classes, n_inputs + 1]``."""
        return right * self._inverse
