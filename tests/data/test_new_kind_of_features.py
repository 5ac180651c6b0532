"""A kind of features that the package has never heard of goes wherever an array goes."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import sparse

from tfsoftmax import (
    DataError,
    Dataset,
    Recipe,
    Spec,
    Split,
    evaluate,
    export_model,
    fit,
    load_predictor,
    tune,
)
from tfsoftmax.data.duplicates import shared_rows
from tfsoftmax.data.features import Features, FeaturesLike
from tfsoftmax.data.inspection import inspect_dataset
from tfsoftmax.data.statistics import ColumnStatistics
from tfsoftmax.export.verify import verify
from tfsoftmax.report.convergence import diagnose
from tfsoftmax.training.warm_start import warm_start

pytestmark = pytest.mark.slow

_SPEC = Spec((9,), "float32", ("no", "yes", "perhaps"))


class SparseFeatures(Features):
    """Rows of a SciPy matrix, made dense as they are read."""

    def __init__(self, matrix: sparse.csr_matrix):
        self._matrix = matrix
        self.shape, self.dtype = matrix.shape, matrix.dtype

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        rows = sparse.vstack([self._matrix[block] for block in blocks])
        out[: rows.shape[0]] = rows.toarray()
        return rows.shape[0]

    def take(self, indices: np.ndarray) -> FeaturesLike:
        return SparseFeatures(self._matrix[indices])


class ComputedFeatures(Features):
    """Rows that a function gives for their indices, and are nowhere."""

    def __init__(self, n_samples: int, shift: int):
        self.shape, self.dtype, self._shift = (n_samples, 9), np.dtype("float32"), shift

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        indices = np.concatenate([np.arange(self.shape[0])[block] for block in blocks])
        out[: len(indices)] = np.sin(np.outer(indices + self._shift, np.arange(1, 10)) ** 2)
        return len(indices)


def sparse_features(n_samples: int, seed: int) -> SparseFeatures:
    matrix = sparse.random(n_samples, 9, 0.4, "csr", np.float32, np.random.default_rng(seed))
    return SparseFeatures(matrix * np.float32(5))


@pytest.fixture(params=[sparse_features, ComputedFeatures])
def both(request):
    """The same dataset twice: with features of a new kind, and with arrays of them."""
    given, arrays = [], []
    for n_samples, seed in ((300, 1), (60, 1000)):
        features = request.param(n_samples, seed)
        rows = features[:]
        labels = np.argmax(rows[:, :3] + rows[:, 3:6], axis=1).astype(np.int32)
        weights = np.linspace(1, 2, n_samples).astype(np.float32)
        given.append(Split(features, labels, weights))
        arrays.append(Split(rows, labels, weights))
    return Dataset("new", _SPEC, *given), Dataset("new", _SPEC, *arrays)


def test_rows_are_those_of_an_array(both):
    features, array = (dataset.train.features for dataset in both)
    assert (features.shape, features.nbytes, len(features)) == (array.shape, array.nbytes, 300)
    for rows in (3, -1, slice(5), slice(290, 999), slice(9, 2, -3), [7, 7, -2], array[:, 0] > 0.5):
        np.testing.assert_array_equal(features[rows], array[rows])
    np.testing.assert_array_equal(np.asarray(features, np.float64), array.astype(np.float64))
    with pytest.raises(IndexError, match="there are 300 rows, and no row 300"):
        features[300]


@pytest.mark.parametrize("memory_limit", [2**30, 4000])
def test_training_on_them_is_training_on_the_array(both, memory_limit):
    recipe = Recipe(
        epochs=4, batch_size=16, memory_limit=memory_limit, validation_fraction=0.2, seed=3
    )
    found, expected = (fit(dataset, recipe) for dataset in both)
    np.testing.assert_array_equal(found.model.W, expected.model.W)
    assert found.model.spec.scaling == expected.model.spec.scaling
    assert repr(evaluate(found.model, both[0].test)) == repr(evaluate(expected.model, both[1].test))
    reports = [
        diagnose(run.model, dataset, run.history)
        for run, dataset in zip((found, expected), both, strict=True)
    ]
    assert reports[0] == reports[1]


def test_what_is_found_in_them_is_found_in_the_array(both):
    new, plain = both
    assert new.sha256() == plain.sha256()
    assert shared_rows(new) == shared_rows(plain)
    assert inspect_dataset(new, True) == inspect_dataset(plain, True)
    found, expected = (ColumnStatistics.of(dataset.train.features) for dataset in both)
    np.testing.assert_array_equal(found.deviation, expected.deviation)
    tuned = [tune(dataset, Recipe(epochs=2), l2=[0.0, 0.01], folds=3) for dataset in both]
    assert tuned[0].candidates == tuned[1].candidates


def test_they_are_exported_asked_and_verified(both, tmp_path):
    new, plain = both
    model = fit(new, Recipe(epochs=3, l2=0.01)).model
    features, array = new.test.features, plain.test.features
    result = export_model(
        model, tmp_path, "m", check_on=features, calibrate_on=features, formats=("float32", "int8")
    )
    assert {parity.n_samples for parity in result.parity.values()} == {60}
    predictor = load_predictor(result.tflite)
    np.testing.assert_array_equal(predictor.predict(features), predictor.predict(array))
    assert repr(predictor.evaluate(new, new.test)) == repr(predictor.evaluate(plain, plain.test))
    checks, _ = verify(result.path, new, seconds=0.01)
    assert {check.problem for check in checks} == {None}
    start, aligned = warm_start(model, new)
    assert fit(aligned, Recipe(epochs=1, l2=0.01), start=start).history.last.test_accuracy > 0.5


def test_a_value_that_is_no_number_is_named():
    rows = np.eye(9, dtype=np.float32)
    rows[4, 2] = np.nan
    rows = Split(SparseFeatures(sparse.csr_matrix(rows)), np.arange(9, dtype=np.int32) % 3)
    with pytest.raises(DataError, match="training split, row 4, feature 2: the value is missing"):
        Dataset("new", _SPEC, rows, rows)
