"""Update rules whose penalties can be made up for later, so that a step costs what it touches.

A weight whose feature does not occur is moved by the penalties alone. How far they move it over
any number of steps has a closed form: what matters is the total of the steps, here called time.
So a rule leaves such a weight where it is, notes when it was last moved, and makes up for the
steps in between when its feature occurs again. The result is that of all steps taken one by one.

References: Duchi and Singer, Efficient online and batch learning using forward backward splitting
(JMLR 2009); Lipton and Elkan, Efficient elastic net regularization for sparse linear models (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from tfsoftmax.training.objective import Hyper, Objective, each_model, penalises
from tfsoftmax.training.sgd.schedules import PerStep
from tfsoftmax.training.sgd.updates import State, Updates

# Keeps the step finite of what never had a gradient.
_TINY = 1e-12


class Moment(NamedTuple):
    """A step's place in the run.

    Attributes:
      rate: what the gradient of the mean loss is multiplied with, a number for each model.
      average_weight: of the step's parameters in their mean.
      number: the step's number in its epoch, int32.
      times: float64 ``[*models, steps + 1]``, the penalties' time before each step of the epoch
        and after the last (`penalty_times`); None for rules that need none.
    """

    rate: Hyper
    average_weight: Hyper
    number: tf.Tensor
    times: tf.Tensor | None = None

    @property
    def now(self) -> tf.Tensor:
        """The time before the step."""
        return self._at(self.number)

    @property
    def then(self) -> tf.Tensor:
        """The time after the step."""
        return self._at(self.number + 1)

    @property
    def duration(self) -> tf.Tensor:
        """The time that the step takes, float32."""
        return tf.cast(self.then - self.now, tf.float32)

    def _at(self, number: tf.Tensor) -> tf.Tensor:
        """``[*models, 1, 1]``."""
        return tf.gather(self.times, number, axis=-1)[..., None, None]


class Rule(Protocol):
    """An update rule; `state` has the features of a step only, if rows are sparse."""

    def times(self, rates: PerStep, first: int, last: int, l2: Hyper) -> np.ndarray | None:
        """`Moment.times` of an epoch's steps, from `first` to `last` - 1; None where not needed."""

    def start(self, parameters: Sequence[tf.Tensor]) -> State:
        """The state before the first step."""

    def parameters(self, state: State, moment: Moment, objective: Objective) -> list[tf.Tensor]:
        """W and b as they are before a step."""

    def settled(self, state: State, moment: Moment, objective: Objective) -> State:
        """The state before a step, with nothing left to be made up for."""

    def step(
        self,
        state: State,
        parameters: Sequence[tf.Tensor],
        gradients: Sequence[tf.Tensor],
        moment: Moment,
        objective: Objective,
    ) -> State:
        """The state after a step that is given the gradients of the batch's mean loss."""


def penalty_times(rates: PerStep, first: int, last: int, l2: Hyper) -> np.ndarray:
    """The penalties' time since the run began, float64 ``[*models, last - first + 1]``.

    It is that before each of the steps from `first` to `last` - 1, and after the last of them. A
    step of gradient descent multiplies weights by ``1 - rate * l2``; its time t is what makes
    that ``exp(-l2 * t)``, and without l2 it is the rate.

    >>> penalty_times(lambda steps: 1.0 + steps, 1, 3, 0.0).tolist()
    [1.0, 3.0, 6.0]
    """
    strength, lengths = np.asarray(l2, np.float64), rates(np.arange(last))
    # A step that would turn weights' signs takes them to 0 instead.
    shrunk = np.minimum(lengths * strength, 1 - 1e-15)
    with np.errstate(invalid="ignore", divide="ignore"):
        times = np.where(strength > 0, -np.log1p(-shrunk) / strength, lengths)
    total = np.cumsum(times, axis=0)
    return np.concatenate([np.zeros_like(times[:1]), total])[first:].T


