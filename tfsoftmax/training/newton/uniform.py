"""The Hessian where all classes are equally likely: a preconditioner that costs one product."""

from __future__ import annotations

import numpy as np

from tfsoftmax.training.newton.passes import OfRows
from tfsoftmax.training.newton.preconditioner import Draw, Factor, Inverse
from tfsoftmax.training.newton.small import SmallPasses
from tfsoftmax.training.objective import Objective

# What is added to the unit diagonal, for float32 products.
_FLAT = 1e-5


class UniformFirst(Draw):
    """Begins with `Uniform`, which few rows seldom need to replace by drawing rows."""

    def __init__(self, objective: Objective, passes: SmallPasses, seed: int):
        super().__init__(objective, passes.rows, seed)
        self._passes = passes

    def inverse(self, probabilities: OfRows, l2: float, number: int, free: np.ndarray) -> Inverse:
        """As for `Draw`."""
        if number > 1:
            return super().inverse(probabilities, l2, number, free)
        return Uniform(self._passes, l2)


class Uniform:
    """The inverse of the Hessian, and of l2, at W = 0 and b = 0.

    There it is ``(I - 1 1' / K) / K`` of the classes times the inputs' Gram matrix: the same
    matrix for all that classes do not have in common, and l2 alone for what they have.

    Reference: Böhning, Multinomial logistic regression algorithm (1992), section 3.
    """

    def __init__(self, passes: SmallPasses, l2: float):
        """Inverts it.

        Args:
          passes: over the rows.
          l2: strength of the penalty on squares.
        """
        rows, inputs = passes.rows, passes.inputs.reshape(-1, passes.inputs.shape[-1])
        counts = passes.counts(passes.dtype).reshape(-1, 1) / (rows.n_samples * rows.n_classes)
        H = (inputs.T @ (counts * inputs)).astype(np.float64)
        diagonal = np.einsum("ii->i", H)
        diagonal[:-1] += l2
        inverse = Factor(H, _FLAT).solve(np.eye(len(H)))
        self._inverse = inverse.astype(passes.dtype)
        self._l2 = l2

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The inverse times ``[n_classes, n_inputs + 1]``."""
        # Without l2 nothing holds what classes have in common: then it is not told apart.
        common = right.mean(0) if self._l2 else np.zeros(right.shape[1])
        solved = ((right - common).astype(self._inverse.dtype) @ self._inverse).astype(np.float64)
        if self._l2:
            solved[:, :-1] += common[:-1] / self._l2
        return solved
