"""Stochastic gradient descent by hand, in small pieces that compose: pure functions of tensors.

`Updates.step` is the whole rule, from state and gradients to state; every piece of it is a
function of its own. They work on one model or on many side by side: a parameter's axes
before its last two are models of their own, and a hyper-parameter is one number for all, or
an array with one number for each model along the last of those axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

# A number, or an array or tensor with one number for each model.
Hyper = Any
Proximal = Callable[[tf.Tensor], tf.Tensor]


class State(NamedTuple):
    """What a step moves: each entry holds a tensor for W and one for b, or nothing.

    Attributes:
      parameters: W transposed, ``[..., n_classes, n_features]``, and b, ``[..., n_classes, 1]``.
      velocities: of the same shapes, where there is momentum.
      averages: of the same shapes, where parameters are averaged.
    """

    parameters: list[tf.Tensor]
    velocities: list[tf.Tensor]
    averages: list[tf.Tensor]


class Updates(NamedTuple):
    """The update rule of a run.

    The objective is the mean loss, plus ``l2 / 2`` times the sum of W's squares, plus ``l1``
    times the sum of W's magnitudes. The bias is never penalised.

    Attributes:
      momentum: share of the last step's movement that is kept.
      nesterov: whether the gradient is that of where momentum leads to.
      clip_norm: longest gradient of W and b together; None lets any pass.
      l2, l1: strength of the penalties; None leaves them out.
      averaging: whether the mean of parameters on their way is kept.
    """

    momentum: float = 0.0
    nesterov: bool = False
    clip_norm: float | None = None
    l2: Hyper = None
    l1: Hyper = None
    averaging: bool = False

    def start(self, parameters: Sequence[tf.Tensor]) -> State:
        """The state before the first step."""
        still = [tf.zeros_like(parameter) for parameter in parameters]
        return State(
            list(parameters), still if self.momentum else [], still if self.averaging else []
        )

    def step(
        self,
        state: State,
        gradients: Sequence[tf.Tensor],
        learning_rate: Hyper,
        average_weight: Hyper = 0.0,
    ) -> State:
        """One step.

        Args:
          state: before it.
          gradients: of the mean loss, one for each parameter.
          learning_rate: its size.
          average_weight: of the new parameters in their mean.

        Returns:
          The state after it.

        Raises:
          ValueError: if there are not as many gradients as parameters.
        """
        slopes = list(gradients)
        if self.l2 is not None:
            slopes[0] += _each(self.l2) * state.parameters[0]
        if self.clip_norm is not None:
            slopes = clip_by_norm(slopes, self.clip_norm)
        proximal: list[Proximal | None] = [None] * len(slopes)
        if self.l1 is not None:
            proximal[0] = lambda W: soft_threshold(W, learning_rate * self.l1)
        pairs = list(zip(state.parameters, slopes, proximal, strict=True))
        if self.momentum:
            moved = [
                accelerate(*pair, velocity, learning_rate, self.momentum, nesterov=self.nesterov)
                for pair, velocity in zip(pairs, state.velocities, strict=True)
            ]
            parameters, velocities = (list(part) for part in zip(*moved, strict=True))
        else:
            parameters, velocities = [descend(*pair, learning_rate) for pair in pairs], []
        averages = [
            mean + average_weight * (parameter - mean)
            for mean, parameter in zip(state.averages, parameters, strict=False)
        ]
        return State(parameters, velocities, averages)


def descend(
    parameter: tf.Tensor,
    gradient: tf.Tensor,
    proximal: Proximal | None = None,
    learning_rate: Hyper = 1.0,
) -> tf.Tensor:
    """Plain descent, ``proximal(parameter - learning_rate * gradient)``.

    Args:
      parameter: the tensor to move.
      gradient: of its shape and dtype.
      proximal: what is done to the parameter last, for a penalty without a gradient; None
        is nothing.
      learning_rate: the step's size.

    Returns:
      The parameter after the step.

    References: Robbins and Monro, A stochastic approximation method (1951); Parikh and Boyd,
    Proximal algorithms (2014), section 4.2.

    >>> descend(tf.constant([[1.0]]), tf.constant([[2.0]]), learning_rate=0.25).numpy().tolist()
    [[0.5]]
    """
    moved = parameter - _each(learning_rate) * gradient
    return proximal(moved) if proximal else moved


def accelerate(
    parameter: tf.Tensor,
    gradient: tf.Tensor,
    proximal: Proximal | None,
    velocity: tf.Tensor,
    learning_rate: Hyper,
    momentum: float,
    nesterov: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Descent that keeps going where it went.

    Without a proximal step it is, with ``v`` the velocity and ``g`` the gradient,
    ``v' = momentum * v - learning_rate * g``; then ``parameter + v'``, or with `nesterov`
    ``parameter + momentum * v' - learning_rate * g``, in which the parameter is the point
    ahead that the gradient is taken at. With one the velocity is the way really gone, which
    is the same but for that step, so that what stands still is the penalised loss's minimum.

    Args:
      parameter: the tensor to move.
      gradient: of its shape and dtype.
      proximal: as for `descend`.
      velocity: the last step's, of the parameter's shape.
      learning_rate: the step's size.
      momentum: share of it that is kept.
      nesterov: Nesterov's form.

    Returns:
      The parameter and the velocity after the step.

    References: Polyak, Some methods of speeding up the convergence of iteration methods
    (1964); Sutskever et al., On the importance of initialization and momentum (ICML 2013);
    Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm (2009).

    >>> point, ahead = accelerate(
    ...     tf.constant([[1.0]]), tf.constant([[2.0]]), None, tf.constant([[1.0]]), 0.25, 0.5)
    >>> point.numpy().tolist(), ahead.numpy().tolist()
    ([[1.0]], [[0.0]])
    """
    kept, force = momentum * velocity, -_each(learning_rate) * gradient
    if proximal is None:  # Differences of parameters would round more.
        velocity = kept + force
        return parameter + (momentum * velocity + force if nesterov else velocity), velocity
    if nesterov:
        before, reached = parameter - kept, proximal(parameter + force)
        return reached + momentum * (reached - before), reached - before
    reached = proximal(parameter + kept + force)
    return reached, reached - parameter