class Descent(NamedTuple):
    """Gradient descent as `Updates` does it.

    Attributes:
      updates: without momentum, clipping and averaging if rows are sparse.
      timed: whether penalties are made up for later, as on sparse rows.
    """

    updates: Updates
    timed: bool

    def times(self, rates: PerStep, first: int, last: int, l2: Hyper) -> np.ndarray | None:
        """As for `Rule`."""
        return penalty_times(rates, first, last, l2) if self.timed else None

    def start(self, parameters: Sequence[tf.Tensor]) -> State:
        """As for `Rule`."""
        state = self.updates.start(parameters)
        return _untouched(state) if self.timed else state

    def parameters(self, state: State, moment: Moment, objective: Objective) -> list[tf.Tensor]:
        """As for `Rule`."""
        W, b = state.parameters
        return [_made_up(W, state, 1.0, moment, objective), b]

    def settled(self, state: State, moment: Moment, objective: Objective) -> State:
        """As for `Rule`."""
        return _settled(self, state, moment, objective)

    def step(
        self,
        state: State,
        parameters: Sequence[tf.Tensor],
        gradients: Sequence[tf.Tensor],
        moment: Moment,
        objective: Objective,
    ) -> State:
        """As for `Rule`."""
        before = state._replace(parameters=list(parameters))
        return _touched(step_of(self.updates, before, gradients, moment, objective), state, moment)


class AdaGrad(NamedTuple):
    """Gradient descent whose rate falls feature by feature, with all the gradients it has had.

    The row of W of a feature, and b, move by ``rate / sqrt(n)`` times their gradient, n being what
    it starts at and the sum of the squares of all their gradients: frequent features slow down,
    rare ones do not. Penalties move a row at its own rate, too, so that the minimum is the
    objective's.

    References: Duchi, Hazan and Singer, Adaptive subgradient methods (JMLR 2011), with one number
    for each feature rather than for each weight; section 5 for the penalties.

    Attributes:
      start_squares: what n starts at; from 0, the first row that has a feature would move its
        weights as far as many rows do together.
      unit: the usual size of features. b moves as the weights of a feature that always has it do,
        so that it makes no difference in which unit features are.
    """

    start_squares: float
    unit: float = 1.0

    def times(self, rates: PerStep, first: int, last: int, l2: Hyper) -> np.ndarray | None:
        """As for `Rule`."""
        return penalty_times(rates, first, last, l2)

    def start(self, parameters: Sequence[tf.Tensor]) -> State:
        """As for `Rule`."""
        sums = [tf.zeros_like(each[..., :1, :]) + self.start_squares for each in parameters]
        state = State(list(parameters), [], [], sums, [])
        return _untouched(state)

    def parameters(self, state: State, moment: Moment, objective: Objective) -> list[tf.Tensor]:
        """As for `Rule`."""
        W, b = state.parameters
        return [_made_up(W, state, _slowed(state.sums[0]), moment, objective), b]

    def settled(self, state: State, moment: Moment, objective: Objective) -> State:
        """As for `Rule`."""
        return _settled(self, state, moment, objective)

    def step(
        self,
        state: State,
        parameters: Sequence[tf.Tensor],
        gradients: Sequence[tf.Tensor],
        moment: Moment,
        objective: Objective,
    ) -> State:
        """As for `Rule`."""
        W, b = parameters
        gradients = [gradients[0], self.unit * gradients[1]]
        squares = [tf.reduce_sum(tf.square(each), -2, keepdims=True) for each in gradients]
        sums = [total + more for total, more in zip(state.sums, squares, strict=True)]
        slowed = [_slowed(total) for total in sums]
        rate = each_model(moment.rate)
        of_W, of_b = (-rate * slow * slope for slow, slope in zip(slowed, gradients, strict=True))
        W = penalised(W, slowed[0] * moment.duration, objective, of_W)
        b = b + self.unit * of_b
        return _touched(state._replace(parameters=[W, b], sums=sums), state, moment)


