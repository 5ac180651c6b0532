"""Who looks for the optimum of softmax regression: each of them in a process of its own.

    python optimum_solvers.py FOLDER NAME

solves the problem that is in a folder, and prints what it found and when, as JSON. All minimise
the mean loss plus ``l2 / 2 ||W||^2 + l1 ||W||_1`` over the same scaled rows, the bias free, and are
told no more than that; time to look at what they found is not counted.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

# How much longer a solver must have run for another look at it, and how many more iterations
# are asked for, where it must begin anew.
_LATER = 1.05
_LONGER = 1.5
# After so many of these, who would take so many times what is allowed is stopped.
_FEWEST = 6
_FAR = 2
# It has arrived a little below the gap that is asked for.
_PART = 0.3
# The Hessian of so many parameters is factored in a few seconds.
_MOST_CHOLESKY = 1_500
# Where each row has a few thousand numbers, so much of their float64 copy is made at once.
_BLOCK_ROWS = 1_000


class Problem(NamedTuple):
    """What is minimised, and for how long.

    Attributes:
      inputs: scaled rows, float32 ``[n_samples, n_inputs]``.
      labels: ``[n_samples]``.
      l2: strength of the penalty on squares, on the mean loss.
      gap: the relative gap that is enough.
      best: the least objective that is known; None if none is.
      seconds: of the processor's time that a solver may take.
      l1: strength of the penalty on magnitudes; one of the two is 0.
    """

    inputs: np.ndarray
    labels: np.ndarray
    l2: float
    gap: float
    best: float | None
    seconds: float
    l1: float = 0.0

    @property
    def C(self) -> float:  # noqa: N802 (scikit-learn's name)
        """Strength of the penalty as scikit-learn has it."""
        return 1 / ((self.l2 + self.l1) * len(self.labels))

    def objective(self, W: np.ndarray, b: np.ndarray) -> float:
        """In float64, whatever found W ``[n_classes, n_inputs]`` and b."""
        total, W, b = 0.0, W.astype(np.float64), b.astype(np.float64)
        for first in range(0, len(self.labels), _BLOCK_ROWS):
            rows = slice(first, first + _BLOCK_ROWS)
            logits, labels = self.inputs[rows].astype(np.float64) @ W.T + b, self.labels[rows]
            own = logits[np.arange(len(labels)), labels]
            total += float((logsumexp(logits, axis=1) - own).sum())
        penalty = self.l2 / 2 * np.square(W).sum() + self.l1 * np.abs(W).sum()
        return total / len(self.labels) + float(penalty)


class Enough(Exception):  # noqa: N818 (it is no error)
    """It has arrived, or had its time."""


class Watch:
    """A clock that stands still while it looks at where a solver is.

    Attributes:
      points: of each look, the wall and processor seconds up to it, and the objective.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self.points: list[tuple[float, float, float]] = []
        self._uncounted = np.zeros(2)
        self._start = self._now()

    def _now(self) -> np.ndarray:
        return np.array([time.perf_counter(), time.process_time()])

    def look(self, W: np.ndarray, b: np.ndarray, always: bool = False) -> None:
        """Notes how far a solver is, if it is time for that.

        Raises:
          Enough: if it need not go on.
        """
        asked = self._now()
        wall, cpu = asked - self._start - self._uncounted
        if always or not self.points or wall > _LATER * self.points[-1][0]:
            self.points.append((wall, cpu, self.problem.objective(W, b)))
        self._uncounted += self._now() - asked
        if self.arrived or cpu > self.problem.seconds:
            raise Enough

    @property
    def arrived(self) -> bool:
        """Whether the objective is as small as asked for."""
        best = self.problem.best
        if best is None or not self.points:
            return False
        return self.points[-1][2] <= best * (1 + _PART * self.problem.gap)


Found = dict[str, Any]


