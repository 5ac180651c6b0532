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
    monkeypatch.syspath_prepend(str(BENCHMARKS / "optimum"))
    before = set(sys.modules)
    yield lambda name: __import__(name)
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def problem(module):
    X, labels = module("made_large").tall(0.0005)
    return module("problem").Problem(X, labels, 1e-2, 1e-6, None, 20.0)


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
    solvers = module("problem")
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
    arrival = module("figures").arrival
    points = [[1.0, 2.0, 1.1], [3.0, 6.0, 1.001], [9.0, 9.0, 1.0]]
    assert arrival(points, 1.0, 0.01) == pytest.approx((2.0, 4.0))
    assert arrival(points[:1], 1.0, 0.01) is None
    assert arrival(points, 1.0, 0.2) == (1.0, 2.0)


def test_nobody_gets_much_longer_than_the_best_before_it(module):
    optimum = module("measure")
    case = module("cases").CASES["tall"]
    runs = {"newton-cg": [{"points": [[1.0, 8.0, 1.0 + 1e-9]]}], "lbfgs": [{"points": []}]}
    assert optimum.allowed(case, "lbfgs", runs, 1.0, 60.0) == pytest.approx(12.0)
    assert optimum.allowed(case, "lbfgs", runs, 1.0, 5.0) == 5.0
    assert optimum.allowed(case, "cyanure", runs, 1.0, 60.0) == 60.0


def test_where_none_arrived_the_ratio_is_to_the_shortest_that_one_was_given(module):
    optimum = module("figures")
    case = module("cases").CASES["tall"]
    own = {"points": [[2.0, 3.0, 1.0]], "proven": 1e-8, "compiling": [0.5, 1.0]}
    late = [{"points": [[seconds, 2 * seconds, 1.1]]} for seconds in (30.0, 60.0)]
    runs = {"tfsoftmax": [own], "lbfgs": late[:1], "saga": late[1:]}
    found = optimum.compared(case, {"best": 1.0, "runs": runs}, ("lbfgs", "saga"))
    assert found == pytest.approx((1.5 / 30, 2 / 60, None))
    runs["lbfgs"] = [{"points": [[10.0, 10.0, 1.0]]}]
    found = optimum.compared(case, {"best": 1.0, "runs": runs}, ("lbfgs", "saga"))
    assert found == (0.15, 0.2, "lbfgs")


@pytest.mark.parametrize(("rate", "late"), [(0.01, True), (1.0, False)])
def test_who_would_be_far_too_late_is_stopped(module, problem, rate, late):
    solvers = module("others")
    points = [(t, t, 1 + 0.1 * np.exp(-rate * t)) for t in np.arange(1.0, 8)]
    assert solvers._hopeless(problem._replace(best=1.0), points) == late
    assert not solvers._hopeless(problem._replace(best=1.0), points[:3])


def test_the_objective_with_l1_is_least_where_saga_ends(problem):
    l1 = problem._replace(l2=0.0, l1=0.02)
    best = LogisticRegression(
        C=l1.C, l1_ratio=1.0, solver="saga", tol=1e-8, max_iter=20_000, random_state=0
    ).fit(l1.inputs.astype(np.float64), l1.labels)
    least = l1.objective(best.coef_, best.intercept_)
    for place in np.ndindex(best.coef_.shape):
        for step in (1e-3, -1e-3):
            moved = best.coef_.copy()
            moved[place] += step
            assert l1.objective(moved, best.intercept_) > least


def test_the_path_that_was_stopped_is_below_what_it_is_told(module):
    section = module("path").section
    own = {"took": [10.0, 12.0], "scores": [0.5, 0.25]}
    lines = "\n".join(section({"tfsoftmax": own, "LogisticRegressionCV": None}, 200.0))
    assert "less than 0.050" in lines
    assert "not in 200" in lines
    other = {"took": [50.0, 60.0], "scores": [0.5002, 0.5], "at_minimum": [True, False]}
    lines = "\n".join(section({"tfsoftmax": own, "LogisticRegressionCV": other}, 200.0))
    assert "2.0e-04 apart for the 1 values" in lines
    assert "2.5e-01" in lines


@pytest.mark.slow
def test_all_that_is_installed_arrives():
    command = [sys.executable, str(BENCHMARKS / "optimum"), "--quick", "--only", "tall"]
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
