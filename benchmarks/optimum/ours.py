"""This package's solver, and what it spends on compiling."""

from __future__ import annotations

import pickle
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from problem import Enough, Problem, Watch


def ours(problem: Problem, folder: Path) -> dict[str, Any]:
    """This package, to a proof; a second time in the same process."""
    from tfsoftmax.system.startup import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    from tfsoftmax import Recipe, SoftmaxRegression
    from tfsoftmax.training.prepare import prepare
    from tfsoftmax.training.run import Run
    from tfsoftmax.training.trainer import Trainer

    dataset = pickle.loads((folder / "dataset").read_bytes())  # noqa: S301 (ours)
    asked = Recipe(
        solver="newton", l2=problem.l2, l1=problem.l1, tol=problem.gap, standardize="off"
    )
    firsts = FirstCalls()
    tf.function = firsts.of(tf.function)

    def fit() -> tuple[Watch, Run, Trainer]:
        firsts.functions.clear()
        watch = Watch(problem)
        prepared, recipe = prepare(dataset, asked)
        run = Run(SoftmaxRegression(prepared.spec), prepared, recipe)
        while not run.ended:
            run.epoch(None)
            W, b = (parameter.numpy() for parameter in run.model.parameters)
            with suppress(Enough):  # It ends with a proof, not before.
                watch.look(W.T, b, always=True)
            if watch.points[-1][1] > problem.seconds:
                break
        trainer = run.trainer  # The end gives it up.
        run.end()
        return watch, run, trainer

    watch, run, trainer = fit()
    first = watch.points[-1][:2]
    if problem.best is not None:
        # Nothing keeps the rows of a fit that has returned: held, they cost the second new memory.
        del run, trainer
        watch, run, trainer = fit()
    trainer.run_epoch(1)  # What an epoch takes that compiles nothing.
    compiling = firsts.cost()
    proof = run.history.proof
    return {
        "points": watch.points,
        "first": first,
        "compiling": compiling,
        "passes": proof and proof.passes,
        "proven": proof and proof.relative_gap,
    }


class Timed:
    """A ``tf.function`` whose calls are timed."""

    def __init__(self, function: Any, calls: list[tuple[float, float]]):
        self._function, self._calls = function, calls

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls it."""
        wall, cpu = time.perf_counter(), time.process_time()
        found = self._function(*arguments, **named)
        self._calls.append((time.perf_counter() - wall, time.process_time() - cpu))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


class FirstCalls:
    """What the first call of each ``tf.function`` takes more than its others: compiling.

    Attributes:
      functions: of each, the wall and processor seconds of its calls.
    """

    def __init__(self) -> None:
        self.functions: list[list[tuple[float, float]]] = []

    def of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``tf.function``, whose functions are timed."""

        def made(called: Any = None, **options: Any) -> Any:
            if called is None:
                return lambda each: made(each, **options)
            calls: list[tuple[float, float]] = []
            self.functions.append(calls)
            return Timed(function(called, **options), calls)

        return made

    def cost(self) -> tuple[float, float]:
        """Wall and processor seconds of all."""
        wall = cpu = 0.0
        for calls in self.functions:
            if len(calls) > 1:
                usual = [statistics.median(each) for each in zip(*calls[1:], strict=True)]
                wall += max(0.0, calls[0][0] - usual[0])
                cpu += max(0.0, calls[0][1] - usual[1])
        return wall, cpu
