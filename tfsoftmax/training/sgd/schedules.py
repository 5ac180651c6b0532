"""Learning-rate schedules: from step numbers, counted from 0, to learning rates.

They run on the host and in float64: the compiled loop only reads the next number, so a new
schedule never means new graph code, and a run can be resumed at any step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# From step numbers to one number for each.
PerStep = Callable[[np.ndarray], np.ndarray]


def constant(learning_rate: float) -> PerStep:
    """The same learning rate at every step.

    >>> constant(0.1)(np.arange(3)).tolist()
    [0.1, 0.1, 0.1]
    """
    return lambda steps: np.full(len(steps), learning_rate, dtype=np.float64)


def cosine(learning_rate: float, total_steps: int) -> PerStep:
    """From `learning_rate` at step 0 along half a cosine to 0 at `total_steps`.

    ``learning_rate * (1 + cos(pi * step / total_steps)) / 2``

    Reference: Loshchilov and Hutter, SGDR (ICLR 2017), eq. 5 without restarts.

    >>> cosine(1.0, 4)(np.arange(5)).round(3).tolist()
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def rate(steps: np.ndarray) -> np.ndarray:
        done = np.clip(_numbers(steps) / total_steps, 0.0, 1.0)
        return learning_rate * (1 + np.cos(np.pi * done)) / 2

    return rate


def staircase(learning_rate: float, factor: float, period: float) -> PerStep:
    """A learning rate that is multiplied by `factor` after every `period` steps.

    It is ``learning_rate * factor^floor(step / period)``.

    >>> staircase(1.0, 0.5, 2)(np.arange(5)).tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return lambda steps: learning_rate * factor ** np.floor(_numbers(steps) / period)


def exponential(learning_rate: float, factor: float, period: float) -> PerStep:
    """A learning rate that decays smoothly: ``learning_rate * factor^(step / period)``.

    >>> exponential(1.0, 0.25, 2)(np.arange(3)).tolist()
    [1.0, 0.5, 0.25]
    """
    return lambda steps: learning_rate * factor ** (_numbers(steps) / period)


def inverse(learning_rate: float, power: float, period: float) -> PerStep:
    """``learning_rate / (1 + step / period)^power``.

    With period 1 it is scikit-learn's ``invscaling``, with power 1 inverse time decay; a
    power between 1/2 and 1 is what theory asks of steps that never end.

    Reference: Bottou, Curtis and Nocedal, Optimization methods for large-scale machine
    learning (SIAM Review 2018), theorem 4.7.

    >>> inverse(1.0, 1.0, 2)(np.array([0, 2, 6])).tolist()
    [1.0, 0.5, 0.25]
    """
    return lambda steps: learning_rate / (1 + _numbers(steps) / period) ** power


def warmed_up(schedule: PerStep, warmup_steps: int) -> PerStep:
    """A schedule that begins after `warmup_steps` of climbing in a line to its first rate.

    No step is wasted at rate 0: step s of n climbs to ``(s + 1) / (n + 1)`` of it.

    Reference: Goyal et al., Accurate, large minibatch SGD (2017), section 2.2.

    >>> warmed_up(constant(1.0), 3)(np.arange(5)).tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def rate(steps: np.ndarray) -> np.ndarray:
        climbed = np.minimum((_numbers(steps) + 1) / (warmup_steps + 1), 1.0)
        return climbed * schedule(np.maximum(np.asarray(steps) - warmup_steps, 0))

    return rate


def side_by_side(schedules: Sequence[PerStep]) -> PerStep:
    """The schedules of several models side by side, ``[steps, n_models]``.

    >>> side_by_side([constant(0.1), constant(0.2)])(np.arange(2)).tolist()
    [[0.1, 0.2], [0.1, 0.2]]
    """
    return lambda steps: np.stack([schedule(steps) for schedule in schedules], axis=1)


def tail_weights(first: int) -> PerStep:
    """The weight of each step's parameters in their running mean from step `first` on.

    ``1 / (step - first + 1)``, and 0 before: ``mean += weight * (parameter - mean)`` is then
    the plain mean of all parameters after the steps from `first` on.

    >>> tail_weights(2)(np.arange(5)).round(3).tolist()
    [0.0, 0.0, 1.0, 0.5, 0.333]
    """

    def weight(steps: np.ndarray) -> np.ndarray:
        counted = _numbers(steps) - first + 1
        return np.where(counted > 0, 1 / np.maximum(counted, 1), 0.0)

    return weight


def _numbers(steps: np.ndarray) -> np.ndarray:
    return np.asarray(steps, dtype=np.float64)
