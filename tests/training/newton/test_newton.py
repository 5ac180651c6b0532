"""The optimum against scikit-learn's, the parts of a step, and runs that are told to find it."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

import tfsoftmax
from tfsoftmax import (
    Checkpoints,
    Dataset,
    Recipe,
    SoftmaxRegression,
    Spec,
    Split,
    UsageError,
    diagnose,
    fit,
    from_arrays,
)
from tfsoftmax.training.newton.preconditioner import Pairs, Whole, curvature_of
from tfsoftmax.training.newton.sample import Sample, chances_of
from tfsoftmax.training.objective import Objective

L2 = 1e-2


@pytest.fixture(scope="module")
def table():
    """Rows of three classes, standardised, that overlap."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(240, 8)).astype(np.float32)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (X @ rng.normal(size=(8, 3)) + rng.gumbel(size=(240, 3))).argmax(axis=1).astype(np.int32)
    rows = Split(X[:200], y[:200])
    return Dataset("table", Spec((8,), "float32", ("a", "b", "c")), rows, Split(X[200:], y[200:]))


@pytest.fixture(scope="module")
def newton():
    return Recipe(solver="newton", l2=L2, tol=1e-9, standardize="off")


@pytest.fixture(scope="module")
def found(table, newton):
    return fit(table, newton)


@pytest.fixture(scope="module")
def streamed(table, newton):
    """The same with less memory, too little for these rows."""
    return fit(table, newton.but(memory_limit=2000))


def optimum(dataset, weights=None):
    """scikit-learn's W and b, in float64."""
    n = len(dataset.train)
    best = LogisticRegression(C=1 / (L2 * n), tol=1e-12, max_iter=5000, solver="newton-cholesky")
    best.fit(dataset.train.features.astype(np.float64), dataset.train.labels, weights)
    return best.coef_.T, best.intercept_


def test_the_optimum_is_scikit_learns(table, found):
    W, b = optimum(table)
    assert_allclose(found.model.W.numpy(), W, atol=1e-4)
    assert_allclose(found.model.b.numpy() - found.model.b.numpy().mean(), b - b.mean(), atol=1e-4)


def test_the_proof_says_how_near(found):
    proof = found.history.proof
    assert 0 <= proof.relative_gap <= 1e-9
    assert proof.relative_gap == pytest.approx(proof.gap / proof.objective)
    assert len(found.history.epochs) == proof.steps
    assert found.record.proof == proof.to_json()


def test_few_rows_need_no_sgd_and_others_can_have_it(table, newton, found, streamed):
    assert found.history.recipe.epochs == 0
    assert [epoch.steps for epoch in found.history.epochs] == [0] * len(found.history.epochs)
    warmed = fit(table, newton.but(epochs=1))
    assert warmed.history.epochs[0].steps == 4
    assert len(warmed.history.epochs) == 1 + warmed.history.proof.steps
    # Rows that are streamed have an epoch of SGD first.
    assert streamed.history.recipe.epochs == 1
    assert_allclose(warmed.model.W.numpy(), found.model.W.numpy(), atol=1e-4)
    again = fit(table, newton, start=found.model)
    assert again.history.proof.steps == 1


def test_no_epochs_of_sgd_alone_are_refused():
    with pytest.raises(UsageError, match="epochs=0 trains nothing without solver=.newton."):
        Recipe(epochs=0)


def test_the_report_says_that_it_is_proven(table, found):
    convergence = diagnose(found.model, table, found.history)
    assert convergence.verdict == "converged"
    assert "proven to be within" in convergence.sentence
    assert convergence.loss == pytest.approx(found.history.proof.objective, rel=1e-6)
    assert convergence.loss_gap == found.history.proof.gap


def test_the_report_does_not_take_the_proof_of_another_model(table, found):
    other = SoftmaxRegression(found.model.spec)
    convergence = diagnose(other, table, found.history)
    assert convergence.loss == pytest.approx(np.log(3))
    assert convergence.loss_gap > 0.1
    assert "proven" not in convergence.sentence


def test_class_weights_and_smoothing_are_part_of_the_objective(table, newton):
    weights = {"a": 3.0, "b": 1.0, "c": 0.5}
    model, _ = fit(table, newton.but(class_weight=weights))
    own = np.array([3.0, 1.0, 0.5])[table.train.labels]
    W, _ = optimum(table, own / own.mean())
    assert_allclose(model.W.numpy(), W, atol=1e-4)
    smooth = fit(table, newton.but(label_smoothing=0.2)).history.proof
    assert smooth.relative_gap <= 1e-9


def test_streamed_rows_have_the_same_optimum(found, streamed):
    assert_allclose(streamed.model.W.numpy(), found.model.W.numpy(), atol=1e-4)


