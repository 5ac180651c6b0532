"""Passes over all rows against NumPy's float64, whatever the blocks and chunks."""

import numpy as np
import pytest
import scipy.sparse
import scipy.special
import tensorflow as tf
from numpy.testing import assert_allclose
from sklearn.metrics import accuracy_score, log_loss

from tfsoftmax import SoftmaxRegression, Spec, Split
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.scaler import scaler
from tfsoftmax.training.newton import rows as rows_module
from tfsoftmax.training.newton import which_passes
from tfsoftmax.training.newton.diagonal import OfEntries
from tfsoftmax.training.newton.passes import Passes
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.small import SmallPasses
from tfsoftmax.training.newton.sparse import SparsePasses
from tfsoftmax.training.newton.streamed import StreamedPasses
from tfsoftmax.training.objective import Objective

N_ROWS, N_FEATURES, N_CLASSES = 97, 6, 4
SMOOTHING = 0.1


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(5)
    X = rng.normal(1.0, 2.0, (N_ROWS, N_FEATURES)).astype(np.float32)
    y = rng.integers(0, N_CLASSES, N_ROWS).astype(np.int32)
    weights = rng.uniform(0, 2, N_ROWS).astype(np.float32)
    joint = rng.normal(size=(N_CLASSES, N_FEATURES + 1))
    return X, y, weights, joint, rng.normal(size=joint.shape)


def passes_over(case, monkeypatch, block_rows, memory_limit, compiled=False, small=False):
    X, y, weights, _, _ = case
    monkeypatch.setattr(rows_module, "_FEW", 2**30 if small else 0)
    monkeypatch.setattr(rows_module, "_BLOCK_NUMBERS", block_rows * N_FEATURES)
    monkeypatch.setattr(rows_module, "_FEWEST_ROWS", 1)
    model = SoftmaxRegression(Spec((N_FEATURES,), "float32", tuple("abcd")))
    center = X.mean(axis=0)
    objective = Objective(model.scaled, center=center, smoothing=SMOOTHING)
    rows = Rows(Split(X, y), weights, N_CLASSES, memory_limit)
    if small:
        return SmallPasses(objective, rows)
    return (Passes if rows.in_memory else StreamedPasses)(objective, rows, compiled)


def expected(case):
    """Loss, gradient and the Hessian times a direction, by the book."""
    X, y, weights, joint, direction = case
    inputs = np.column_stack([X - X.mean(axis=0), np.ones(N_ROWS)]).astype(np.float64)
    logits = inputs @ joint.T
    log_p = scipy.special.log_softmax(logits, axis=1)
    target = (1 - SMOOTHING) * np.eye(N_CLASSES)[y] + SMOOTHING / N_CLASSES
    loss = -(weights[:, None] * target * log_p).sum() / N_ROWS
    P = np.exp(log_p)
    gradient = (weights[:, None] * (P - target)).T @ inputs / N_ROWS
    moved = inputs @ direction.T
    curved = P * moved - P * (P * moved).sum(axis=1, keepdims=True)
    return loss, gradient, (weights[:, None] * curved).T @ inputs / N_ROWS


@pytest.mark.parametrize(
    ("block_rows", "memory_limit"),
    [(1000, 2**20), (50, 2**20), (N_ROWS, 2**20), (20, 60 * 24), (1, 60 * 24), (1000, 1)],
    ids=["one block", "blocks", "exact", "streamed", "row by row", "no memory"],
)
def test_sums_are_numpys_however_rows_are_cut(case, monkeypatch, block_rows, memory_limit):
    passes = passes_over(case, monkeypatch, block_rows, memory_limit)
    loss, gradient, curved = expected(case)
    point = passes.at(passes.logits(case[3]))
    assert point.loss == pytest.approx(loss, rel=1e-5)
    assert_allclose(point.gradient, gradient, atol=2e-6)
    assert_allclose(passes.curved(point.probabilities, case[4]), curved, atol=1e-5)
    assert passes.count == 2


