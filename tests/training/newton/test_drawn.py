"""Products with the Hessian of drawn rows, against NumPy's with all of them."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from support.marks import slow

from tfsoftmax import Dataset, Recipe, Spec, Split, fit
from tfsoftmax.training.newton import drawn as drawn_module
from tfsoftmax.training.newton import rows as rows_module
from tfsoftmax.training.newton.drawn import Drawn, DrawnPasses
from tfsoftmax.training.newton.newton import Newton
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.objective import Objective

N_ROWS, N_FEATURES, N_CLASSES = 1000, 5, 3
BLOCK_ROWS = 30


@pytest.fixture
def case(monkeypatch):
    monkeypatch.setattr(rows_module, "_BLOCK_NUMBERS", BLOCK_ROWS * N_FEATURES)
    monkeypatch.setattr(rows_module, "_FEWEST_ROWS", 1)
    monkeypatch.setattr(rows_module, "_FEW", 0)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    weights = rng.uniform(0.5, 1.5, N_ROWS).astype(np.float32)
    # Of most rows the model is sure.
    joint = 4 * rng.normal(size=(N_CLASSES, N_FEATURES + 1))
    labels = (np.column_stack([X, np.ones(N_ROWS)]) @ joint.T).argmax(1).astype(np.int32)
    return Split(X, labels), weights, joint, rng.normal(size=joint.shape)


def passes_of(split, weights, compiled=False, center=None, memory_limit=2**30):
    rows = Rows(split, weights, N_CLASSES, memory_limit)
    return DrawnPasses(Objective(lambda features: features, center=center), rows, compiled)


def product(X, weights, P, direction):
    """The Hessian of the mean loss times a direction, by the book."""
    inputs = np.column_stack([X, np.ones(len(X))])
    moved = P * (inputs @ direction.T)
    return (weights[:, None] * (moved - P * moved.sum(1, keepdims=True))).T @ inputs / N_ROWS


def probabilities_of(passes, joint):
    found = passes.at(passes.logits(joint)).probabilities
    return found, passes.rows.in_order([np.asarray(found[0]).transpose(0, 2, 1)])


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "XLA"])
@pytest.mark.parametrize("centred", [False, True])
def test_a_product_is_that_of_the_rows_that_were_drawn(case, compiled, centred):
    split, weights, joint, direction = case
    center = split.features.mean(0) if centred else None
    passes = passes_of(split, weights, compiled, center)
    of_blocks, _ = probabilities_of(passes, joint)
    (drawn,) = passes.curving(of_blocks)
    assert isinstance(drawn, Drawn)
    counts = drawn.weights.numpy().ravel()
    features, of_rows = drawn.features.numpy(), drawn.probabilities.numpy().transpose(0, 2, 1)
    kept = counts > 0
    assert kept.mean() < 1
    assert kept[: int(drawn.n_used) * BLOCK_ROWS].sum() == kept.sum()
    if centred:
        features = features - center
    by_hand = product(features[kept], counts[kept], of_rows.reshape(-1, 3)[kept], direction)
    before = passes.count
    assert_allclose(passes.curved([drawn], direction), by_hand, atol=1e-6)
    assert passes.count - before == pytest.approx(kept.sum() / N_ROWS)


def test_rows_in_doubt_are_all_there_and_keep_their_weight(case):
    split, weights, joint, _ = case
    passes = passes_of(split, weights)
    of_blocks, P = probabilities_of(passes, joint)
    (drawn,) = passes.curving(of_blocks)
    sizes = weights * (1 - np.square(P).sum(1))
    certain = np.flatnonzero(sizes > 1.01 * sizes.sum() / N_ROWS)
    assert len(certain) > 50
    counts = {
        row.tobytes(): count
        for row, count in zip(drawn.features.numpy(), drawn.weights.numpy().ravel(), strict=True)
        if count
    }
    for index in certain:
        assert counts[split.features[index].tobytes()] == pytest.approx(weights[index])


def test_in_the_mean_it_is_the_product_of_all_rows(case):
    split, weights, joint, direction = case
    passes = passes_of(split, weights)
    of_blocks, P = probabilities_of(passes, joint)
    whole = product(split.features, weights, P, direction)
    assert_allclose(passes.curved(of_blocks, direction), whole, atol=1e-6)
    found = []
    for seed in range(60):
        lots = np.random.default_rng(seed).random(N_ROWS, np.float32)
        passes.__dict__["_lots"] = passes.rows.in_blocks(lots)
        found.append(passes.curved(passes.curving(of_blocks), direction))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert error.max() > 0
    assert (np.abs(np.mean(found, axis=0) - whole) < 4 * error + 1e-7).all()


def test_where_the_model_doubts_all_rows_alike_none_is_left_out(case):
    split, weights, joint, _ = case
    passes = passes_of(split, weights)
    of_blocks, _ = probabilities_of(passes, 0 * joint)
    assert passes.curving(of_blocks) is of_blocks


@pytest.mark.parametrize(("share", "drawn"), [(1.1, False), (1.7, True)])
def test_drawn_rows_are_within_the_memory_limit(case, share, drawn):
    split, weights, joint, _ = case
    passes = passes_of(split, weights, memory_limit=int(share * split.features.nbytes))
    assert passes.rows.in_memory
    of_blocks, _ = probabilities_of(passes, joint)
    found = passes.curving(of_blocks)
    assert isinstance(found[0], Drawn) == drawn
    if drawn:
        kept = split.features.nbytes + found[0].features.numpy().nbytes
        assert kept <= share * split.features.nbytes


def test_the_same_rows_are_drawn_again(case):
    split, weights, joint, _ = case
    kept = []
    for _ in range(2):
        passes = passes_of(split, weights)
        (drawn,) = passes.curving(probabilities_of(passes, joint)[0])
        kept.append(drawn.weights.numpy())
    assert_array_equal(*kept)


@pytest.mark.slow
def test_the_optimum_is_that_of_all_rows(case, monkeypatch):
    split, _, _, _ = case
    shares = []

    def noted(self, probabilities, curving=DrawnPasses.curving):
        found = curving(self, probabilities)
        shares.append(found[0].share if isinstance(found[0], Drawn) else 1.0)
        return found

    monkeypatch.setattr(DrawnPasses, "curving", noted)
    spec = Spec((N_FEATURES,), "float32", ("a", "b", "c"))
    recipe = Recipe(solver="newton", l2=1e-3, tol=1e-9, standardize="off", epochs=0)
    result = fit(Dataset("rows", spec, split, split), recipe)
    assert min(shares) < drawn_module._MOST
    assert result.history.proof.relative_gap <= 1e-9
    peer = LogisticRegression(C=1 / (1e-3 * N_ROWS), tol=1e-10, solver="newton-cg", max_iter=1000)
    peer.fit(split.features.astype(np.float64), split.labels)
    W, ours = peer.coef_.T, result.model.W.numpy()
    assert_allclose(ours - ours.mean(1, keepdims=True), W, atol=2e-3)


def test_products_compile_once_however_many_rows_are_drawn(case):
    split, weights, joint, direction = case
    traced = []

    def scaled(features):
        traced.append(tf.executing_eagerly())
        return features

    rows = Rows(split, weights, N_CLASSES)
    passes = DrawnPasses(Objective(scaled), rows, compiled=True)
    kept = set()
    for scale in (1.0, 2.0, 4.0):
        (drawn,) = passes.curving(probabilities_of(passes, scale * joint)[0])
        passes.curved([drawn], direction)
        kept.add((int(drawn.n_used), len(traced)))
    assert len({n_used for n_used, _ in kept}) == 3
    assert len({count for _, count in kept}) == 1


@pytest.mark.parametrize("astray", [slow(False), True])
def test_a_hessian_that_leads_astray_is_that_of_all_rows_from_then_on(case, astray):
    split, _, joint, _ = case
    labels = split.labels.copy()
    labels[::7] = (labels[::7] + 1) % N_CLASSES
    weights = np.ones(N_ROWS, np.float32)
    passes = passes_of(Split(split.features, labels), weights)
    if astray:  # Every row that is sure is left out, and none counts for it.
        passes.__dict__["_lots"] = np.full_like(passes._lots, 1 - 2**-20)
    asked = []

    def noted(probabilities, curving=passes.curving):
        asked.append(None)
        return curving(probabilities)

    passes.curving = noted
    start = joint if astray else 0 * joint
    newton = Newton(passes, Draw(passes._objective, passes.rows, 0), 1e-2, start)
    sizes, left, drawn = [], [float(np.square(newton.gradient[:, :-1]).sum())], []
    for _ in range(6):
        before = len(asked)
        sizes.append(newton.step(1e-12))
        left.append(float(np.square(newton.gradient[:, :-1]).sum()))
        drawn.append(len(asked) > before)
    good = [
        size == 1 and after <= before / 2
        for size, before, after in zip(sizes, left, left[1:], strict=False)
    ]
    first_bad = good.index(False) if False in good else len(good)
    assert (first_bad < 5) == astray
    assert drawn == [step <= first_bad for step in range(6)]