def test_pairs_lead_to_the_same_optimum(table, newton, found, monkeypatch):
    from tfsoftmax.training.newton import preconditioner

    monkeypatch.setattr(preconditioner, "MOST_WHOLE", 0)
    other = fit(table, newton)
    assert other.history.proof.relative_gap <= 1e-9
    assert_allclose(other.model.W.numpy(), found.model.W.numpy(), atol=1e-4)


def test_a_run_that_was_stopped_anywhere_ends_the_same(table, newton, found, tmp_path):
    for after in range(1, len(found.history.epochs)):
        checkpoints = Checkpoints(tmp_path / str(after), every_steps=1, every_seconds=None)

        def stop(metrics, after=after):
            if metrics.epoch == after:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            fit(table, newton, checkpoints=checkpoints, on_epoch=stop)
        resumed = fit(table, newton, checkpoints=Checkpoints(tmp_path / str(after), resume=True))
        assert_array_equal(resumed.model.W.numpy(), found.model.W.numpy())
        losses = [
            [epoch.train_log_loss for epoch in each.history.epochs] for each in (resumed, found)
        ]
        assert losses[0] == losses[1]
        assert resumed.history.proof == replace(
            found.history.proof, passes=resumed.history.proof.passes
        )


def test_a_run_that_has_ended_is_resumed_to_its_own_model(table, newton, found, tmp_path):
    fit(table, newton, checkpoints=Checkpoints(tmp_path))
    resumed = fit(table, newton, checkpoints=Checkpoints(tmp_path, resume=True))
    for again, first in zip(resumed.model.parameters, found.model.parameters, strict=True):
        assert_array_equal(again.numpy(), first.numpy())
    assert resumed.history.proof == found.history.proof


def test_a_ctrl_c_in_any_pass_loses_nothing(table, newton, found, tmp_path):
    """Also in a run that was resumed, and while the optimum is proven."""
    calls = 0

    def count(progress):
        nonlocal calls
        calls += 1

    fit(table, newton, on_progress=count)
    for stop_at in range(2, calls + 1, 5):
        left = [stop_at, 3]  # Calls before the first end, and before that of the resumed run.
        folder = tmp_path / str(stop_at)

        def interrupt(progress, left=left):
            left[0] -= 1
            if not left[0]:
                left.pop(0)
                raise KeyboardInterrupt

        for resume in (False, True):
            with suppress(KeyboardInterrupt):
                fit(
                    table,
                    newton,
                    checkpoints=Checkpoints(folder, resume=resume),
                    on_progress=interrupt if left else None,
                )
        resumed = fit(table, newton, checkpoints=Checkpoints(folder, resume=True))
        assert_array_equal(resumed.model.W.numpy(), found.model.W.numpy())
        assert len(resumed.history.epochs) == len(found.history.epochs)


def test_a_run_that_is_resumed_has_the_same_sgd_before(table, newton, tmp_path):
    fit(table, newton, checkpoints=Checkpoints(tmp_path))
    with pytest.raises(UsageError, match="made without epochs, not with epochs=2: nothing may"):
        fit(table, newton.but(epochs=2), checkpoints=Checkpoints(tmp_path, resume=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"l2": 0.0}, "there may be no optimum"),
        ({"early_stopping": "log_loss"}, "ends before the optimum"),
        ({"tol": 0.0}, "tol must be above 0"),
    ],
)
def test_what_leaves_no_optimum_to_find_is_refused(newton, options, said):
    with pytest.raises(UsageError, match=said):
        newton.but(**options)


def test_tol_alone_is_refused():
    with pytest.raises(UsageError, match="tol has no effect without solver=.newton."):
        Recipe(tol=1e-4)


def sparse_table(n=150, n_features=3000, n_classes=3):
    """Sparse rows with few entries, of which few features occur."""
    rng = np.random.default_rng(2)
    rows = scipy.sparse.random_array((n, n_features), density=0.002, rng=rng, format="csr")
    y = (rows @ rng.normal(size=(n_features, n_classes)) + rng.gumbel(size=(n, n_classes))).argmax(
        1
    )
    return from_arrays(rows.astype(np.float32), y)


def test_sparse_rows_have_their_optimum():
    dataset = sparse_table()
    found = fit(dataset, Recipe(solver="newton", l2=1e-3, tol=1e-8, standardize="off"))
    X = dataset.train.features.read_sparse([slice(None)]).astype(np.float64)
    n = len(dataset.train)
    best = LogisticRegression(C=1 / (1e-3 * n), tol=1e-10, max_iter=5000).fit(
        X.toarray(), dataset.train.labels
    )
    assert found.history.proof.relative_gap <= 1e-8
    assert_allclose(found.model.W.numpy(), best.coef_.T, atol=1e-3)
    convergence = diagnose(found.model, dataset, found.history)
    assert convergence.loss == pytest.approx(found.history.proof.objective, rel=1e-6)


