"""Stochastic gradient descent by hand, in small pieces that compose: pure functions of tensors.

`Updates.step` is the whole rule, from state and gradients to state; every piece of it is a
function of its own. They work on one model or on many side by side: a parameter's axes
before its last two are models of their own, and a hyper-parameter is one number for all, or
an array with one number for each model along the last of those axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from tfsoftmax.training.objective import Hyper, each_model

Proximal = Callable[[tf.Tensor], tf.Tensor]


class State(NamedTuple):
    """What a step changes: each entry holds a tensor for W and one for b, or nothing.

    Attributes:
      parameters: W ``[..., n_classes, n_inputs]`` and b ``[..., n_classes, 1]``.
      velocities: of the same shapes, where there is momentum.
      averages: of the same shapes, where parameters are averaged.
      sums: of gradients' squares, where the rule adds them up; `Ftrl` has its sums of gradients as
        parameters.
      touched: where penalties are made up for later, the time (`penalty_times`) up to which each
        feature's weights have had them, float64 ``[..., n_inputs]``.
    """

    parameters: list[tf.Tensor]
    velocities: list[tf.Tensor]
    averages: list[tf.Tensor]
    sums: list[tf.Tensor]
    touched: list[tf.Tensor]


class Updates(NamedTuple):
    """The update rule of a run; what it minimises is the `Objective`'s.

    Attributes:
      momentum: share of the last step's movement that is kept.
      nesterov: whether the gradient is that of where momentum leads to.
      clip_norm: longest gradient of W and b together; None lets any pass.
      averaging: whether the mean of the parameters of many steps is computed beside them.
    """

    momentum: float = 0.0
    nesterov: bool = False
    clip_norm: float | None = None
    averaging: bool = False

    def start(self, parameters: Sequence[tf.Tensor]) -> State:
        """The state before the first step."""
        still = [tf.zeros_like(parameter) for parameter in parameters]
        velocities, averages = still if self.momentum else [], still if self.averaging else []
        return State(list(parameters), velocities, averages, [], [])

    def step(
        self,
        state: State,
        gradients: Sequence[tf.Tensor],
        learning_rate: Hyper,
        average_weight: Hyper = 0.0,
        proximal: Callable[[tf.Tensor, Hyper], tf.Tensor] | None = None,
    ) -> State:
        """One step.

        Args:
          state: before it.
          gradients: of what has one, for W and b.
          learning_rate: its size.
          average_weight: of the new parameters in their mean.
          proximal: from W and the step's size to W after the proximal step of a penalty that
            has no gradient; None where there is none.

        Returns:
          The state after it.

        Raises:
          ValueError: if there are not as many gradients as parameters.
        """
        slopes = list(gradients)
        if self.clip_norm is not None:
            slopes = clip_by_norm(slopes, self.clip_norm)
        proximals: list[Proximal | None] = [None] * len(slopes)
        if proximal is not None:
            proximals[0] = lambda W: proximal(W, learning_rate)
        pairs = list(zip(state.parameters, slopes, proximals, strict=True))
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
        return state._replace(parameters=parameters, velocities=velocities, averages=averages)


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
    moved = parameter - each_model(learning_rate) * gradient
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
    """Gradient descent with momentum.

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
    carried, force = momentum * velocity, -each_model(learning_rate) * gradient
    if proximal is None:  # Differences of parameters would round more.
        velocity = carried + force
        return parameter + (momentum * velocity + force if nesterov else velocity), velocity
    if nesterov:
        before, reached = parameter - carried, proximal(parameter + force)
        return reached + momentum * (reached - before), reached - before
    reached = proximal(parameter + carried + force)
    return reached, reached - parameter


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
