"""The maximum of the likelihood without penalties, and the information there, in float64.

Probabilities do not change if the same weights are added to all classes, so one class, the
reference, has weights of 0, and the others' are differences from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import log_softmax

# Rows with a 1 for the intercept, ``[n, n_inputs + 1]``, and their labels, 0 for the reference.
Blocks = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]

_MOST_STEPS = 60
_SHORTEST = 2.0**-20
# The maximum is reached once a step promises less than this share of the log-likelihood.
_NOTHING = 1e-13
# A step that promises so little, and yet moves a row's logit so far, leads on forever.
_STILL_MOVING = 0.05


class Maximum(NamedTuple):
    """Where the likelihood is greatest.

    Attributes:
      parameters: ``[n_classes - 1, n_inputs + 1]``, the intercept last.
      covariance: the inverse of the observed information, ``[n, n]`` for all n parameters in the
        order of ``parameters.ravel()``.
      log_likelihood: of all rows, in nats.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


class SeparationError(ValueError):
    """The likelihood has no maximum: weights that grow forever keep raising it."""


def maximise(blocks: Blocks, n_classes: int, n_inputs: int) -> Maximum:
    """Maximises the likelihood by Newton's method.

    Args:
      blocks: goes through all rows.
      n_classes: with the reference.
      n_inputs: without the intercept.

    Raises:
      SeparationError: if there is no maximum, because some combination of columns tells a class
        from another without a mistake.

    References: Agresti, Categorical data analysis (2013), section 8.1.4; Albert and Anderson, On
    the existence of maximum likelihood estimates in logistic regression models (1984).
    """
    parameters = np.zeros((n_classes - 1, n_inputs + 1))
    value, score, information = _at(blocks, parameters)
    for _ in range(_MOST_STEPS):
        step, _ = _solve(information, score)
        promised = float(score.ravel() @ step.ravel())
        if promised <= _NOTHING * abs(value):
            break
        size = 1.0
        while (found := _at(blocks, parameters + size * step))[0] < value and size > _SHORTEST:
            size /= 2
        if found[0] < value:
            break
        parameters = parameters + size * step
        value, score, information = found
    step, factor = _solve(information, score)
    if max(np.abs(rows @ step.T).max(initial=0.0) for rows, _ in blocks()) > _STILL_MOVING:
        raise SeparationError
    return Maximum(parameters, cho_solve(factor, np.eye(information.shape[0])), value)


def _at(blocks: Blocks, parameters: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The log-likelihood, its gradient, and the observed information."""
    n_others, width = parameters.shape
    value, score = 0.0, np.zeros_like(parameters)
    information = np.zeros((n_others, width, n_others, width))
    for rows, labels in blocks():
        logits = np.column_stack([np.zeros(len(rows)), rows @ parameters.T])
        logs = log_softmax(logits, axis=1)
        value += float(logs[np.arange(len(rows)), labels].sum())
        P = np.exp(logs[:, 1:])
        score += ((labels[:, None] == np.arange(1, n_others + 1)) - P).T @ rows
        for k in range(n_others):
            for j in range(k, n_others):
                part = rows.T @ ((P[:, k] * ((j == k) - P[:, j]))[:, None] * rows)
                information[k, :, j, :] += part
                if j > k:
                    information[j, :, k, :] += part
    return value, score, information.reshape(n_others * width, -1)


def _solve(information: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, tuple]:
    try:
        factor = cho_factor(information)
    except LinAlgError as error:
        raise SeparationError from error
    return cho_solve(factor, score.ravel()).reshape(score.shape), factor