def test_sparse_rows_are_tuned_along_the_path():
    tuning = tfsoftmax.tune(sparse_table(), Recipe(solver="newton"), l2=(1e-3, 1.0), folds=3)
    assert all(np.isfinite(each.log_losses).all() for each in tuning.candidates)
    assert tuning.candidates[0].log_loss != tuning.candidates[1].log_loss


def test_too_many_sparse_rows_are_refused_before_training(monkeypatch):
    from tfsoftmax.training.newton import phase

    monkeypatch.setattr(phase, "_MOST_NUMBERS", 500)
    with pytest.raises(UsageError, match="for each sparse row and feature, and 120 rows in which"):
        fit(sparse_table(), Recipe(solver="newton"))


def sample_of_all(table):
    """Every row, with what it counts, at W and b that are not 0."""
    rng = np.random.default_rng(0)
    X = np.column_stack([table.train.features, np.ones(200, np.float32)])
    logits = X @ rng.normal(size=(9, 3))
    P = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Sample(X, P.astype(np.float32), np.full(200, 1 / 200)), P


def hessian(table, P):
    X = np.column_stack([table.train.features, np.ones(200)]).astype(np.float64)
    blocks = [
        [(X * (P[:, k] * ((j == k) - P[:, j]))[:, None]).T @ X / 200 for j in range(3)]
        for k in range(3)
    ]
    penalty = np.tile(np.append(np.full(8, L2), 0.0), 3)
    return np.block(blocks) + np.diag(penalty)


def level(joint):
    joint[:, -1] -= joint[:, -1].mean()
    return joint


def test_all_rows_give_the_hessians_own_inverse(table):
    sample, P = sample_of_all(table)
    right = level(np.random.default_rng(1).normal(size=(3, 9)))
    free = np.ones((3, 9), bool)
    solved = level(Whole(curvature_of(sample, free), L2, free).solve(right))
    assert_allclose((hessian(table, P) @ solved.ravel()).reshape(3, 9), right, atol=2e-4)


def test_all_pairs_invert_what_they_say(table):
    sample, P = sample_of_all(table)
    pairs = Pairs(sample, L2, 10_000, np.random.default_rng(0))
    right = np.random.default_rng(1).normal(size=(3, 9))
    solved = pairs.solve(right)
    # Without the stand-in for pairs that were not drawn it is the Hessian's inverse.
    stand_in = np.tile(pairs.diagonal - np.append(np.full(8, L2), 0.0), 3)
    whole = hessian(table, P) + np.diag(stand_in)
    assert_allclose((whole @ solved.ravel()).reshape(3, 9), right, atol=1e-3)


def test_chances_add_up_and_none_is_above_one():
    sizes = np.random.default_rng(0).pareto(1.0, 10_000)
    chances = chances_of(sizes, 500)
    assert chances.max() <= 1
    assert chances.sum() == pytest.approx(500, rel=1e-6)
    full = chances == 1
    assert sizes[full].min() >= sizes[~full].max()
    assert chances_of(np.array([0.0, 2.0]), 5).tolist() == [0.0, 1.0]


def test_a_model_far_away_is_brought_back(table, newton, found):
    start = SoftmaxRegression(table.spec)
    start.W.assign(np.random.default_rng(0).normal(0, 30, start.W.shape).astype(np.float32))
    again = fit(table, newton, start=start)
    assert_allclose(again.model.W.numpy(), found.model.W.numpy(), atol=1e-4)


def test_the_objective_is_the_models(table, found):
    model = found.model
    logits = table.train.features.astype(np.float64) @ model.W.numpy() + model.b.numpy()
    own = logits[np.arange(200), table.train.labels]
    loss = (np.log(np.exp(logits).sum(axis=1)) - own).mean()
    penalty = float(Objective(model.scaled, l2=L2).penalty(model.W))
    assert found.history.proof.objective == pytest.approx(loss + penalty, rel=1e-6)


@pytest.mark.parametrize(
    ("choices", "solver"),
    [
        ({}, "newton"),
        ({"l2": 0.0}, "sgd"),
        ({"l2": 0.0, "l1": 0.1}, "newton"),
        ({"l2": "auto"}, "newton"),
        ({"early_stopping": "log_loss"}, "sgd"),
    ],
)
def test_auto_is_newton_where_there_is_an_optimum_to_find(choices, solver):
    assert Recipe(solver="auto", **choices) == Recipe(solver=solver, **choices)


def test_auto_does_not_drop_a_tolerance():
    with pytest.raises(UsageError, match="tol.* has no effect without .*newton"):
        Recipe(solver="auto", l2=0.0, tol=1e-3)
