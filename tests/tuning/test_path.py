"""Candidates that Newton's method finds: scores of scikit-learn's path, choices, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from tfsoftmax import (
    DataError,
    Dataset,
    Recipe,
    Spec,
    Split,
    UsageError,
    from_arrays,
    load_dataset,
    tune,
)
from tfsoftmax.training import cross_validation
from tfsoftmax.training.prepare import prepare

L2 = (1e-4, 1e-2, 1.0)
NEWTON = Recipe(solver="newton", standardize="off")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(240, 8)).astype(np.float32)
    y = (X @ rng.normal(size=(8, 3)) + rng.gumbel(size=(240, 3))).argmax(axis=1).astype(np.int32)
    rows = Split(X, y)
    return Dataset("table", Spec((8,), "float32", ("a", "b", "c")), rows, rows)


@pytest.fixture(scope="module")
def tuning(table):
    return tune(table, NEWTON, l2=L2, folds=4)


def test_scores_are_those_of_the_optima(table, tuning):
    X, y = table.train.features.astype(np.float64), table.train.labels
    held_out = cross_validation.held_out_rows(table, 4, seed=0)
    for candidate, l2 in zip(tuning.candidates, L2, strict=True):
        assert candidate.recipe.l2 == l2
        losses, accuracies = [], []
        for rows in held_out:
            kept = np.setdiff1d(np.arange(len(y)), rows)
            best = LogisticRegression(C=1 / (l2 * len(kept)), tol=1e-10, max_iter=5000)
            best.fit(X[kept], y[kept])
            P = best.predict_proba(X[rows])
            losses.append(-np.log(P[np.arange(len(rows)), y[rows]]).mean())
            accuracies.append((P.argmax(axis=1) == y[rows]).mean())
        assert_allclose(candidate.log_losses, losses, atol=1e-3)
        assert_allclose(candidate.accuracies, accuracies, atol=0.02)


def test_the_best_is_trained_by_newton(tuning):
    assert tuning.best.solver == "newton"
    assert tuning.best.l2 == tuning.winner.recipe.l2


def test_progress_counts_optima(table):
    told = []
    tune(table, NEWTON, l2=L2[1:], folds=2, on_progress=lambda done, of: told.append((done, of)))
    assert {of for _, of in told} == {4}
    done = [each for each, _ in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 4)


def test_progress_counts_optima_that_are_found_fold_by_fold(table):
    told, l1 = [], NEWTON.but(l1=1e-3)
    tune(table, l1, l2=L2[1:], folds=2, on_progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_scores_of_digits_are_those_of_logistic_regression_cv():
    digits = load_dataset("digits")
    rows = digits.train.take(np.arange(480))
    digits = replace(digits, train=rows)
    folds = cross_validation.held_out_rows(digits, 3, seed=0)
    kept = [np.setdiff1d(np.arange(len(rows)), held_out) for held_out in folds]
    assert len({len(each) for each in kept}) == 1  # So that one C is one l2.
    strengths = np.logspace(-3, 2, 11)
    found = tune(digits, NEWTON, l2=1 / (strengths * len(kept[0])), folds=3)
    X = np.asarray(rows.features).reshape(len(rows), -1) / 16.0
    theirs = LogisticRegressionCV(
        Cs=strengths,
        cv=list(zip(kept, folds, strict=True)),
        l1_ratios=(0.0,),
        scoring="neg_log_loss",
        tol=1e-6,
        max_iter=3000,
        refit=False,
        use_legacy_attributes=False,
    ).fit(X, rows.labels)
    ours = [candidate.log_losses for candidate in reversed(found.candidates)]
    expected = -theirs.scores_.reshape(3, -1)
    assert_allclose(np.transpose(ours), expected, atol=1e-3)


def test_a_value_on_the_path_is_a_cold_fit(table):
    folds = cross_validation.held_out_rows(table, 4, seed=0)
    many, one = (
        [prepare(table, NEWTON.but(l2=l2))[1] for l2 in values]
        for values in (np.logspace(0, -4, 9), [1e-4])
    )
    along, cold = (cross_validation.held_out_losses(table, each, folds) for each in (many, one))
    assert_allclose(along[-1].mean(), cold[0].mean(), atol=1e-3)


@pytest.mark.slow
def test_streamed_rows_have_the_same_scores(table):
    # Strong penalties take few passes over the file, and few folds few optima.
    streamed, kept = (
        tune(table, NEWTON.but(memory_limit=limit), l2=L2[1:], folds=2) for limit in (3000, 2**30)
    )
    for one, other in zip(streamed.candidates, kept.candidates, strict=True):
        assert_allclose(one.log_losses, other.log_losses, atol=1e-3)


def test_the_strongest_within_a_standard_error(tuning):
    by_error = replace(tuning, choose="one_standard_error").winner
    best = tuning.winner
    limit = best.log_loss + best.log_loss_error
    assert by_error.log_loss <= limit
    stronger = [each for each in tuning.candidates if each.recipe.l2 > by_error.recipe.l2]
    assert all(each.log_loss > limit for each in stronger)


def test_one_standard_error_of_accuracy_falls_below_the_best(tuning):
    by_accuracy = replace(tuning, scoring="accuracy", choose="one_standard_error")
    best = replace(by_accuracy, choose="best").winner
    assert by_accuracy.winner.accuracy >= best.accuracy - best.accuracy_error
    assert by_accuracy.winner.recipe.l2 >= best.recipe.l2


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"l2": (0.0, 1.0)}, "there may be no optimum"),
        ({"learning_rate": (0.1, 0.2)}, "no learning rate to choose"),
        ({"choose": "second"}, "choose must be one of best, one_standard_error, not 'second'"),
    ],
)
def test_what_has_no_path_is_refused(table, grid, said):
    with pytest.raises(UsageError, match=said):
        tune(table, NEWTON, folds=2, **grid)


def test_a_fold_without_rows_is_an_error(table):
    rows = from_arrays(
        table.train.features[:6], np.arange(6) % 2, test=(table.train.features[:2], [0, 1])
    )
    with pytest.raises(DataError, match="too few for 5 folds"):
        tune(rows, NEWTON, l2=L2)