def ours(problem: Problem, folder: Path) -> Found:
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

    first, *_ = watch, run, trainer = fit()
    if problem.best is not None:
        watch, run, trainer = fit()
    trainer.run_epoch(1)  # What an epoch takes that compiles nothing.
    compiling = firsts.cost()
    proof = run.history.proof
    return {
        "points": watch.points,
        "first": first.points[-1][:2],
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


def scikit(solver: str, dtype: Any = np.float64) -> Callable[[Problem, Path], Found]:
    """A solver of scikit-learn's that computes loss and gradient where it is."""

    def solve(problem: Problem, folder: Path) -> Found:
        from sklearn.linear_model import LogisticRegression
        from sklearn.linear_model._linear_loss import LinearModelLoss

        X, labels = problem.inputs.astype(dtype), problem.labels
        n_classes = int(labels.max()) + 1
        if solver == "newton-cholesky" and n_classes * (X.shape[1] + 1) > _MOST_CHOLESKY:
            return {"points": [], "why": "its Hessian is too large"}
        model = LogisticRegression(solver=solver, C=problem.C, tol=1e-14, max_iter=1_000_000)
        watch = Watch(problem)

        def watched(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(self: Any, coef: np.ndarray, *rest: Any, **options: Any) -> Any:
                joint = coef.reshape(n_classes, -1, order="F")
                watch.look(joint[:, :-1], joint[:, -1])
                return method(self, coef, *rest, **options)

            return call

        # What each solver asks for first wherever it goes.
        for name in ("loss_gradient", "gradient_hessian_product", "gradient_hessian"):
            setattr(LinearModelLoss, name, watched(getattr(LinearModelLoss, name)))
        with suppress(Enough):
            model.fit(X, labels)
            watch.look(model.coef_, model.intercept_, always=True)
        return {"points": watch.points}

    return solve


def _again(
    problem: Problem, fit: Callable[[int], tuple[np.ndarray, np.ndarray]], start: int
) -> Found:
    """Fits of more and more iterations, for solvers that cannot be watched."""
    points: list[tuple[float, float, float]] = []
    began = time.process_time()
    for power in itertools.count():
        watch = Watch(problem)
        W, b = fit(round(start * _LONGER**power))
        try:
            watch.look(W, b, always=True)
        except Enough:
            break
        finally:
            points += watch.points
        spent = time.process_time() - began
        if spent + watch.points[-1][1] * _LONGER > problem.seconds or _hopeless(problem, points):
            break
    return {"points": points}


def _hopeless(problem: Problem, points: list[tuple[float, float, float]]) -> bool:
    """Whether it would be far too late, should the logarithm of its gap go on falling evenly."""
    if problem.best is None or len(points) < _FEWEST:
        return False
    (_, middle, higher), (_, last, lower) = points[len(points) // 2], points[-1]
    fallen = np.log((higher - problem.best) / (lower - problem.best))
    to_come = np.log((lower / problem.best - 1) / problem.gap)
    return bool(last + to_come * (last - middle) / max(fallen, 1e-9) > _FAR * problem.seconds)


def saga(problem: Problem, folder: Path) -> Found:
    """scikit-learn's saga."""
    from sklearn.linear_model import LogisticRegression

    X, ratio = problem.inputs.astype(np.float64), float(problem.l1 > 0)

    def fit(count: int) -> tuple[np.ndarray, np.ndarray]:
        model = LogisticRegression(
            solver="saga", C=problem.C, l1_ratio=ratio, tol=0, max_iter=count, random_state=0
        )
        model.fit(X, problem.labels)
        return model.coef_, model.intercept_

    return _again(problem, fit, 2)


def cyanure(problem: Problem, folder: Path) -> Found:
    """Cyanure's own choice of solver for its multiclass logistic loss."""
    from cyanure.estimators import Classifier

    X, labels = problem.inputs.astype(np.float64), problem.labels

    def fit(count: int) -> tuple[np.ndarray, np.ndarray]:
        model = Classifier(
            loss="multiclass-logistic",
            penalty="l1" if problem.l1 else "l2",
            fit_intercept=True,
            lambda_1=problem.l1 or problem.l2,
            tol=1e-14,
            max_iter=count,
            verbose=False,
        ).fit(X, labels)
        W, b = model.get_weights()
        return (W.T if len(W) == X.shape[1] else W), np.ravel(b)

    return _again(problem, fit, 5)


def jax(problem: Problem, folder: Path) -> Found:
    """Optax's L-BFGS, a compiled step; the second time in the same process."""
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    X, labels = jnp.asarray(problem.inputs), jnp.asarray(problem.labels)
    n_classes = int(problem.labels.max()) + 1

    # The rows are arguments: as constants they would be folded into what is compiled.
    def objective(parameters: Any, X: Any, labels: Any) -> Any:
        W, b = parameters
        logits = (X @ W.astype(X.dtype).T).astype(W.dtype) + b
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean() + problem.l2 / 2 * jnp.square(W).sum()

    solver = optax.lbfgs()

    @jax.jit
    def step(parameters: Any, state: Any, X: Any, labels: Any) -> Any:
        def value_fn(parameters: Any) -> Any:
            return objective(parameters, X, labels)

        value, slope = optax.value_and_grad_from_state(value_fn)(parameters, state=state)
        updates, state = solver.update(
            slope, state, parameters, value=value, grad=slope, value_fn=value_fn
        )
        return optax.apply_updates(parameters, updates), state

    def fit(most: float) -> Watch:
        watch, taken = Watch(problem), 0
        parameters: Any = jnp.zeros((n_classes, X.shape[1])), jnp.zeros(n_classes)
        state = solver.init(parameters)
        with suppress(Enough):
            while taken < most:
                parameters, state = jax.block_until_ready(step(parameters, state, X, labels))
                watch.look(*map(np.asarray, parameters))
                taken += 1
        return watch

    fit(2)  # Compiles.
    return {"points": fit(np.inf).points}


SOLVERS: dict[str, Callable[[Problem, Path], Found]] = {
    "tfsoftmax": ours,
    "newton-cholesky": scikit("newton-cholesky"),
    "newton-cg": scikit("newton-cg"),
    "lbfgs": scikit("lbfgs"),
    "lbfgs, float32": scikit("lbfgs", np.float32),
    "saga": saga,
    "JAX L-BFGS": jax,
    "cyanure": cyanure,
}


def main() -> None:
    """Solves a problem and prints what was found."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    facts = json.loads((folder / "facts.json").read_text())
    arrays = (np.load(folder / f"{part}.npy") for part in ("inputs", "labels"))
    # What has not arrived says so in a warning.
    warnings.simplefilter("ignore")
    try:
        found = SOLVERS[name](Problem(*arrays, **facts), folder)
    except ImportError as error:
        found = {"points": [], "why": f"is not installed ({error.name})"}
    print(json.dumps(found))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
