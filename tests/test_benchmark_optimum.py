"""The benchmark of solvers: it measures times and gaps as it says, and runs to its end."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("optimum", "optimum_solvers", "made_large", "shared")
    yield lambda name: __import__(name)
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def problem(module):
    X, labels = module("made_large").tall(0.0005)
    return module("optimum_solvers").Problem(X, labels, 1e-2, 1e-6, None, 20.0)


def test_the_objective_is_what_scikit_learn_minimises(problem):
    best = LogisticRegression(
        C=1 / (problem.l2 * len(problem.labels)), tol=1e-10, solver="newton-cholesky"
    ).fit(problem.inputs.astype(np.float64), problem.labels)
    W, b = best.coef_, best.intercept_
    least = problem.objective(W, b)
    probabilities = best.predict_proba(problem.inputs.astype(np.float64))
    own = probabilities[np.arange(len(problem.labels)), problem.labels]
    expected = -np.log(own).mean() + problem.l2 / 2 * np.square(W).sum()
    assert least == pytest.approx(expected, rel=1e-12)
    for place in np.ndindex(W.shape):
        moved = W.copy()
        moved[place] += 1e-4
        assert problem.objective(moved, b) > least


def test_looking_is_not_counted_and_a_solver_that_arrived_is_stopped(module, problem, monkeypatch):
    solvers = module("optimum_solvers")
    now = [0.0]
    monkeypatch.setattr(solvers.Watch, "_now", lambda self: np.full(2, now[0]))

    def objective(W, b):
        now[0] += 100
        return W

    watch = solvers.Watch(problem._replace(best=1.0))
    monkeypatch.setattr(solvers.Problem, "objective", lambda self, W, b: objective(W, b))
    for found in (1.1, 1.0001):
        now[0] += 2
        watch.look(found, 0)
    now[0] += 3
    with pytest.raises(solvers.Enough):
        watch.look(1.0000001, 0)
    assert [point[0] for point in watch.points] == [2, 4, 7]


def test_arrival_is_between_the_looks(module):
    arrival = module("optimum").arrival
    points = [[1.0, 2.0, 1.1], [3.0, 6.0, 1.001], [9.0, 9.0, 1.0]]
    assert arrival(points, 1.0, 0.01) == pytest.approx((2.0, 4.0))
    assert arrival(points[:1], 1.0, 0.01) is None
    assert arrival(points, 1.0, 0.2) == (1.0, 2.0)


@pytest.mark.slow
def test_all_that_is_installed_arrives():
    command = [sys.executable, str(BENCHMARKS / "optimum.py"), "--quick", "--only", "tall"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = {each[0]: each for each in cells}
    for name in ("tfsoftmax", "lbfgs", "newton-cg", "newton-cholesky", "saga"):
        assert float(rows[name][1]) > 0
        assert float(rows[name][-1]) <= 1e-6