def soft_threshold(W: tf.Tensor, amount: Hyper) -> tf.Tensor:
    """Every number moved towards 0 by `amount`, and those closer than that to 0 exactly.

    The proximal step of ``amount * |w|``.

    Reference: Tibshirani, Regression shrinkage and selection via the lasso (1996), eq. 3.

    >>> soft_threshold(tf.constant([[3.0, -0.5, -2.0]]), 1.0).numpy().tolist()
    [[2.0, 0.0, -1.0]]
    """
    limit = _each(amount)
    return tf.maximum(W - limit, 0.0) + tf.minimum(W + limit, 0.0)


def clip_by_norm(gradients: Sequence[tf.Tensor], norm: float) -> list[tf.Tensor]:
    """Gradients no longer, together, than `norm`; shorter ones stay as they are.

    Args:
      gradients: of one model, or of many side by side, each clipped by itself.
      norm: the largest Euclidean length.

    Reference: Pascanu et al., On the difficulty of training recurrent neural networks (ICML
    2013), algorithm 1.

    >>> clipped = clip_by_norm([tf.constant([[3.0]]), tf.constant([[4.0]])], 1.0)
    >>> [gradient.numpy().round(3).tolist() for gradient in clipped]
    [[[0.6000000238418579]], [[0.800000011920929]]]
    """
    squares = [tf.reduce_sum(tf.square(g), [-2, -1], keepdims=True) for g in gradients]
    length = tf.sqrt(tf.add_n(squares))
    # A length of 0 divides by `norm`, and what is not finite stays so, to be noticed.
    shrinkage = norm / tf.maximum(length, norm)
    return [gradient * shrinkage for gradient in gradients]


def _each(hyper: Hyper) -> Any:
    """Ready to be multiplied with parameters: an array's numbers each with its own model."""
    return hyper if isinstance(hyper, float) else tf.convert_to_tensor(hyper)[..., None, None]