@pytest.mark.parametrize(
    ("small", "memory_limit"),
    [(False, 2**20), (False, 60 * 24), (True, 2**20)],
    ids=["blocks", "streamed", "few"],
)
def test_figures_of_all_rows_are_scikit_learns(case, monkeypatch, small, memory_limit):
    passes = passes_over(case, monkeypatch, 50, memory_limit, small=small)
    X, y, _, joint, _ = case
    P = scipy.special.softmax(np.column_stack([X - X.mean(axis=0), np.ones(N_ROWS)]) @ joint.T, 1)
    # Rows count the same, whatever their weight, and labels are not smoothed.
    for exact in (False, True):
        point = passes.at(passes.logits(joint, exact))
        assert point.log_loss == pytest.approx(log_loss(y, P), rel=1e-6)
        assert point.accuracy == accuracy_score(y, P.argmax(axis=1))


def test_exact_passes_are_float64(case, monkeypatch):
    passes = passes_over(case, monkeypatch, 50, 2**20)
    loss, gradient, _ = expected(case)
    point = passes.at(passes.logits(case[3], exact=True))
    # The rows themselves are float32, as is their mean.
    assert point.loss == pytest.approx(loss, rel=1e-6)
    twice = passes.at(passes.logits(case[3], exact=True))
    assert point.loss == twice.loss
    assert point.probabilities[0].dtype == tf.float64
    assert_allclose(point.gradient, gradient, atol=1e-6)


def test_compiled_passes_give_the_same(case, monkeypatch):
    plain = passes_over(case, monkeypatch, 50, 2**20)
    compiled = passes_over(case, monkeypatch, 50, 2**20, compiled=True)
    points = [each.at(each.logits(case[3])) for each in (plain, compiled)]
    assert points[0].loss == pytest.approx(points[1].loss, rel=1e-6)
    assert_allclose(points[0].gradient, points[1].gradient, atol=1e-6)
    products = [
        each.curved(point.probabilities, case[4])
        for each, point in zip((plain, compiled), points, strict=True)
    ]
    assert_allclose(*products, atol=1e-6)


def test_models_of_one_spec_share_what_is_compiled(case):
    X, y, weights, joint, _ = case
    traced, losses = [], []
    for center in (X.mean(axis=0), X[0]):
        model = SoftmaxRegression(Spec((N_FEATURES,), "float32", tuple("abcd")))
        objective = Objective(scaler(model.spec), center=center)
        passes = Passes(objective, Rows(Split(X, y), weights, N_CLASSES), compiled=True)
        losses.append(passes.at(passes.logits(joint)).loss)
        traced.append(passes._float32.point.experimental_get_tracing_count())
    assert traced == [1, 1]
    # What is kept has no center: the second model has its own.
    moved = scipy.special.log_softmax((X - X[0]) @ joint[:, :-1].T + joint[:, -1], axis=1)
    expected_loss = -(weights * moved[np.arange(N_ROWS), y]).mean()
    assert losses[1] == pytest.approx(expected_loss, rel=1e-5)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("block_rows", [1000, 50, 1])
def test_passes_over_few_rows_find_what_others_find(case, monkeypatch, block_rows):
    plain = passes_over(case, monkeypatch, 50, 2**20)
    small = passes_over(case, monkeypatch, block_rows, 2**20, small=True)
    assert small.rows.few
    assert not plain.rows.few
    expected_loss, expected_gradient, expected_curved = expected(case)
    other_weights = np.random.default_rng(1).uniform(0, 3, N_ROWS).astype(np.float32)
    found = []
    for passes in (plain, small):
        logits, ahead = passes.logits(case[3]), passes.logits(case[4])
        point = passes.at(logits)
        curved = passes.curved(point.probabilities, case[4])
        assert point.loss == pytest.approx(expected_loss, rel=1e-5)
        assert_allclose(point.gradient, expected_gradient, atol=2e-6)
        assert_allclose(curved, expected_curved, atol=1e-5)
        exact = passes.logits(case[3], exact=True)
        exactly = passes.at(exact)
        assert passes.count == 3.5
        reweighed = passes.weighing(other_weights)
        found.append(
            [
                exactly.loss,
                exactly.gradient,
                passes.loss_along(logits, ahead, 0.25),
                *passes.of_bias(exact),
                passes.entropy(exactly.probabilities, 0.7),
                reweighed.at(reweighed.logits(case[3], exact=True)).loss,
                passes.rows.in_order([np.asarray(own).transpose(0, 2, 1) for own in exact]),
            ]
        )
    for of_plain, of_small in zip(*found, strict=True):
        assert_allclose(of_small, of_plain, atol=1e-6)


