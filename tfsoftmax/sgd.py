"""Stochastic gradient descent by hand: the update rule and learning-rate schedules."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

Schedule = Callable[[np.ndarray], np.ndarray]


def descend(
    parameters: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    learning_rate: tf.Tensor | float,
) -> list[tf.Tensor]:
    """One step of plain stochastic gradient descent, ``parameter - learning_rate * gradient``.

    Args:
      parameters: the tensors to move.
      gradients: one for each parameter, of its shape and dtype.
      learning_rate: scalar step size.

    Returns:
      The parameters after the step.

    Raises:
      ValueError: if there are not as many gradients as parameters.

    Reference: Robbins and Monro, A stochastic approximation method (1951).

    >>> descend([tf.constant([1.0])], [tf.constant([2.0])], 0.25)[0].numpy().tolist()
    [0.5]
    """
    return [
        parameter - learning_rate * gradient
        for parameter, gradient in zip(parameters, gradients, strict=True)
    ]


# A schedule maps step numbers (from 0) to learning rates, on the host and in float64:
# the compiled loop only reads the next number, so a new schedule never means new graph code.


def constant(learning_rate: float) -> Schedule:
    """The same learning rate at every step.

    >>> constant(0.1)(np.arange(3)).tolist()
    [0.1, 0.1, 0.1]
    """
    return lambda steps: np.full(len(steps), learning_rate, dtype=np.float64)


def cosine(learning_rate: float, total_steps: int) -> Schedule:
    """From `learning_rate` at step 0 along half a cosine to 0 at `total_steps`.

    ``learning_rate * (1 + cos(pi * step / total_steps)) / 2``

    Reference: Loshchilov and Hutter, SGDR (ICLR 2017), eq. 5 without restarts.

    >>> cosine(1.0, 4)(np.arange(5)).round(3).tolist()
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def rate(steps: np.ndarray) -> np.ndarray:
        done = np.clip(np.asarray(steps, dtype=np.float64) / total_steps, 0.0, 1.0)
        return learning_rate * (1 + np.cos(np.pi * done)) / 2

    return rate
