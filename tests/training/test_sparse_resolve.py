"""What a recipe leaves open is found in sparse rows as in the same rows with their zeros."""

import numpy as np
import pytest
import scipy.sparse

from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.learning_rate import curvature, sample_rows
from tfsoftmax.training.prepare import prepare, resolve


def datasets(weights=None, size=1.0, n_samples=300, n_features=600):
    """The same rows, sparse and with their zeros."""
    generator = np.random.default_rng(0)
    matrix = scipy.sparse.random_array((n_samples, n_features), density=0.03, rng=generator)
    matrix = scipy.sparse.csr_array(matrix.astype(np.float32) * np.float32(size))
    labels = generator.integers(3, size=n_samples).astype(np.int32)
    spec = Spec((n_features,), "float32", ("a", "b", "c"))
    for features in (SparseRows(matrix), matrix.toarray()):
        rows = Split(features, labels, weights)
        yield Dataset("made", spec, rows, rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_rows", [None, 40])
def test_sample_and_curvature_are_those_of_the_rows(weighted, n_rows):
    weights = np.random.default_rng(1).random(300).astype(np.float32) if weighted else None
    found, expected = (
        sample_rows(SoftmaxRegression(each.spec), each.train, Recipe(), n_rows)
        for each in datasets(weights)
    )
    np.testing.assert_array_equal(found.rows.toarray(), expected.rows)
    np.testing.assert_allclose(found.center, expected.center)
    assert found.entry_size == pytest.approx(expected.entry_size)
    for batch_size in (None, 16):
        assert curvature(found, batch_size) == pytest.approx(
            curvature(expected, batch_size), rel=2e-3
        )


def test_few_columns_and_few_rows_have_the_same_eigenvalue():
    for n_samples, n_features in ((300, 20), (20, 300)):
        both = datasets(n_samples=n_samples, n_features=n_features)
        first, second = (
            curvature(sample_rows(SoftmaxRegression(each.spec), each.train, Recipe()))
            for each in both
        )
        assert first == pytest.approx(second, rel=2e-3)


@pytest.mark.parametrize("size", [1.0, 0.1])
def test_the_usual_penalty_does_not_depend_on_the_unit(size):
    sparse, _ = datasets(size=size)
    _, recipe = prepare(sparse, Recipe())
    rows = sparse.train.features.read_sparse([slice(None)]).astype(np.float64)
    assert recipe.l2 == pytest.approx(0.1 / 300 * rows.multiply(rows).sum(axis=1).mean(), rel=0.05)
    assert not recipe.center


def test_many_sparse_rows_have_larger_batches_unless_asked_for():
    both = datasets(n_samples=50_000, n_features=20)
    found, expected = (resolve(Recipe(), each) for each in both)
    assert (found.batch_size, found.epochs) == (128, 10)
    assert (expected.batch_size, expected.epochs) == (64, 10)
    few = [resolve(Recipe(batch_size=size), next(datasets())) for size in (None, 128)]
    assert [(each.batch_size, each.epochs) for each in few] == [(64, 300), (128, 500)]


def test_a_penalty_that_was_asked_for_is_kept():
    sparse, dense = datasets()
    assert resolve(Recipe(l2=0.5), sparse).l2 == 0.5
    assert resolve(Recipe(l1=0.5), sparse).l2 == 0.0
    assert resolve(Recipe(), dense).l2 == 1 / 300
