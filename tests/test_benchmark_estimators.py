"""The script that compares SoftmaxClassifier with LogisticRegression."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import issparse
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from support.oldest import BEFORE_1_8

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "estimators.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("benchmark_estimators", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_row_has_figures_of_both(script):
    cells = script.row_of(script.Set("iris", *load_iris(return_X_y=True))).strip("| ").split(" | ")
    assert len(cells) == script.COLUMNS.count("|") + 1
    assert cells[:4] == ["iris", "112", "4", "3"]
    assert abs(float(cells[4]) / float(cells[5]) - 1) < 0.02
    assert float(cells[6]) <= 1e-5


def test_the_objective_is_that_which_is_minimised(script):
    X, y = load_iris(return_X_y=True)
    fitted = LogisticRegression(tol=1e-8, max_iter=1000).fit(X, y)
    least = script.objective(fitted, X, y)
    for change in (0.99, 1.01):
        fitted.coef_ = fitted.coef_ * change
        assert script.objective(fitted, X, y) > least
        fitted.coef_ = fitted.coef_ / change


def test_going_further_starts_where_a_classifier_ended(script):
    X, y = load_iris(return_X_y=True)
    rough = LogisticRegression(tol=1e-2).fit(X, y)
    fine = LogisticRegression(tol=1e-8, max_iter=1000).fit(X, y)
    found = script.objective(script.further(rough, X, y), X, y)
    assert script.objective(rough, X, y) > found * (1 + 1e-5)
    assert abs(found / script.objective(fine, X, y) - 1) < 1e-9
    assert script.further(fine, X, y).n_iter_ < 20


def test_made_texts_are_sparse_counts(script):
    made = script.words("few", 50, 200, 3)
    assert issparse(made.X)
    np.testing.assert_array_equal(made.X.sum(axis=1), 30)


def test_a_row_of_choices_has_figures_of_both(script):
    if BEFORE_1_8:
        pytest.skip("LogisticRegressionCV has other arguments")
    row = script.choosing_row_of(script.Set("iris", *load_iris(return_X_y=True)))
    cells = row.strip("| ").split(" | ")
    assert len(cells) == script.CHOOSING_COLUMNS.count("|") + 1
    assert cells[:4] == ["iris", "112", "4", "3"]
    assert cells[4] == cells[5]
    assert abs(float(cells[6]) / float(cells[7]) - 1) < 0.01
