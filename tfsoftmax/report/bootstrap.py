"""The coefficients of resampled rows: how sure they are where no formula says it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfsoftmax.report.statistics_rows import StatisticsRows
from tfsoftmax.training.newton.likelihood import Maximum
from tfsoftmax.training.newton.reweighted import maximise_each
from tfsoftmax.training.seeds import DRAWING_STREAM

# Logits of resamples that are fitted side by side: 8 MB of float64, a few times over.
_LOGITS = 2**20
# Resamples side by side, at most, so that progress is seen.
_MOST_AT_ONCE = 50


def resampled(
    rows: StatisticsRows,
    near: Maximum,
    l2: float,
    n_resamples: int,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Fits resamples of the rows, each as many as there are, drawn with replacement.

    A row that is drawn twice counts twice, so a resample is a weighting of the same rows. One in
    which a class has no row is drawn again. The scaling stays that of the rows as they are.

    Args:
      rows: to draw from.
      near: their own maximum.
      l2: strength of the penalty.
      n_resamples: how many.
      seed: of the draws; each depends on it and on its number alone.
      on_progress: called with the number of resamples fitted, and of all.

    Returns:
      The parameters, ``[n_resamples, n_classes - 1, n_inputs + 1]``.

    Raises:
      SeparationError: if the likelihood of one has no maximum.

    Reference: Efron and Tibshirani, An introduction to the bootstrap (1993), section 9.5, where
    rows are drawn as "pairs".
    """
    labels = np.concatenate([labels for _, labels, _ in rows.blocks()])
    logits = rows.n_samples * len(near.parameters)
    at_once = max(1, min(_MOST_AT_ONCE, _LOGITS // logits))
    found = np.empty((n_resamples, *near.parameters.shape))
    for first in range(0, n_resamples, at_once):
        numbers = range(first, min(first + at_once, n_resamples))
        weightings = np.stack([drawn(labels, rows.weights, seed, number) for number in numbers])
        found[first : first + at_once] = maximise_each(rows.blocks, weightings, near, l2)
        if on_progress:
            on_progress(numbers[-1] + 1, n_resamples)
    return found


def drawn(labels: np.ndarray, weights: np.ndarray, seed: int, number: int) -> np.ndarray:
    """What each row counts in a resample, with mean 1.

    Args:
      labels: of all rows; each class has one.
      weights: what each counts when it is drawn once.
      seed: of all draws.
      number: of this one.

    >>> drawn(np.array([0, 0, 1]), np.ones(3), seed=0, number=4).tolist()
    [0.0, 1.0, 2.0]
    """
    generator = np.random.default_rng([seed, DRAWING_STREAM, number])
    n_samples, n_classes = len(labels), len(np.unique(labels[weights > 0]))
    while True:
        times = np.bincount(generator.integers(n_samples, size=n_samples), minlength=n_samples)
        counting = times * weights
        if len(np.unique(labels[counting > 0])) == n_classes:
            return counting / counting.mean()
