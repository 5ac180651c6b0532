"""An approximate inverse of the Hessian, from the rows that curve it most.

The cost of conjugate gradients is the coupling of the classes, so the approximation keeps it: a
few thousand rows are drawn, the more likely the less sure the model is of them, and the Hessian
of these is inverted exactly: as a whole where it is small, else by Woodbury's formula.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import tensorflow as tf
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import get_blas_funcs, ssymv

from tfsoftmax.system.threads import one_thread, one_thread_for
from tfsoftmax.training.newton.passes import OfRows
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.sample import Sample, chances_of
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.seeds import DRAWING_STREAM

# Up to this many parameters their Hessian is factored as a whole.
MOST_WHOLE = 2500
# Rows in a sample, at least; and where there are more, those that cost as much as so many passes.
_ROWS = 4000
_PASSES = 4
# Multiplications, about two seconds of them, and numbers in memory that a Hessian is worth of which
# no row is left out.
_MULTIPLICATIONS, _NUMBERS = 1e11, 2**26
# Pairs of a row and a class, beyond that: between these, by what a pass costs.
_PAIRS = 1000, 4000
# What a row counts at least that the model is sure of.
_SUREST = 1e-6
# Share of the pairs' mean diagonal that stands for those that were not drawn.
_UNSEEN = 0.02
# Share of the diagonal, or of its largest number, that is added for float32's rounding.
_FLAT = 1e-6
# A Hessian is added up over blocks of rows: of numbers that the processor's cache holds.
_BLOCK_NUMBERS, _FEWEST_ROWS = 2**18, 1000
# Pairs whose products with all others are computed at a time: these stay in the cache.
_PAIRS_AT_A_TIME = 256
# What pairs may weigh against the diagonal beside them: a few that were drawn are not to be trusted
# further, and far beyond that float32 loses the sign of what is left. Found by so many powers.
_STEEPEST = 300
_POWERS = 10


class Inverse(Protocol):
    """An approximate inverse of the Hessian."""

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The inverse times ``[n_classes, n_inputs + 1]``; 0 where nothing is free."""


