"""Stochastic gradient descent by hand: the update rule and learning-rate schedules."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

Schedule = Callable[[np.ndarray], np.ndarray]


class SGD(tf.Module):
    """Plain stochastic gradient descent, ``parameter -= learning_rate * gradient``.

    Reference: Robbins and Monro, A stochastic approximation method (1951).

    >>> weight = tf.Variable([1.0])
    >>> SGD().apply([tf.constant([2.0])], [weight], 0.25)
    >>> weight.numpy().tolist()
    [0.5]
    """

    def apply(
        self,
        gradients: Sequence[tf.Tensor],
        parameters: Sequence[tf.Variable],
        learning_rate: tf.Tensor | float,
    ) -> None:
        """Moves each parameter, in place, one step against its gradient.

        Args:
          gradients: one tensor for each parameter, of its shape and dtype.
          parameters: the variables to update.
          learning_rate: scalar step size.

        Raises:
          ValueError: if there are not as many gradients as parameters.
        """
        for gradient, parameter in zip(gradients, parameters, strict=True):
            parameter.assign_sub(learning_rate * gradient)


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
