"""The function that takes many steps in one call, kept for runs that would trace the same one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.distributed.timed import TimedSums
from tfsoftmax.training.objective import Numbers, Objective
from tfsoftmax.training.sgd.batches import Batches
from tfsoftmax.training.sgd.rules import Moment, Rule
from tfsoftmax.training.sgd.step import Held, Plan, Step
from tfsoftmax.training.sgd.updates import State

# Functions that are kept: few kinds of runs take turns in a process.
_KEPT = 16


def compile_steps(
    objective: Objective,
    rule: Rule,
    batches: Batches,
    models: tuple[int, ...],
    sums: TimedSums | None,
    layout: Hashable,
    xla: bool,
) -> Any:
    """Builds the function that takes many steps in one call, traced once for a shape of chunks.

    Where no workers sum, it is the same function whenever the arguments say the same, traced and
    compiled already. It outlives its run, so rows and weights are none of what it is built of.

    Args:
      objective: what is minimised; it is told its numbers in each call.
      rule: how.
      batches: how a step reads its rows, and what it moves.
      models: how many models, ``(n_weightings, n_models)``; ``()`` is a single one.
      sums: over the workers that take every step together; None where there are none.
      layout: what the shapes of the tensors follow from (`Feed.layout`).
      xla: compile with XLA.

    Returns:
      A ``tf.function`` of

      * kept, variables with the state of the update rule, which are moved,
      * the tensors of a chunk,
      * plan, a `Plan` for its steps,
      * bounds, int32 ``[2]``: the first step to take and the one to stop before,

      that returns the mean loss of each batch, float32 ``[steps, *models]``, 0 for steps not
      taken.
    """
    step = Step(objective.with_numbers(Numbers(None, None, None)), rule, batches, len(models))
    if sums:
        # Traces of several processes must come in the same order, which what is left of earlier
        # runs would change.
        return _function(step, models, sums, xla)
    return _kept_function(_ByValue(step), models, layout, xla)


class _ByValue:
    """What a step does; two that do the same are equal, and have one hash.

    Attributes:
      step: what it does.
    """

    def __init__(self, step: Step):
        self.step = step
        self._value = _value(step)
        self._hash = hash(self._value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByValue) and self._value == other._value


def _value(part: Any) -> Hashable:
    """What a trace depends on in a part of a step; functions are what they are."""
    if isinstance(part, np.ndarray):
        return part.dtype.str, part.shape, part.tobytes()
    if is_dataclass(part):
        return type(part), *(_value(getattr(part, field.name)) for field in fields(part))
    if isinstance(part, tuple | list):
        return type(part), *map(_value, part)
    return type(part), part


@lru_cache(maxsize=_KEPT)
def _kept_function(step: _ByValue, models: tuple[int, ...], layout: Hashable, xla: bool) -> Any:
    return _function(step.step, models, None, xla)


def _function(step: Step, models: tuple[int, ...], sums: TimedSums | None, xla: bool) -> Any:
    def compiled(function: Callable[..., Any], with_xla: bool = xla) -> Any:
        # AutoGraph needs the source at hand, which it does not always find.
        return tf.function(function, jit_compile=with_xla or None, autograph=False)

    together = _together(step, sums, compiled) if sums else None

    def run_steps(
        kept: State, tensors: tuple[Any, ...], plan: Plan, bounds: tf.Tensor
    ) -> tf.Tensor:
        def take_step(
            number: tf.Tensor, losses: tf.Tensor, state: Any
        ) -> tuple[tf.Tensor, tf.Tensor, Any]:
            if together:
                mean = together(kept, tensors, number, plan)
            else:
                mean, state = _alone(step, state, tensors, number, plan)
            return number + 1, tf.tensor_scatter_nd_update(losses, [[number]], [mean]), state

        _, losses, state = tf.while_loop(
            lambda number, *_: number < bounds[1],
            take_step,
            (bounds[0], tf.zeros([plan.rates.shape[0], *models]), () if together else _read(kept)),
            parallel_iterations=1,
        )
        if not together:
            _assign(kept, state)
        return losses

    return compiled(run_steps, xla and not together)


def _alone(
    step: Step, state: State, tensors: tuple[Any, ...], number: tf.Tensor, plan: Plan
) -> tuple[tf.Tensor, State]:
    """The mean loss of a step's rows, and the state after the step."""
    part, moment = step.batches.part(tensors, number, state), plan.moment(number)
    mean, gradients, held = step.slopes(tensors, number, part, moment, plan.numbers)
    part = step.moved(gradients, held, plan.numbers)
    return mean, step.batches.put(tensors, number, state, part)


def _together(
    step: Step, sums: TimedSums, compiled: Callable[[Callable[..., Any]], Any]
) -> Callable[[State, tuple[Any, ...], tf.Tensor, Plan], tf.Tensor]:
    """Builds what takes a step with other workers, moves the state and returns the mean loss.

    XLA has no sums over processes: what comes before and after one is compiled by itself. So the
    state stays in its variables, which XLA moves where they are; of a tensor that leaves what it
    compiled, it would make a copy in each step.
    """

    @compiled
    def slopes(
        kept: State, tensors: tuple[Any, ...], number: tf.Tensor, moment: Moment, numbers: Numbers
    ) -> tuple[tf.Tensor, list[tf.Tensor], Held]:
        part = step.batches.part(tensors, number, _read(kept))
        return step.slopes(tensors, number, part, moment, numbers)

    @compiled
    def move(
        kept: State,
        tensors: tuple[Any, ...],
        number: tf.Tensor,
        gradients: list[tf.Tensor],
        held: Held,
        numbers: Numbers,
    ) -> None:
        part = step.moved(gradients, held, numbers)
        _assign(kept, step.batches.put(tensors, number, _read(kept), part))

    def take_step(
        kept: State, tensors: tuple[Any, ...], number: tf.Tensor, plan: Plan
    ) -> tf.Tensor:
        mean, gradients, held = slopes(kept, tensors, number, plan.moment(number), plan.numbers)
        mean, *gradients = sums([mean, *gradients])
        move(kept, tensors, number, gradients, held, plan.numbers)
        return mean

    return take_step


def _read(kept: State) -> State:
    state: State = tf.nest.map_structure(lambda each: each.read_value(), kept)
    return state


def _assign(kept: State, state: State) -> None:
    tf.nest.map_structure(lambda each, value: each.assign(value), kept, state)
