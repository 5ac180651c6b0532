"""Who else looks for the optimum: scikit-learn's solvers, JAX's and Cyanure's."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from problem import Enough, Problem, Watch

Found = dict[str, Any]

# How many more iterations are asked for, where a solver must begin anew.
_LONGER = 1.5
# After so many of these, who would take so many times what is allowed is stopped.
_FEWEST = 6
_FAR = 2
# The Hessian of so many parameters is factored in a few seconds.
_MOST_CHOLESKY = 1_500


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