class Draw:
    """Draws training rows, the more likely the more they curve the objective.

    A row's part of the Hessian's trace is ``1 - sum p^2``, p its probabilities, times its weight
    and its length.
    """

    # A step that needed so many iterations gets a new inverse, which may be made so often.
    many_iterations = 25
    most_builds = 10
    # Its methods that go through rows, and add up what is found in those of all workers.
    of_rows: tuple[str, ...] = "curvature", "sample"

    def __init__(self, objective: Objective, rows: Rows, seed: int):
        self._objective, self._rows, self._seed = objective, rows, seed

    def hessian(
        self, probabilities: OfRows, l2: float, number: int, free: np.ndarray
    ) -> np.ndarray:
        """The Hessian of the parameters that are free, at most `MOST_WHOLE`; see `inverse`.

        It is of all rows where these are not too many.

        Returns:
          float32 ``[n_free, n_free]``, in the order of ``parameters[free]``.
        """
        most = min(_MULTIPLICATIONS / free.sum() ** 2, _NUMBERS / self._width(free))
        H = self.curvature(probabilities, max(_ROWS, int(most)), number, free)
        diagonal = add_l2(H, l2, free)
        diagonal += _FLAT * diagonal.max()
        return H

    def inverse(self, probabilities: OfRows, l2: float, number: int, free: np.ndarray) -> Inverse:
        """An approximate inverse of the Hessian, of the parameters that are free to move.

        Args:
          probabilities: of all rows.
          l2: strength of the penalty on squares.
          number: of the draw; the same one draws the same rows.
          free: bool ``[n_classes, n_inputs + 1]``.
        """
        n_samples, n_free = self._rows.n_samples, int(free.sum())
        if n_free <= MOST_WHOLE:
            # As many as cost about what some passes do.
            wanted = max(_ROWS, _PASSES * n_samples // n_free)
            return Whole(self.curvature(probabilities, wanted, number, free), l2, free)
        sample, generator = self.sample(probabilities, _ROWS, number)
        n_pairs = int(np.clip(np.sqrt(n_samples * n_free) / 7, *_PAIRS))
        # A second thread saves less than it goes on turning while passes need its core.
        with one_thread():
            return Pairs(sample, l2, n_pairs, generator)

    def curvature(
        self, probabilities: OfRows, wanted: int, number: int, free: np.ndarray
    ) -> np.ndarray:
        """The mean loss's Hessian of the parameters that are free, from rows that are drawn.

        Args:
          probabilities: of the held rows.
          wanted: how many rows of all workers, about.
          number: of the draw.
          free: which parameters are.

        Returns:
          float32 ``[n_free, n_free]``, in the order of ``parameters[free]``.
        """
        own, _ = self._drawn(probabilities, wanted, number)
        with one_thread_for(len(own.counts) * float(free.sum()) ** 2):
            mine = curvature_of(own, free)
        (total,) = self._rows.workers.sum([mine])
        return np.require(total, requirements=["W"])

    def sample(
        self, probabilities: OfRows, wanted: int, number: int
    ) -> tuple[Sample, np.random.Generator]:
        """The rows that are drawn, as for `curvature`, and what has drawn them."""
        own, generator = self._drawn(probabilities, wanted, number)
        return own.gathered(self._rows.workers), generator

    def _drawn(
        self, of_chunks: OfRows, wanted: int, number: int
    ) -> tuple[Sample, np.random.Generator]:
        """Those of this process's rows; which ones does not depend on what others have."""
        generator = np.random.default_rng([self._seed, DRAWING_STREAM, number])
        rows, P = self._rows, _classes_last(of_chunks)
        doubts = rows.in_order([1 - np.square(own).sum(2) for own in P])
        sizes = rows.weights * np.maximum(doubts, _SUREST)
        chances = chances_of(sizes, wanted, rows.workers)
        lots = generator.random(rows.n_samples, np.float32)[rows.held]
        drawn = np.flatnonzero(lots < chances)
        counts = rows.weights[drawn] / (rows.n_samples * chances[drawn])
        return Sample(self._inputs(drawn), rows.some_of(P, drawn), counts), generator

    def _width(self, free: np.ndarray) -> int:
        """How many numbers are read of a row for a Hessian of these parameters."""
        return free.shape[1]

    def _of_all(self, of_chunks: OfRows) -> np.ndarray:
        """Probabilities of the held rows, ``[n_held, n_classes]``."""
        return self._rows.in_order(_classes_last(of_chunks))

    def _inputs(self, indices: np.ndarray) -> np.ndarray:
        """Some rows as a `Sample` has them."""
        scaled = self._objective.scaled(tf.constant(self._rows.take(indices))).numpy()
        if self._objective.center is not None:
            scaled = scaled - self._objective.center
        return np.column_stack([scaled, np.ones(len(indices), np.float32)])


def _classes_last(of_chunks: OfRows) -> list[np.ndarray]:
    """The same of each chunk, ``[n_blocks, block_rows, n_classes]``."""
    return [np.asarray(own).transpose(0, 2, 1) for own in of_chunks]


class Whole:
    """The Hessian of the free parameters, with l2, factored."""

    def __init__(self, curvature: np.ndarray, l2: float, free: np.ndarray):
        """Factors it.

        Args:
          curvature: of the mean loss, ``[n_free, n_free]``, which is overwritten.
          l2: strength of the penalty on squares.
          free: which parameters are.
        """
        add_l2(curvature, l2, free)
        with one_thread_for(float(len(curvature)) ** 3):
            self._free, self._factor = free, Factor(curvature, _FLAT)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The Hessian's inverse times ``[n_classes, n_inputs + 1]``; 0 where nothing is free."""
        solved = np.zeros(right.shape)
        solved[self._free] = self._factor.solve(right[self._free].astype(np.float32))
        return solved


class Factor:
    """Cholesky's factor of a Hessian whose columns may have any scales.

    It is that of the matrix with a unit diagonal, whose condition number is nearly the least that
    scales can give (van der Sluis, Condition numbers and equilibration of matrices, 1969).

    >>> H = np.diag([1e-6, 1.0, 1e6]).astype(np.float32)
    >>> (H @ Factor(H.copy(), 1e-6).solve(np.ones(3, np.float32))).round(3).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, H: np.ndarray, flat: float):
        """Factors a matrix, which is overwritten.

        Args:
          H: symmetric, positive semidefinite but for rounding.
          flat: what is added to the unit diagonal, for the rounding; more where that is needed.
        """
        diagonal = np.einsum("ii->i", H)
        least = np.finfo(H.dtype).eps ** 2 * diagonal.max()
        self._scales = (1 / np.sqrt(np.maximum(diagonal, least))).astype(H.dtype)
        H *= self._scales
        H *= self._scales[:, None]
        while True:
            np.fill_diagonal(H, 1 + flat)
            try:
                # The same as its transpose, which is in LAPACK's order and need not be rearranged.
                self._factor, _ = cho_factor(H.T, lower=True, check_finite=False)
                return
            except LinAlgError:
                # Sums of many rows round further than most do.
                flat *= 10

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The inverse times ``[n]`` or ``[n, n_columns]``."""
        if right.ndim == 1:
            return self._scales * _solve(self._factor, self._scales * right)
        scales = self._scales[:, None]
        return scales * cho_solve((self._factor, True), scales * right, check_finite=False)


def _solve(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The inverse of ``L L'`` times ``[n]``, of Cholesky's factor L."""
    # Not `cho_solve`, which takes ten times as long for a single right side.
    trsv = get_blas_funcs("trsv", (factor,))
    return trsv(factor, trsv(factor, right, lower=1), lower=1, trans=1)


def curvature_of(sample: Sample, free: np.ndarray) -> np.ndarray:
    """The Hessian of the sampled rows' loss with respect to the parameters that are free."""
    columns = [np.flatnonzero(own) for own in free]
    ends = np.cumsum([0, *map(len, columns)])
    H = np.zeros((ends[-1], ends[-1]), np.float32)
    n_rows = max(_FEWEST_ROWS, _BLOCK_NUMBERS // H.shape[1])
    for first in range(0, len(sample.counts), n_rows):
        _add_curvature(H, Sample(*(part[first : first + n_rows] for part in sample)), columns, ends)
    for k, end in enumerate(ends[1:]):
        H[end:, ends[k] : end] = H[ends[k] : end, end:].T
    # The same number added to all biases changes nothing: here it would leave H singular.
    biases = ends[1:] - 1
    H[np.ix_(biases, biases)] += sample.counts.sum() / len(columns)
    return H


def _add_curvature(
    H: np.ndarray, sample: Sample, columns: list[np.ndarray], ends: np.ndarray
) -> None:
    """Adds that of some rows to the blocks of classes on and above the diagonal."""
    X, P, counts = sample
    inputs = [X if len(of_k) == X.shape[1] else X[:, of_k] for of_k in columns]
    for k, left in enumerate(inputs):
        # One large product is several times as fast as one for each class.
        weighted = np.empty((len(X), ends[-1] - ends[k]), np.float32)
        for j in range(k, len(columns)):
            weight = (counts * P[:, k] * ((j == k) - P[:, j])).astype(np.float32)
            own = slice(ends[j] - ends[k], ends[j + 1] - ends[k])
            np.multiply(weight[:, None], inputs[j], out=weighted[:, own])
        H[ends[k] : ends[k + 1], ends[k] :] += left.T @ weighted


def add_l2(H: np.ndarray, l2: float, free: np.ndarray) -> np.ndarray:
    """Adds the penalty's curvature to that of the free parameters, and returns its diagonal."""
    diagonal = np.einsum("ii->i", H)
    held = np.full(free.shape, l2)
    held[:, -1] = 0
    diagonal += held[free]
    return diagonal


class Pairs:
    """A diagonal, and pairs of a row and a class beside it, by Woodbury's formula.

    With a the inputs of a pair's row, ``U = E (x) a`` has a column for each, and the inverse of
    ``D + U U'`` is ``D^-1 - D^-1 U (I + U' D^-1 U)^-1 U' D^-1``.
    """

    def __init__(self, sample: Sample, l2: float, n_pairs: int, generator: np.random.Generator):
        X, P, counts = sample
        size = counts[:, None] * P * (1 - P)
        chances = chances_of(size.ravel(), n_pairs).reshape(size.shape)
        # Row by row: what pairs have of one row is computed once.
        rows, classes = np.nonzero(generator.random(size.shape) < chances)
        kept, self._firsts, self._places = np.unique(rows, return_index=True, return_inverse=True)
        E = -P[rows]
        E[np.arange(len(rows)), classes] += 1
        E *= np.sqrt(P[rows, classes] * counts[rows] / chances[rows, classes])[:, None]
        self._E, self._A = E.astype(np.float32), X[kept]
        lengths = np.add.reduceat(np.square(E).sum(1), self._firsts)
        diagonal = lengths @ np.square(self._A) / P.shape[1]
        held = np.full(len(diagonal), l2)
        held[-1] = 0
        D = held + _UNSEEN * diagonal
        D = np.maximum(D, _FLAT * D.max()).astype(np.float32)
        G = self._products(self._A / np.sqrt(D))
        # Beside what D is multiplied by, all else is divided by it.
        steep = max(1.0, largest_eigenvalue(G, generator) / _STEEPEST)
        self.diagonal, self._steep = D * np.float32(steep), np.float32(steep)
        np.einsum("ii->i", G)[:] += self._steep
        self._factor, _ = cho_factor(G, lower=True, overwrite_a=True, check_finite=False)

    def _products(self, A: np.ndarray) -> np.ndarray:
        """The products of all pairs, on and below the diagonal, in LAPACK's order."""
        of_rows, places, E, n_pairs = A @ A.T, self._places, self._E, len(self._E)
        upper = np.zeros((n_pairs, n_pairs), np.float32)
        for first in range(0, n_pairs, _PAIRS_AT_A_TIME):
            some, rest = slice(first, first + _PAIRS_AT_A_TIME), slice(first, None)
            of_some = of_rows.take(places[some], 0).take(places[rest], 1)
            np.multiply(of_some, E[some] @ E[rest].T, out=upper[some, rest])
        return upper.T

    def solve(self, right: np.ndarray) -> np.ndarray:
        """As for `Whole`."""
        first = right.astype(np.float32) / self.diagonal
        inner = np.einsum("sk,sk->s", self._E, (self._A @ first.T)[self._places])
        inner = self._steep * _solve(self._factor, inner)
        of_rows = np.add.reduceat(self._E * inner[:, None], self._firsts)
        second = of_rows.T @ self._A / self.diagonal
        return (first - second).astype(np.float64)


def largest_eigenvalue(G: np.ndarray, generator: np.random.Generator) -> float:
    """About the largest eigenvalue of a positive matrix, by power iteration.

    Args:
      G: float32 ``[n, n]``; nothing above its diagonal is looked at.
      generator: for where it begins.

    >>> G = np.asfortranarray(np.array([[2, np.nan], [1, 2]], np.float32))
    >>> round(largest_eigenvalue(G, np.random.default_rng(0)), 3)
    3.0
    """
    vector = generator.random(len(G), np.float32)
    for _ in range(_POWERS):
        vector = ssymv(1.0, G, vector / np.linalg.norm(vector), lower=1)
    return float(np.linalg.norm(vector))
