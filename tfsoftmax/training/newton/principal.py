"""The Hessian along the inputs' principal directions: a preconditioner for wide rows.

Fewer rows than inputs are soon told apart without a mistake, and then hardly a pair of a row and a
class curves the objective more than l2 does. What many rows have in common still does: the few
directions in which they differ most. Along these the Hessian of all rows is factored, with all
that couples the classes; across them a number for each class is enough.

Reference: Halko, Martinsson and Tropp, Finding structure with randomness (2011), algorithm 4.4,
for the directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.linalg import qr

from tfsoftmax.training.newton.passes import OfRows
from tfsoftmax.training.newton.preconditioner import (
    MOST_WHOLE,
    Draw,
    Inverse,
    Whole,
    curvature_of,
)
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.sample import Sample
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.seeds import DIRECTIONS_STREAM

# Directions, at most; with all classes, they are no more parameters than are factored as a whole.
_DIRECTIONS = 100
# With fewer, classes are too many for it.
_FEWEST = 10
# Passes over the rows that turn directions drawn at random into these.
_POWERS = 2
# Numbers of scaled rows in memory at a time.
_NUMBERS = 2**24
_TINY = 1e-30

# Samples, inputs, directions.
Shape = tuple[int, int, int]


def is_wide(n_samples: int, n_inputs: int, n_classes: int) -> bool:
    """Whether rows are fewer than inputs, and these so many that `Principal` is of use.

    >>> is_wide(100, 2000, 2), is_wide(3000, 2000, 2), is_wide(100, 200, 2), is_wide(99, 999, 1000)
    (True, False, False, False)
    """
    large = n_classes * (n_inputs + 1) > MOST_WHOLE
    return n_samples < n_inputs and large and MOST_WHOLE // n_classes >= _FEWEST


class AllRows(Draw):
    """Makes `Principal` of all rows instead of drawing some; all parameters are free."""

    # In each step anew: it takes no longer than an iteration or two.
    many_iterations = 0
    most_builds = 100

    def __init__(self, objective: Objective, rows: Rows, seed: int):
        super().__init__(objective, rows, seed)
        self._found: Directions | None = None

    def inverse(self, probabilities: OfRows, l2: float, number: int, free: np.ndarray) -> Inverse:
        """As for `Draw`."""
        n_samples = self._rows.n_samples
        if self._found is None:
            n_directions = min(_DIRECTIONS, MOST_WHOLE // len(free), n_samples)
            shape = n_samples, free.shape[1] - 1, n_directions
            self._found = Directions(self._blocks, shape, self._seed)
        counts = self._rows.weights / n_samples
        return Principal(self._found, self._of_all(probabilities), counts, l2)

    def _blocks(self) -> Iterator[np.ndarray]:
        """All rows, some at a time."""
        n_samples, n_inputs = self._rows.n_samples, self._rows.take(np.arange(1)).shape[1]
        n_rows = max(1, _NUMBERS // n_inputs)
        for first in range(0, n_samples, n_rows):
            yield self._inputs(np.arange(first, min(first + n_rows, n_samples)))[:, :-1]


class Directions:
    """The principal directions of all rows, about, and what the rows are along and across them.

    Attributes:
      axes: orthonormal, ``[n_directions, n_inputs]``.
      along: each row's coordinates, with a 1 for the bias, ``[n_samples, n_directions + 1]``.
      lengths: squared, of what each row is across them, ``[n_samples]``.
    """

    def __init__(self, blocks: Callable[[], Iterator[np.ndarray]], shape: Shape, seed: int):
        """Finds them, in three passes over the rows.

        Args:
          blocks: goes through all rows, scaled and centred.
          shape: of the samples, the inputs and the directions.
          seed: for where it begins.
        """
        n_samples, n_inputs, n_directions = shape
        generator = np.random.default_rng([seed, DIRECTIONS_STREAM])
        axes = generator.standard_normal((n_inputs, n_directions), np.float32)
        for _ in range(_POWERS):
            spanned = sum(block.T @ (block @ axes) for block in blocks())
            axes, _ = qr(spanned, mode="economic", check_finite=False)
        self.axes = np.ascontiguousarray(axes.T)
        along, lengths = [], []
        for block in blocks():
            along.append(block @ axes)
            lengths.append(np.square(block).sum(1) - np.square(along[-1]).sum(1))
        ones = np.ones((n_samples, 1), np.float32)
        self.along = np.concatenate([np.concatenate(along), ones], axis=1)
        self.lengths = np.maximum(np.concatenate(lengths), 0.0)


class Principal:
    """The Hessian's inverse along the principal directions; across them a number for each class.

    The rows span as many directions more as they are more than those, and share what else curves
    the objective; along what they do not span, no row's gradient is.
    """

    def __init__(self, found: Directions, P: np.ndarray, counts: np.ndarray, l2: float):
        """Inverts it.

        Args:
          found: the directions.
          P: all rows' probabilities, ``[n_samples, n_classes]``.
          counts: how much of the mean loss each row is, ``[n_samples]``.
          l2: strength of the penalty on squares.
        """
        self._axes = found.axes
        free = np.ones((P.shape[1], found.along.shape[1]), bool)
        self._along = Whole(curvature_of(Sample(found.along, P, counts), free), l2, free)
        others = max(1, len(P) - len(found.axes))
        curved = (P * (1 - P)).T @ (counts * found.lengths) / others
        self._across = (l2 + curved[:, None] + _TINY).astype(np.float32)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The inverse times ``[n_classes, n_inputs + 1]``."""
        W, b = right[:, :-1].astype(np.float32), right[:, -1:]
        along = W @ self._axes.T
        solved = self._along.solve(np.concatenate([along, b], axis=1))
        moved = (solved[:, :-1] - along / self._across).astype(np.float32)
        return np.concatenate([W / self._across + moved @ self._axes, solved[:, -1:]], axis=1)