def test_loss_along_a_direction_is_the_loss_there(case, monkeypatch):
    passes = passes_over(case, monkeypatch, 50, 60 * 24)
    logits, ahead = passes.logits(case[3]), passes.logits(case[4])
    there = passes.at(passes.logits(case[3] + 0.25 * case[4])).loss
    assert passes.loss_along(logits, ahead, 0.25) == pytest.approx(there, rel=1e-6)


def test_derivatives_of_the_bias_are_those_of_the_gradient(case, monkeypatch):
    passes = passes_over(case, monkeypatch, 50, 60 * 24)
    logits = passes.logits(case[3], exact=True)
    of_bias, point = passes.of_bias(logits), passes.at(logits)
    assert of_bias.loss == pytest.approx(point.loss, rel=1e-12)
    assert_allclose(of_bias.found - of_bias.wanted, point.gradient[:, -1], atol=1e-12)
    moved = np.zeros_like(case[3])
    moved[1, -1] = 1
    narrow = [tf.cast(own, tf.float32) for own in point.probabilities]
    assert_allclose(of_bias.curvature[1], passes.curved(narrow, moved)[:, -1], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
def test_logits_that_are_made_anew_are_those_that_are_kept(case, monkeypatch, exact):
    step, found = np.array([0.5, -1.0, 0.0, 0.25]), []
    for memory_limit in (2**20, 60 * 24):
        passes = passes_over(case, monkeypatch, 50, memory_limit)
        logits, ahead = passes.logits(case[3], exact), passes.logits(case[4], exact)
        there = passes.shifted(passes.logits(case[3] + case[4], exact), step)
        along = passes.loss_along(logits, passes.between(logits, there), 0.5)
        point = passes.at(there)
        assert (passes.rows.n_chunks > 1) == (memory_limit < 2**20)
        found.append([along, passes.loss_along(logits, ahead, 1.0), *passes.of_bias(there)])
        drawn = np.array([0, 3, 58, 59, 60, 96])
        last = [np.asarray(own).transpose(0, 2, 1) for own in point.probabilities]
        found[-1] += [*point[:2], passes.rows.in_order(last), passes.rows.some_of(last, drawn)]
        assert_allclose(found[-1][-1], found[-1][-2][drawn], rtol=0)
        monkeypatch.undo()
    for kept, anew in zip(*found, strict=True):
        assert_allclose(anew, kept, atol=1e-12 if exact else 2e-6)


def test_what_a_pass_calls_may_stop_it(case, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    passes = passes_over(case, monkeypatch, 50, 60 * 24)
    passes.on_pass = stop
    with pytest.raises(KeyboardInterrupt):
        passes.at(passes.logits(case[3]))


@pytest.mark.parametrize("small", [False, True], ids=["plain", "small"])
def test_slopes_of_rows_without_doubt_are_not_rounded_away(monkeypatch, small):
    """A float32 probability of 1 - 1e-8 is 1: its row's gradient would be wrong."""
    y = np.arange(N_ROWS, dtype=np.int32) % N_CLASSES
    X = np.eye(N_CLASSES, N_FEATURES, dtype=np.float32)[y]
    X += np.random.default_rng(2).uniform(0, 0.01, X.shape).astype(np.float32)
    joint = 20 * np.eye(N_CLASSES, N_FEATURES + 1)
    case = X, y, np.ones(N_ROWS, np.float32), joint, joint
    monkeypatch.setattr(f"{__name__}.SMOOTHING", 0.0)
    passes = passes_over(case, monkeypatch, 50, 2**20, small=small)
    _, gradient, _ = expected(case)
    assert_allclose(
        passes.at(passes.logits(joint)).gradient, gradient, atol=1e-4 * np.abs(gradient).max()
    )


@pytest.mark.parametrize("memory_limit", [2**30, 0], ids=["kept", "streamed"])
def test_passes_over_entries_find_what_those_over_all_numbers_do(monkeypatch, memory_limit):
    rng = np.random.default_rng(7)
    matrix = scipy.sparse.random_array((90, 40), density=0.1, rng=rng, format="csr", dtype="f4")
    monkeypatch.setattr("tfsoftmax.data.sparse_rows._BLOCK_ENTRIES", 60)
    y, weights = rng.integers(0, 3, 90).astype(np.int32), rng.integers(0, 3, 90) / 2
    joint, direction = rng.normal(size=(2, 3, 41))
    model = SoftmaxRegression(Spec((40,), "float32", tuple("abc"), sparse_rows=True))
    objective = Objective(model.scaled, smoothing=SMOOTHING)
    few, entries = (
        which_passes.passes_over(objective, Rows(rows, weights, 3, limit, sparse=sparse), xla=True)
        for rows, limit, sparse in (
            (Split(matrix.toarray(), y), 2**30, False),
            (Split(SparseRows(matrix), y), memory_limit, True),
        )
    )
    assert isinstance(few, SmallPasses)
    assert isinstance(entries, SparsePasses)
    found = []
    for passes in (few, entries):
        logits, ahead = passes.logits(joint), passes.logits(direction)
        point = passes.at(logits)
        turned = passes.weighing(weights[::-1])
        found.append(
            [
                *point[:2],
                *point[3:],
                passes.curved(point.probabilities, direction),
                passes.loss_along(logits, ahead, 0.25),
                passes.entropy(point.probabilities, 0.7),
                *passes.of_bias(logits),
                turned.at(turned.logits(joint, exact=True)).gradient,
                passes.rows.in_order([own.transpose(0, 2, 1) for own in logits]),
            ]
        )
        assert passes.count == 2.5
    for of_few, of_entries in zip(*found, strict=True):
        assert_allclose(of_entries, of_few, atol=1e-12)
    chosen = np.array([3, 80]), np.array([0, 39])
    assert_allclose(entries.columns(*chosen), matrix.toarray()[np.ix_(*chosen)])


def test_the_diagonal_is_that_of_the_hessian():
    rng = np.random.default_rng(8)
    matrix = scipy.sparse.random_array((30, 5), density=0.5, rng=rng, format="csr", dtype="f4")
    model = SoftmaxRegression(Spec((5,), "float32", tuple("abc"), sparse_rows=True))
    rows = Split(SparseRows(matrix), rng.integers(0, 3, 30).astype(np.int32))
    rows = Rows(rows, rng.uniform(0, 2, 30), 3, sparse=True)
    passes = SparsePasses(Objective(model.scaled), rows)
    P = passes.at(passes.logits(rng.normal(size=(3, 6)))).probabilities
    free = np.ones((3, 6), bool)
    free[1, 2] = False
    l2 = np.tile(np.append(np.full(5, 0.01), 0.0), 3)
    each = np.eye(18).reshape(18, 3, 6)
    diagonal = np.array([(one * passes.curved(P, one)).sum() for one in each]) + l2
    inverse = OfEntries(Objective(model.scaled), passes, seed=0).inverse(P, 0.01, 0, free)
    solved = inverse.solve(np.ones((3, 6)))
    assert_allclose(solved, np.where(free, 1 / diagonal.reshape(3, 6), 0), rtol=1e-9)
