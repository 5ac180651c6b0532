"""The Hessian where all classes are equally likely: a preconditioner that costs one product."""

from __future__ import annotations

import numpy as np

from tfsoftmax.training.newton.passes import OfRows
from tfsoftmax.training.newton.preconditioner import MOST_WHOLE, Draw, Factor, Inverse
from tfsoftmax.training.newton.small import SmallPasses
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.seeds import DRAWING_STREAM

# What is added to the unit diagonal, for float32 products.
_FLAT = 1e-5
# Classes from which on it does better than pairs of a row and a class, and inputs of which a matrix
# with all others is inverted in less time than it saves.
_MANY_CLASSES, _MOST_INPUTS = 50, 4096
# Rows for each input: the directions in which these differ are those in which all do.
_ROWS_AN_INPUT = 16


class UniformFirst(Draw):
    """Begins with `Uniform`, which few rows seldom need to replace by drawing rows."""

    def __init__(self, objective: Objective, passes: SmallPasses, seed: int):
        super().__init__(objective, passes.rows, seed)
        self._passes = passes

    def inverse(self, probabilities: OfRows, l2: float, number: int, free: np.ndarray) -> Inverse:
        """As for `Draw`."""
        if number > 1:
            return super().inverse(probabilities, l2, number, free)
        passes = self._passes
        inputs = passes.inputs.reshape(-1, passes.inputs.shape[-1])
        counts = passes.counts(passes.dtype).reshape(-1) / passes.n_samples
        return Uniform(inputs, counts, len(free), l2)


class UniformOfSome(Draw):
    """Begins with `Uniform` of some rows, each as likely as any other."""

    def inverse(self, probabilities: OfRows, l2: float, number: int, free: np.ndarray) -> Inverse:
        """As for `Draw`."""
        if number > 1:
            return super().inverse(probabilities, l2, number, free)
        n_samples = self._rows.n_samples
        wanted = min(n_samples, _ROWS_AN_INPUT * free.shape[1])
        generator = np.random.default_rng([self._seed, DRAWING_STREAM, number])
        drawn = np.sort(generator.choice(n_samples, wanted, replace=False))
        counts = self._rows.weights[drawn] / wanted
        return Uniform(self._inputs(drawn), counts, len(free), l2)


def has_many_classes(n_inputs: int, n_classes: int) -> bool:
    """Whether `UniformOfSome` is a good first inverse for Newton's steps that start at 0.

    >>> has_many_classes(512, 100), has_many_classes(512, 10), has_many_classes(30, 60)
    (True, False, False)
    """
    many = n_classes >= _MANY_CLASSES and n_inputs < _MOST_INPUTS
    return many and n_classes * (n_inputs + 1) > MOST_WHOLE


class Uniform:
    """The inverse of the Hessian, and of l2, at W = 0 and b = 0.

    There it is ``(I - 1 1' / K) / K`` of the classes times the inputs' Gram matrix: the same
    matrix for all that classes do not have in common, and l2 alone for what they have.

    Reference: Böhning, Multinomial logistic regression algorithm (1992), section 3.
    """

    def __init__(self, inputs: np.ndarray, counts: np.ndarray, n_classes: int, l2: float):
        """Inverts it, in the inputs' precision.

        Args:
          inputs: scaled and centred rows with a 1 for the bias, ``[n, n_inputs + 1]``.
          counts: how much of the mean loss each row stands for, ``[n]``.
          n_classes: of the labels.
          l2: strength of the penalty on squares.
        """
        counts = (counts / n_classes).astype(inputs.dtype)[:, None]
        H = (inputs.T @ (counts * inputs)).astype(np.float64)
        diagonal = np.einsum("ii->i", H)
        diagonal[:-1] += l2
        inverse = Factor(H, _FLAT).solve(np.eye(len(H)))
        self._inverse = inverse.astype(inputs.dtype)
        self._l2 = l2

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The inverse times ``[n_classes, n_inputs + 1]``."""
        # Without l2 nothing holds what classes have in common: then it is not told apart.
        common = right.mean(0) if self._l2 else np.zeros(right.shape[1])
        solved = ((right - common).astype(self._inverse.dtype) @ self._inverse).astype(np.float64)
        if self._l2:
            solved[:, :-1] += common[:-1] / self._l2
        return solved
