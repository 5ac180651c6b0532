"""Rows that were drawn to stand for all: with what chances, and those of all workers in one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.distributed.gathering import gathered
from tfsoftmax.distributed.workers import ALONE, Workers


class Sample(NamedTuple):
    """Rows that were drawn.

    Attributes:
      inputs: float32 ``[n, n_inputs + 1]``, scaled and centred, with a 1 for the bias.
      probabilities: float32 ``[n, n_classes]``.
      counts: how much of the mean loss each stands for, ``[n]``.
    """

    inputs: np.ndarray
    probabilities: np.ndarray
    counts: np.ndarray

    def gathered(self, workers: Workers) -> Sample:
        """The rows that all workers have drawn, in the workers' order; all must call it."""
        if workers.count == 1:
            return self
        rows = gathered(np.column_stack(self).astype(np.float32), workers)
        n_columns = self.inputs.shape[1]
        return Sample(rows[:, :n_columns], rows[:, n_columns:-1], rows[:, -1])


def chances_of(sizes: np.ndarray, wanted: int, workers: Workers = ALONE) -> np.ndarray:
    """Chances ``min(1, c * size)`` of drawing each of several, `wanted` of them in the mean.

    Args:
      sizes: of those that this process has, ``[n]``.
      wanted: how many of all workers'.
      workers: that have some; all must call it.

    >>> chances_of(np.array([1.0, 1.0, 2.0, 9.0]), 3).tolist()
    [0.5, 0.5, 1.0, 1.0]
    """

    def total(*parts: np.number[Any] | int) -> list[np.float64]:
        return [np.float64(each) for each in workers.sum([np.float64(part) for part in parts])]

    positive, size = total(np.count_nonzero(sizes), sizes.sum(dtype=np.float64))
    if positive <= wanted:
        return (sizes > 0).astype(np.float64)
    chances = sizes * (wanted / size)
    while True:
        full = chances >= 1
        n_full, rest = total(full.sum(), chances[~full].sum())
        scale = (wanted - n_full) / rest
        if not n_full or scale <= 1 + 1e-6:
            return np.minimum(chances, 1.0)
        chances = np.where(full, 1.0, chances * scale)
