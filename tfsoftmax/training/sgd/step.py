"""One step of stochastic gradient descent: the loss and its gradients, then where they lead."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tfsoftmax.training.objective import Numbers, Objective
from tfsoftmax.training.sgd.batches import Batches
from tfsoftmax.training.sgd.rules import Moment, Rule
from tfsoftmax.training.sgd.updates import State


class Plan(NamedTuple):
    """What the steps of a chunk are to be.

    Attributes:
      rates: learning rates, float32 ``[steps]`` or ``[steps, n_models]``.
      average_weights: float32 ``[steps]``.
      start: the number in its epoch of the chunk's first step, int32; None without times.
      times: as for `Moment`.
      numbers: of the objective.
    """

    rates: tf.Tensor
    average_weights: tf.Tensor
    start: tf.Tensor | None
    times: tf.Tensor | None
    numbers: Numbers

    def moment(self, step: tf.Tensor) -> Moment:
        """A step's place in the run; its rate is the learning rate."""
        number = step if self.start is None else self.start + step
        return Moment(self.rates[step], self.average_weights[step], number, self.times)


class Held(NamedTuple):
    """What a step needs again once it has its gradients."""

    part: State
    parameters: list[tf.Tensor]
    moment: Moment


class Step(NamedTuple):
    """What a step does.

    Attributes:
      objective: what is minimised; its numbers are those of the plan.
      rule: how.
      batches: how a step reads its rows, and what it moves.
      model_axes: how many leading axes tell models apart; 0 for a single one.
    """

    objective: Objective
    rule: Rule
    batches: Batches
    model_axes: int

    def slopes(
        self,
        tensors: tuple[Any, ...],
        step: tf.Tensor,
        part: State,
        moment: Moment,
        numbers: Numbers,
    ) -> tuple[tf.Tensor, list[tf.Tensor], Held]:
        """The mean loss of a step's rows, for each model, and its gradients.

        With other processes it is these rows' part of both: those of all add up to the mean.

        Args:
          tensors: of a chunk.
          step: its number in the chunk.
          part: of the state before the step, which the step moves.
          moment: of the step, as `Plan` has it.
          numbers: likewise.
        """
        objective = self.objective.with_numbers(numbers)
        batch = self.batches.read(tensors, step)
        moment = moment._replace(rate=objective.rate(moment.rate, batch.total))
        parameters = self.rule.parameters(part, moment, objective)
        counted = tf.range(batch.labels.shape[0]) < batch.count
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            logits = objective.logits(parameters, batch.inputs)
            row_losses = objective.losses(logits, batch.labels)
            if batch.weights is not None:
                row_losses *= _aligned(batch.weights, self.model_axes)
            mean = tf.reduce_sum(tf.where(counted, row_losses, 0.0), -1)
            mean /= tf.cast(batch.total, tf.float32)
            # The gradient of a sum is that of each of its models.
            total = tf.reduce_sum(mean)
        return mean, tape.gradient(total, parameters), Held(part, parameters, moment)

    def moved(self, gradients: list[tf.Tensor], held: Held, numbers: Numbers) -> State:
        """That part of the state after the step, from its gradients and what `slopes` held."""
        objective = self.objective.with_numbers(numbers)
        return self.rule.step(held.part, held.parameters, gradients, held.moment, objective)


def _aligned(weights: tf.Tensor, model_axes: int) -> tf.Tensor:
    """A batch's weights, ready to be multiplied with losses ``[*models, batch_size]``."""
    return tf.transpose(weights)[:, None] if model_axes else weights
