"""Confidence intervals of a model's figures."""

from __future__ import annotations

import numpy as np

# Standard deviations of a normal distribution that hold 95 % of it, two-sided.
Z = 1.96


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """A 95 % confidence interval of a share.

    Reference: Wilson, Probable inference, the law of succession, and statistical
    inference (1927).

    >>> [round(bound, 4) for bound in wilson(905, 1000)]
    [0.8852, 0.9217]
    """
    share, z2 = successes / trials, Z**2
    center = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return float(center - half), float(center + half)


def positive_interval(mean: float, error: float) -> tuple[float, float]:
    """A 95 % confidence interval of a mean that cannot be negative, as a log-loss.

    The mean's logarithm is taken for normal, with the standard error that the delta method gives
    it, ``error / mean``; so the interval never crosses zero.

    Reference: Oehlert, A note on the delta method (The American Statistician 46, 1992).

    Args:
      mean: above 0.
      error: its standard error.

    >>> [round(bound, 4) for bound in positive_interval(0.02, 0.015)]
    [0.0046, 0.087]
    """
    factor = float(np.exp(Z * error / mean))
    return mean / factor, mean * factor
