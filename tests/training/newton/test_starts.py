"""Where Newton's steps need no SGD before them: many rows of few numbers, and many classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split, fit
from tfsoftmax.training.newton import phase
from tfsoftmax.training.newton.newton import Newton
from tfsoftmax.training.newton.passes import Passes
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.tall import start_from_some
from tfsoftmax.training.newton.uniform import Uniform, UniformOfSome
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.prepare import prepare
from tfsoftmax.training.run import Run

L2 = 1e-3
NEWTON = Recipe(solver="newton", l2=L2, standardize="off")


def dataset_of(X, y):
    spec = Spec(X.shape[1:], "float32", tuple(map(str, range(int(y.max()) + 1))))
    rows = Split(X.astype(np.float32), y.astype(np.int32))
    return Dataset("made", spec, rows, rows.take(np.arange(50)))


@pytest.fixture(scope="module")
def tall():
    """30,000 rows of 3 numbers, sorted by class: more than 1,000 for each of 12 parameters."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30_000, 3))
    logits = X @ rng.normal(size=(3, 3)) + [0.0, 0.5, 1.0]
    y = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    order = np.argsort(y, kind="stable")
    return dataset_of(X[order], y[order])


@pytest.fixture(scope="module")
def short():
    """Rows of length 1 of 60 classes, too many for NumPy's passes."""
    rng = np.random.default_rng(1)
    y = np.arange(24_000) % 60
    X = rng.normal(size=(60, 60))[y] / 4 + rng.normal(size=(len(y), 60))
    return dataset_of(X / np.linalg.norm(X, axis=1, keepdims=True), y)


def compiled(monkeypatch):
    """As if rows were too many for NumPy."""
    monkeypatch.setattr("tfsoftmax.training.newton.rows._FEW", 2**16)


def objective_of(model, dataset):
    """By scikit-learn's weights and by ours, in float64."""
    X, y = np.asarray(dataset.train.features, np.float64), dataset.train.labels
    best = LogisticRegression(C=1 / (L2 * len(y)), tol=1e-10, max_iter=2000).fit(X, y)

    def value(W, b):
        logits = X @ W + b
        total = np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1)
        loss = (total - logits[np.arange(len(y)), y]).mean()
        return loss + L2 / 2 * np.square(W).sum()

    ours = value(*(part.numpy().astype(np.float64) for part in model.parameters))
    return value(best.coef_.T, best.intercept_), ours


def test_many_rows_begin_near_the_optimum(tall, monkeypatch):
    compiled(monkeypatch)
    prepared, recipe = prepare(tall, NEWTON)
    assert recipe.epochs == 0
    run = Run(SoftmaxRegression(prepared.spec), prepared, recipe)
    found = run.begin_newton()._newton
    begun = found.objective
    while not run.ended:
        run.epoch(None)
    n_some = len(tall.train) // 20
    # In the mean it is n_parameters / (2 n) above the least.
    assert 0 < begun - found.objective < 5 * found.state.parameters.size / (2 * n_some)
    assert len(run.history.epochs) <= 3
    theirs, ours = objective_of(run.model, tall)
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_a_start_does_not_depend_on_more_than_the_seed(tall, monkeypatch):
    compiled(monkeypatch)
    models = [fit(tall, NEWTON)[0] for _ in range(2)]
    assert_allclose(models[0].W.numpy(), models[1].W.numpy(), atol=0)


def test_a_class_of_few_rows_gets_no_start_of_its_own(tall, monkeypatch):
    compiled(monkeypatch)
    y = np.zeros(len(tall.train), np.int32)
    y[:20], y[20:12_000] = 2, 1
    rare = dataset_of(np.asarray(tall.train.features), y)
    start = np.zeros((3, 4))
    prepared, recipe = prepare(rare, NEWTON)
    objective = Objective.of(SoftmaxRegression(prepared.spec), recipe, None)
    weights = np.ones(len(y), np.float32)
    assert start_from_some(objective, prepared.train, weights, recipe, start) is start
    _, history = fit(rare, NEWTON)
    assert history.proof.relative_gap <= 1e-6


def test_a_start_that_is_given_is_kept(tall, monkeypatch):
    compiled(monkeypatch)
    monkeypatch.setattr(phase, "start_from_some", None)
    model, _ = fit(tall, NEWTON.but(solver="sgd", epochs=1))
    fit(tall, NEWTON, start=model)


def test_workers_and_l1_begin_with_an_epoch(tall, monkeypatch):
    compiled(monkeypatch)
    assert prepare(tall, NEWTON, workers=2)[1].epochs == 1
    assert prepare(tall, NEWTON.but(l2=None, l1=1e-3))[1].epochs == 1


@pytest.mark.slow
def test_short_rows_of_many_classes_begin_at_0(short, monkeypatch):
    compiled(monkeypatch)
    asked, made = NEWTON.but(epochs=None), []
    inverse = UniformOfSome.inverse
    monkeypatch.setattr(
        UniformOfSome, "inverse", lambda *given: made.append(given[3]) or inverse(*given)
    )
    model, history = fit(short, asked)
    assert made[0] == 1
    assert history.recipe.epochs == 0
    assert history.proof.relative_gap <= 1e-6
    theirs, ours = objective_of(model, short)
    assert ours == pytest.approx(theirs, rel=1e-6)
    # Rows that are long do not hold SGD back.
    longer = dataset_of(np.asarray(short.train.features) * 4, short.train.labels)
    assert prepare(longer, asked)[1].epochs == 1


@pytest.mark.parametrize("l2", [0.0, 1e-2])
def test_uniform_inverts_the_hessian_at_0(short, l2):
    """Against products with the Hessian, of the rows it is made of."""
    rows = short.train.take(np.arange(2000))
    objective = Objective(SoftmaxRegression(short.spec).scaled, l2=l2)
    held = Rows(rows, np.ones(len(rows), np.float32), 60)
    passes = Passes(objective, held, compiled=False)
    at_0 = passes.at(passes.logits(np.zeros((60, 61)))).probabilities
    inputs = np.column_stack([rows.features, np.ones(len(rows), np.float32)])
    made = Uniform(inputs, np.full(len(rows), 1 / len(rows)), 60, l2)
    direction = np.random.default_rng(2).normal(size=(60, 61))
    # What all classes have in common curves nothing.
    direction -= direction.mean(0)
    curved = passes.curved(at_0, direction)
    curved[:, :-1] += l2 * direction[:, :-1]
    assert_allclose(made.solve(curved), direction, atol=2e-2)


def test_a_hessian_is_the_same_however_its_rows_are_cut(tall, monkeypatch):
    objective = Objective(SoftmaxRegression(tall.spec).scaled, l2=L2)
    rows = Rows(tall.train.take(np.arange(0, 30_000, 10)), np.ones(3000, np.float32), 3)
    passes = Passes(objective, rows, compiled=False)
    free = np.ones((3, 4), bool)
    free[1, 2] = False
    point = Newton(passes, Draw(objective, rows, 0), L2, np.zeros((3, 4))).point
    whole = Draw(objective, rows, 0).curvature(point.probabilities, 10_000, 1, free)
    monkeypatch.setattr("tfsoftmax.training.newton.preconditioner._FEWEST_ROWS", 7)
    monkeypatch.setattr("tfsoftmax.training.newton.preconditioner._BLOCK_NUMBERS", 1)
    parts = Draw(objective, rows, 0).curvature(point.probabilities, 10_000, 1, free)
    assert_allclose(parts, whole, atol=1e-6)
    assert_allclose(whole, whole.T, atol=1e-7)
