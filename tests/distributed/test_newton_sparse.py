"""Newton's steps of several workers on sparse rows: the optimum of one process."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from support.optimum import assert_same_optimum, fit_in_threads, objective_of
from support.sparse import InFile, sparse_dataset
from support.sparse_workers import ROW_WEIGHTS, trained
from support.workers import in_threads

from tfsoftmax import Recipe, UsageError, fit
from tfsoftmax.training import build
from tfsoftmax.training.newton import phase, preconditioner
from tfsoftmax.training.newton.diagonal import OfEntries
from tfsoftmax.training.newton.rows import Rows, Share
from tfsoftmax.training.newton.sparse import SparsePasses
from tfsoftmax.training.objective import Objective

L2 = 1e-2
NEWTON = Recipe(solver="newton", l2=L2, tol=1e-9, standardize="off")


@pytest.fixture(scope="module")
def made():
    return sparse_dataset(n_features=150)


@pytest.mark.parametrize("count", [2, 3])
def test_the_optimum_is_that_of_one_and_scikit_learns(made, count):
    found = assert_same_optimum(made, NEWTON, count)
    rows = np.asarray(made.train.features, np.float64)
    best = LogisticRegression(C=1 / (L2 * len(rows)), tol=1e-12, solver="newton-cholesky")
    best.fit(rows, made.train.labels)
    assert_allclose(found.model.W.numpy(), best.coef_.T, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields", [{"l1": 0.01, "l2": 0.0, "tol": 1e-6}, {"l1": 0.01}], ids=["l1", "both"]
)
@pytest.mark.parametrize("whole", [2500, 0], ids=["proximal steps", "steps cut off at 0"])
def test_l1_has_the_zeros_of_one(made, fields, whole, monkeypatch):
    monkeypatch.setattr("tfsoftmax.training.newton.newton.MOST_WHOLE", whole)
    recipe = NEWTON.but(**fields)
    if not whole:
        recipe = recipe.but(tol=1e-6)
    alone, found = fit(made, recipe), fit_in_threads(2, made, recipe)
    own, one = (objective_of(made, each.model, recipe) for each in (found, alone))
    assert own == pytest.approx(one, rel=recipe.tol)
    W = found.model.W.numpy()
    assert_array_equal(W == 0, alone.model.W.numpy() == 0)
    assert 0.1 < (W == 0).mean() < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("memory_limit", [2**30, 4000], ids=["kept", "streamed"])
def test_shards_may_be_uneven_or_empty_and_in_a_file(made, monkeypatch, memory_limit):
    bounds = [0, 0, 7, 300, 300]
    monkeypatch.setattr(build, "shard_of", lambda _, index, __: range(*bounds[index : index + 2]))
    if memory_limit < 2**30:
        matrix = made.train.features.read_sparse([slice(None)])
        made = replace(made, train=replace(made.train, features=InFile(matrix)))
    assert_same_optimum(made, NEWTON.but(memory_limit=memory_limit, epochs=0), 4)


def test_rows_may_have_weights_labels_be_smoothed_and_columns_scaled():
    dataset = sparse_dataset(n_features=150, weights=ROW_WEIGHTS)
    recipe = NEWTON.but(class_weight={"class 1": 3.0}, label_smoothing=0.1, standardize="on")
    found, alone = fit_in_threads(3, dataset, recipe), fit(dataset, recipe)
    assert found.history.proof.relative_gap <= 1e-9
    assert found.history.proof.objective == pytest.approx(alone.history.proof.objective, rel=1e-9)
    assert_allclose(found.model.W.numpy(), alone.model.W.numpy(), atol=1e-4)


def test_the_hessian_and_its_diagonal_are_those_of_the_rows_of_all(made, monkeypatch):
    monkeypatch.setattr(preconditioner, "_ROWS", 60)
    monkeypatch.setattr(preconditioner, "_MULTIPLICATIONS", 0)
    rng = np.random.default_rng(0)
    weights, parameters = rng.uniform(0, 2, 300), rng.normal(size=(3, 151))
    free = rng.random((3, 151)) < 0.2
    free[:, 40:80], free[:, -1] = False, True

    def found(workers, mine):
        share = Share(mine, workers) if workers else None
        rows = Rows(made.train, weights, 3, sparse=True, share=share)
        passes = SparsePasses(Objective(lambda features: features), rows)
        draw = OfEntries(Objective(lambda features: features), passes, seed=7)
        P = passes.at(passes.logits(parameters)).probabilities
        return draw.hessian(P, L2, 1, free), draw.diagonal(P)

    alone, ranges = found(None, None), [range(100), range(100, 100), range(100, 300)]
    for each in in_threads(3, lambda workers: found(workers, ranges[workers.index])):
        for part, expected in zip(each, alone, strict=True):
            assert_allclose(part, expected, rtol=1e-5, atol=1e-6)


def test_rows_that_are_too_many_for_one_are_few_enough_for_several(made, monkeypatch):
    monkeypatch.setattr(phase, "_MOST_NUMBERS", 3 * (150 + 151))
    with pytest.raises(UsageError, match="are too many: .* share them among more workers"):
        fit(made, NEWTON)
    assert fit_in_threads(2, made, NEWTON).history.proof.relative_gap <= 1e-9


@pytest.mark.slow
def test_three_processes_find_the_optimum_of_one_after_an_epoch_of_local_steps(tmp_path):
    fields = {"solver": "newton", "l2": L2, "tol": 1e-8, "epochs": 1, "batch_size": 16}
    found = trained(tmp_path, fields, "sparse", count=3)["sparse"]
    alone = fit(sparse_dataset(weights=ROW_WEIGHTS), Recipe(**fields))
    objective, gap = found["proof"]
    assert gap <= 1e-8
    assert objective == pytest.approx(alone.history.proof.objective, rel=1e-8)
    assert_allclose(found["W"], alone.model.W.numpy(), atol=1e-3)
