"""Optima with l1: saga has the same objective and the same zeros, and proofs hold."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression

from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split, fit, from_arrays
from tfsoftmax.training.newton.certificate import certify
from tfsoftmax.training.newton.passes import Passes
from tfsoftmax.training.newton.preconditioner import Whole, curvature_of
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.sample import Sample
from tfsoftmax.training.objective import Objective

L1 = 0.02
PENALTIES = [(L1, 0.0), (L1, 0.01)]


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    rows = Split(X, y.astype(np.int32))
    return Dataset("wine", Spec((13,), "float32", ("a", "b", "c")), rows, rows)


def value(dataset, joint, l1, l2):
    X, y = dataset.train.features.astype(np.float64), dataset.train.labels
    logits = X @ joint[:, :-1].T + joint[:, -1]
    loss = (scipy.special.logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]).mean()
    W = joint[:, :-1]
    return loss + l2 / 2 * np.square(W).sum() + l1 * np.abs(W).sum()


def of_saga(dataset, l1, l2):
    n = len(dataset.train)
    total = l1 + l2
    best = LogisticRegression(
        C=1 / (total * n), l1_ratio=l1 / total, solver="saga", tol=1e-10, max_iter=100_000
    )
    best.fit(dataset.train.features.astype(np.float64), dataset.train.labels)
    return np.column_stack([best.coef_, best.intercept_])


def joint_of(model):
    W, b = (each.numpy().astype(np.float64) for each in model.parameters)
    return np.column_stack([W.T, b])


@pytest.mark.parametrize(("l1", "l2"), PENALTIES, ids=["l1", "both"])
def test_the_optimum_is_sagas(wine, l1, l2):
    # With l1 alone the proof needs a gradient whose sums float32 does not resolve.
    tol = 1e-9 if l2 else 1e-6
    recipe = Recipe(solver="newton", l1=l1, l2=l2, tol=tol, standardize="off")
    found, best = fit(wine, recipe), of_saga(wine, l1, l2)
    own, saga = joint_of(found.model), value(wine, best, l1, l2)
    proof = found.history.proof
    assert proof.relative_gap <= tol
    assert proof.objective == pytest.approx(value(wine, own, l1, l2), rel=1e-9)
    assert saga - 1e-6 <= proof.objective <= saga + 1e-8
    zeros = np.abs(best[:, :-1]) < 1e-7
    assert zeros.mean() > 0.2
    assert ((own[:, :-1] == 0) == zeros).mean() >= 0.99
    assert_allclose(own[:, :-1], best[:, :-1], atol=1e-3)


@pytest.mark.parametrize(("l1", "l2"), PENALTIES, ids=["l1", "both"])
def test_the_bound_is_never_below_the_gap(wine, l1, l2):
    best = of_saga(wine, l1, l2)
    minimum = value(wine, best, l1, l2)
    objective = Objective(SoftmaxRegression(wine.spec).scaled, l1=l1, l2=l2)
    rows = Rows(wine.train, np.ones(len(wine.train), np.float32), 3)
    passes = Passes(objective, rows, compiled=False)
    rng = np.random.default_rng(0)
    for _ in range(15):
        joint = best + 10 ** rng.uniform(-5, 1) * rng.normal(size=best.shape)
        joint[:, :-1] *= rng.random(best[:, :-1].shape) < 0.7
        found = certify(passes, joint, l2, l1)
        gap = value(wine, joint, l1, l2) - minimum
        assert found.gap >= gap - 1e-9
    assert certify(passes, best, l2, l1).gap < 1e-6


def test_a_penalty_that_leaves_nothing_has_the_shares_as_its_optimum(wine):
    model, history = fit(wine, Recipe(solver="newton", l1=5.0, tol=1e-9))
    assert_array_equal(model.W.numpy(), 0)
    shares = np.bincount(wine.train.labels) / len(wine.train)
    P = model.predict_proba(wine.train.features[:1])
    # By Pinsker's inequality: the gap is how far these are from the shares, in nats.
    assert_allclose(P[0], shares, atol=np.sqrt(2 * history.proof.gap) + 1e-7)
    assert history.proof.relative_gap <= 1e-9


def test_the_preconditioner_of_some_parameters_is_the_inverse_of_theirs():
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=(60, 4)), np.ones(60)]).astype(np.float32)
    P = rng.dirichlet(np.ones(3), 60)
    free = rng.random((3, 5)) < 0.6
    free[:, -1] = True
    inputs = X.astype(np.float64)
    hessian = np.block(
        [
            [inputs.T @ (inputs * (P[:, k] * ((j == k) - P[:, j]))[:, None]) / 60 for j in range(3)]
            for k in range(3)
        ]
    )
    hessian += np.diag(np.tile([0.01] * 4 + [0.0], 3))
    right = rng.normal(size=(3, 5)) * free
    right[:, -1] -= right[:, -1].mean()
    sample = Sample(X, P, np.full(60, 1 / 60))
    solved = Whole(curvature_of(sample, free), 0.01, free).solve(right)
    assert_array_equal(solved[~free], 0)
    assert_allclose(((hessian @ solved.ravel()).reshape(3, 5) * free), right, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("l1", "l2", "whole"),
    [(0.004, 0.0, True), (0.002, 0.002, True), (0.002, 0.002, False)],
    ids=["l1", "both", "both, by gradients"],
)
def test_sparse_rows_have_the_optimum_of_the_same_rows_with_zeros(monkeypatch, l1, l2, whole):
    rng = np.random.default_rng(3)
    X = scipy.sparse.random_array((150, 1500), density=0.01, rng=rng, format="csr")
    y = (X @ rng.normal(size=(1500, 3)) + 0.1 * rng.gumbel(size=(150, 3))).argmax(1)
    sparse = from_arrays(X.astype(np.float32), y)
    dense = replace(
        sparse,
        train=replace(sparse.train, features=sparse.train.features[:]),
        test=replace(sparse.test, features=sparse.test.features[:]),
    )
    if not whole:
        monkeypatch.setattr("tfsoftmax.training.newton.newton.MOST_WHOLE", 0)
    recipe = Recipe(solver="newton", l1=l1, l2=l2, tol=1e-6, standardize="off")
    one, other = (fit(each, recipe) for each in (sparse, dense))
    assert one.history.proof.relative_gap <= 1e-6
    assert one.history.proof.objective == pytest.approx(other.history.proof.objective, rel=2e-6)
    zeros = joint_of(one.model)[:, :-1] == 0
    assert zeros.mean() > 0.5
    assert (zeros == (joint_of(other.model)[:, :-1] == 0)).mean() > 0.99
