"""The maximum of the likelihood, and the information there, in float64.

Probabilities do not change if the same weights are added to all classes, so one class, the
reference, has weights of 0, and the others' are differences V from it. Of n rows

    F(V) = sum_i w_i log p(y_i | x_i) - n l2/2 tr(V (V - mean V)')

is maximised. Its penalty is the least that weights W of all classes with these differences have,
``n l2/2 ||W||^2``; the mean is over all classes, with the reference's 0, and intercepts have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import log_softmax

# Rows with a 1 for the intercept, ``[n, n_inputs + 1]``, their labels, 0 for the reference, and
# what each counts, with mean 1 over all.
Blocks = Callable[[], Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]]

_MOST_STEPS = 60
_SHORTEST = 2.0**-20
# The maximum is reached once a step promises less than this share of the log-likelihood.
_NOTHING = 1e-13
# A step that promises so little, and yet moves a row's logit so far, leads on forever.
_STILL_MOVING = 0.05


class Maximum(NamedTuple):
    """Where the likelihood, less its penalty, is greatest.

    Attributes:
      parameters: ``[n_classes - 1, n_inputs + 1]``, the intercept last.
      covariance: the inverse of the observed information, ``[n, n]`` for all n parameters in the
        order of ``parameters.ravel()``; the penalty adds to the information.
      log_likelihood: of all rows, in nats, without the penalty.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


class SeparationError(ValueError):
    """The likelihood has no maximum: weights that grow forever keep raising it."""


def maximise(
    blocks: Blocks, n_classes: int, n_inputs: int, l2: float = 0.0, start: np.ndarray | None = None
) -> Maximum:
    """Maximises the likelihood by Newton's method.

    Args:
      blocks: goes through all rows.
      n_classes: with the reference.
      n_inputs: without the intercept.
      l2: strength of the penalty.
      start: parameters to begin at; None is 0.

    Raises:
      SeparationError: if there is no maximum, because some combination of columns tells a class
        from another without a mistake and nothing is penalised.

    References: Agresti, Categorical data analysis (2013), section 8.1.4; Albert and Anderson, On
    the existence of maximum likelihood estimates in logistic regression models (1984).
    """
    parameters = np.zeros((n_classes - 1, n_inputs + 1)) if start is None else start
    value, score, information = _at(blocks, parameters, l2)
    for _ in range(_MOST_STEPS):
        step, _ = _solve(information, score)
        promised = float(score.ravel() @ step.ravel())
        if promised <= _NOTHING * abs(value):
            break
        size = 1.0
        while (found := _at(blocks, parameters + size * step, l2))[0] < value and size > _SHORTEST:
            size /= 2
        if found[0] < value:
            break
        parameters = parameters + size * step
        value, score, information = found
    step, factor = _solve(information, score)
    if not l2 and _farthest(blocks, step) > _STILL_MOVING:
        raise SeparationError
    n_samples = sum(len(labels) for _, labels, _ in blocks())
    penalty = n_samples * l2 / 2 * float((parameters * penalised(parameters)).sum())
    return Maximum(parameters, cho_solve(factor, np.eye(information.shape[0])), value + penalty)


def penalised(parameters: np.ndarray) -> np.ndarray:
    """``V - mean V``, and 0 for the intercepts: what l2 is multiplied with in the gradient.

    Args:
      parameters: ``[..., n_classes - 1, n_inputs + 1]``.
    """
    total = parameters.sum(axis=-2, keepdims=True)
    held = parameters - total / (parameters.shape[-2] + 1)
    held[..., -1] = 0
    return held


def _at(blocks: Blocks, parameters: np.ndarray, l2: float) -> tuple[float, np.ndarray, np.ndarray]:
    """What is maximised, its gradient, and the information."""
    n_others, width = parameters.shape
    value, score, n_samples = 0.0, np.zeros_like(parameters), 0
    information = np.zeros((n_others, width, n_others, width))
    for rows, labels, weights in blocks():
        logits = np.column_stack([np.zeros(len(rows)), rows @ parameters.T])
        logs = log_softmax(logits, axis=1)
        value += float(weights @ logs[np.arange(len(rows)), labels])
        P = np.exp(logs[:, 1:])
        slopes = (labels[:, None] == np.arange(1, n_others + 1)) - P
        score += (weights[:, None] * slopes).T @ rows
        n_samples += len(rows)
        for k in range(n_others):
            for j in range(k, n_others):
                curving = weights * P[:, k] * ((j == k) - P[:, j])
                part = rows.T @ (curving[:, None] * rows)
                information[k, :, j, :] += part
                if j > k:
                    information[j, :, k, :] += part
    held = n_samples * l2 * penalised(parameters)
    each = np.eye(n_others) - 1 / (n_others + 1)
    for column in range(width - 1):
        information[:, column, :, column] += n_samples * l2 * each
    value -= float((parameters * held).sum()) / 2
    return value, score - held, information.reshape(n_others * width, -1)


def _solve(information: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, tuple]:
    try:
        factor = cho_factor(information)
    except LinAlgError as error:
        raise SeparationError from error
    return cho_solve(factor, score.ravel()).reshape(score.shape), factor


def _farthest(blocks: Blocks, step: np.ndarray) -> float:
    """How far a step moves a logit, at most, of rows that count."""
    return max(np.abs(rows[weights > 0] @ step.T).max(initial=0.0) for rows, _, weights in blocks())