class Ftrl(NamedTuple):
    """FTRL-Proximal: each weight follows from the sums of its gradients and of their squares.

    With z the sum of a weight's gradients g, less ``s * w`` each time, and n the sum of their
    squares, ``s = (sqrt(n + g^2) - sqrt(n)) / rate``, the weight is 0 where ``|z| <= T l1``, else

        w = -(z - sign(z) T l1) / ((beta + sqrt(n)) / rate + T l2)

    T is how many steps there were: a penalty counts once a step, as the loss does, so that the
    minimum is the objective's. Where the learning rate falls, a step's gradient and its part of T
    count as much less. The bias has no penalties.

    Reference: McMahan et al., Ad click prediction: a view from the trenches (KDD 2013),
    algorithm 1, whose lambdas are T l1 and T l2.

    Attributes:
      learning_rate: the largest of the run; one, or one for each model.
      beta: see above; it keeps the first steps short.
      unit: as for `AdaGrad`.
    """

    learning_rate: Any
    beta: float
    unit: float = 1.0

    def times(self, rates: PerStep, first: int, last: int, l2: Hyper) -> np.ndarray | None:
        """As for `Rule`: the sum of the rates."""
        return penalty_times(rates, first, last, 0.0)

    def start(self, parameters: Sequence[tf.Tensor]) -> State:
        """As for `Rule`."""
        # What the rule's formula turns into the parameters.
        W, b = parameters
        steepness = self.beta / each_model(self.learning_rate)
        sums = [-each * steepness for each in (W, b / self.unit)]
        return State(sums, [], [], [tf.zeros_like(each) for each in parameters], [])

    def parameters(self, state: State, moment: Moment, objective: Objective) -> list[tf.Tensor]:
        """As for `Rule`."""
        steps = tf.cast(moment.now, tf.float32) / each_model(self.learning_rate)
        (z_W, z_b), slopes = state.parameters, [self._steepness(n) for n in state.sums]
        limit = steps * each_model(objective.l1)
        W = -(tf.maximum(z_W - limit, 0.0) + tf.minimum(z_W + limit, 0.0))
        W = W / (slopes[0] + steps * each_model(objective.l2))
        return [W, self.unit * (-z_b / slopes[1])]

    def settled(self, state: State, moment: Moment, objective: Objective) -> State:
        """As for `Rule`: what is kept follows from gradients alone."""
        return state

    def step(
        self,
        state: State,
        parameters: Sequence[tf.Tensor],
        gradients: Sequence[tf.Tensor],
        moment: Moment,
        objective: Objective,
    ) -> State:
        """As for `Rule`."""
        share = each_model(moment.rate) / each_model(self.learning_rate)
        sums, squares = [], []
        (W, b), (of_W, of_b) = parameters, gradients
        moved = (W, b / self.unit), (of_W, self.unit * of_b)
        for z, n, parameter, slope in zip(state.parameters, state.sums, *moved, strict=True):
            gradient = share * slope
            more = n + tf.square(gradient)
            step = self._steepness(more) - self._steepness(n)
            sums.append(z + gradient - step * parameter)
            squares.append(more)
        return state._replace(parameters=sums, sums=squares)

    def _steepness(self, squares: tf.Tensor) -> tf.Tensor:
        return (self.beta + tf.sqrt(squares)) / each_model(self.learning_rate)


def step_of(
    updates: Updates,
    state: State,
    gradients: Sequence[tf.Tensor],
    moment: Moment,
    objective: Objective,
) -> State:
    """A step of `Updates` with the objective's penalties."""
    slopes = objective.with_l2(gradients, state.parameters)
    return updates.step(state, slopes, moment.rate, moment.average_weight, objective.proximal)


def penalised(
    W: tf.Tensor, time: tf.Tensor, objective: Objective, moved: tf.Tensor | float = 0.0
) -> tf.Tensor:
    """W after the penalties have moved it for a time, and a gradient has moved it by `moved`.

    Args:
      W: ``[*models, n_classes, n]``.
      time: that broadcasts to it, float32.
      objective: for its penalties.
      moved: of W's shape.
    """
    l2, l1 = each_model(objective.l2), each_model(objective.l1)
    W = W * tf.exp(-l2 * time) + moved
    if not penalises(objective.l1):
        return W
    divisor = tf.where(l2 > 0, l2, 1.0)
    amount = l1 * tf.where(l2 > 0, -tf.math.expm1(-l2 * time) / divisor, time)
    return tf.maximum(W - amount, 0.0) + tf.minimum(W + amount, 0.0)


def _made_up(
    W: tf.Tensor, state: State, slowed: Any, moment: Moment, objective: Objective
) -> tf.Tensor:
    """W as it is now, with what penalties have done since its features last occurred."""
    if not state.touched or not (penalises(objective.l2) or penalises(objective.l1)):
        return W
    passed = tf.cast(moment.now - state.touched[0][..., None, :], tf.float32)
    return penalised(W, slowed * passed, objective)


def _settled(rule: Rule, state: State, moment: Moment, objective: Objective) -> State:
    if not state.touched:
        return state
    now = [tf.zeros_like(times) + moment.now[..., 0] for times in state.touched]
    return state._replace(parameters=rule.parameters(state, moment, objective), touched=now)


def _touched(state: State, before: State, moment: Moment) -> State:
    after = [tf.zeros_like(times) + moment.then[..., 0] for times in before.touched]
    return state._replace(touched=after)


def _untouched(state: State) -> State:
    a_class = state.parameters[0][..., 0, :]
    return state._replace(touched=[tf.zeros_like(a_class, tf.float64)])


def _slowed(squares: tf.Tensor) -> tf.Tensor:
    return tf.math.rsqrt(squares + _TINY)
