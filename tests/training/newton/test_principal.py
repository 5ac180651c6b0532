"""Rows fewer than features: the inverse against the Hessian, the optimum against others'."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from tfsoftmax import Checkpoints, Dataset, Recipe, Spec, Split, fit
from tfsoftmax.training.newton.passes import Passes
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.principal import AllRows
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.objective import Objective

N_ROWS, N_FEATURES, N_CLASSES = 80, 900, 3
L2 = 1 / N_ROWS


@pytest.fixture(scope="module")
def wide():
    """Rows that few causes move in all features, and noise in each."""
    rng = np.random.default_rng(8)
    causes = rng.normal(size=(N_ROWS, 4))
    X = causes @ rng.normal(size=(4, N_FEATURES)) + rng.normal(size=(N_ROWS, N_FEATURES)) + 2
    logits = causes @ rng.normal(size=(4, N_CLASSES)) + rng.gumbel(size=(N_ROWS, N_CLASSES))
    rows = Split(X.astype(np.float32), logits.argmax(axis=1).astype(np.int32))
    return Dataset("wide", Spec((N_FEATURES,), "float32", ("a", "b", "c")), rows, rows.take([0, 1]))


@pytest.fixture(scope="module")
def recipe():
    return Recipe(solver="newton", l2=L2, tol=1e-8, standardize="off")


@pytest.fixture(scope="module")
def found(wide, recipe):
    return fit(wide, recipe)


def objective_of(rows, W, b):
    logits = rows.features.astype(np.float64) @ W.astype(np.float64) + b
    losses = -log_softmax(logits, axis=1)[np.arange(len(rows)), rows.labels]
    return losses.mean() + L2 / 2 * np.square(W, dtype=np.float64).sum()


@pytest.fixture(scope="module")
def best(wide):
    """scikit-learn's W and b, in float64."""
    X = wide.train.features.astype(np.float64)
    model = LogisticRegression(C=1 / (L2 * N_ROWS), solver="newton-cg", tol=1e-12, max_iter=1000)
    model.fit(X, wide.train.labels)
    return model.coef_.T, model.intercept_


def test_the_optimum_is_scikit_learns(found, best):
    W, b = best
    model = found.model
    assert_allclose(model.W.numpy(), W, atol=1e-5 * np.abs(W).max() + 1e-6)
    assert_allclose(model.b.numpy() - model.b.numpy().mean(), b - b.mean(), atol=1e-4)


def test_the_proof_is_not_below_the_true_gap(wide, recipe, found, best):
    least = objective_of(wide.train, *best)
    for each in (found, fit(wide, recipe.but(tol=1e-1))):
        own = objective_of(wide.train, each.model.W.numpy(), each.model.b.numpy())
        proof = each.history.proof
        assert proof.objective == pytest.approx(own, rel=1e-9)
        assert -1e-12 < own - least <= proof.gap + 1e-12
    assert found.history.proof.relative_gap <= 1e-8


def test_it_begins_at_0_without_sgd(found):
    assert found.history.recipe.epochs == 0
    assert len(found.history.epochs) == found.history.proof.steps


def test_a_run_that_was_stopped_ends_the_same(wide, recipe, found, tmp_path):
    def stop(metrics):
        if metrics.epoch == 3:
            raise InterruptedError

    saved = Checkpoints(tmp_path, every_steps=1, every_seconds=None)
    with pytest.raises(InterruptedError):
        fit(wide, recipe, checkpoints=saved, on_epoch=stop)
    resumed = fit(wide, recipe, checkpoints=Checkpoints(tmp_path, resume=True))
    assert_array_equal(resumed.model.W.numpy(), found.model.W.numpy())


def test_it_takes_fewer_passes_than_rows_that_are_drawn(wide, recipe, found, monkeypatch):
    from tfsoftmax.training.newton import phase

    def drawn(objective, passes, n_inputs, l1, seed, starts_at_0):
        return Draw(objective, passes.rows, seed)

    monkeypatch.setattr(phase, "draw_for", drawn)
    other = fit(wide, recipe)
    assert found.history.proof.passes < other.history.proof.passes
    assert_allclose(other.model.W.numpy(), found.model.W.numpy(), atol=1e-4)


@pytest.mark.parametrize("memory_limit", [2**30, 10_000], ids=["in memory", "streamed"])
@pytest.mark.parametrize("directions", [100, 10])
def test_it_is_about_the_hessians_inverse(wide, directions, memory_limit, monkeypatch):
    """Exactly, with as many directions as rows."""
    from tfsoftmax.training.newton import principal

    monkeypatch.setattr(principal, "_DIRECTIONS", directions)
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 1.5, N_ROWS).astype(np.float32)
    X = wide.train.features.astype(np.float64)
    center = X.mean(axis=0)
    rows = Rows(wide.train, weights, N_CLASSES, memory_limit)
    objective = Objective(lambda features: features, center=center)
    passes = Passes(objective, rows, compiled=False)
    parameters = rng.normal(size=(N_CLASSES, N_FEATURES + 1)) / 100
    point = passes.at(passes.logits(parameters))
    free = np.ones(parameters.shape, bool)
    inverse = AllRows(objective, rows, seed=0).inverse(point.probabilities, L2, 1, free)
    inputs = np.column_stack([X - center, np.ones(N_ROWS)])
    P = softmax(inputs @ parameters.T, axis=1)
    # In the space of the rows, where all gradients are.
    v = rng.normal(size=(N_CLASSES, N_ROWS)) @ inputs
    v[:, -1] -= v[:, -1].mean()
    moved = v @ inputs.T * P.T
    moved = weights / N_ROWS * (moved - P.T * moved.sum(axis=0))
    product = moved @ inputs
    product[:, :-1] += L2 * v[:, :-1]
    solved = inverse.solve(product)
    share = (product * solved).sum() / (product * v).sum()
    if directions > N_ROWS:
        assert_allclose(solved, v, atol=0.02 * np.abs(v).max())
        assert share == pytest.approx(1, abs=0.005)
    else:
        assert 0.5 < share < 2
