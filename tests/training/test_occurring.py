"""Training on sparse rows keeps only the features that occur, and learns the same."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from support.sparse import sparse_dataset, with_zeros

from tfsoftmax import Checkpoints, Recipe, SoftmaxRegression, Split, fit
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.spec import Scaling
from tfsoftmax.training.checkpoint import Snapshot, saved_checkpoints
from tfsoftmax.training.occurring import Occurring

N_FEATURES = 700
RECIPE = Recipe(
    epochs=2, batch_size=16, learning_rate=0.4, l2=0.05, standardize="off", optimizer="sgd",
    center=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset():
    """Rows of which the training rows have no odd feature, and the test rows have."""
    made = sparse_dataset(n_features=N_FEATURES)
    train = made.train.features.read_sparse([slice(None)]).copy()
    train.data[train.indices % 2 == 1] = 0
    train.eliminate_zeros()
    return replace(made, train=Split(SparseRows(train), made.train.labels))


def dense(features):
    return np.asarray(features)


def test_the_smaller_model_has_what_occurs_and_what_does_not_start_at_0(dataset):
    model = SoftmaxRegression(dataset.spec)
    model.W.scatter_nd_update([[3]], [[0.0, 0.5, 0.0]])
    found = Occurring.of(model, dataset)
    occurs = dense(dataset.train.features).any(axis=0)
    occurs[3] = True
    np.testing.assert_array_equal(found.inputs, np.flatnonzero(occurs))
    for small, whole in ((found.dataset.train, dataset.train), (found.dataset.test, dataset.test)):
        np.testing.assert_array_equal(dense(small.features), dense(whole.features)[:, occurs])
        rows = np.array([5, 0, 17])
        np.testing.assert_array_equal(
            dense(small.features.take(rows)), dense(whole.features)[rows][:, occurs]
        )
    np.testing.assert_array_equal(found.model.W, model.W.numpy()[occurs])
    found.model.W.assign(found.model.W + 1)
    found.give_back()
    assert (model.W.numpy()[occurs] >= 1).all()
    assert not model.W.numpy()[~occurs].any()


def test_scaled_rows_and_indicators_are_those_that_the_model_sees(dataset):
    matrix = dataset.train.features.read_sparse([slice(None)]).copy()
    matrix.data[::7] = np.nan
    scale = tuple(np.linspace(1, 2, N_FEATURES).tolist())
    scaling = Scaling(0.0, scale, fill=(2.0,) * N_FEATURES, indicators=(4, 8), limit=2.5)
    spec = replace(dataset.spec, missing="indicator", scaling=scaling)
    train = Split(SparseRows(matrix), dataset.train.labels)
    model = SoftmaxRegression(spec)
    found = Occurring.of(model, replace(dataset, spec=spec, train=train))
    expected = model.scaled(dense(train.features)).numpy()
    np.testing.assert_array_equal(dense(found.dataset.train.features), expected[:, found.inputs])
    assert not np.delete(expected, found.inputs, axis=1).any()


@pytest.mark.slow
def test_weights_that_start_above_0_are_shrunk_though_their_features_never_occur(dataset):
    W = np.random.default_rng(0).normal(size=(N_FEATURES, 3)).astype("f4")
    W[50:] = 0

    def result(rows):
        start = SoftmaxRegression(rows.model_spec)
        start.W.assign(W)
        return fit(rows, RECIPE, start=start)

    sparse, filled = result(dataset), result(with_zeros(dataset))
    np.testing.assert_allclose(sparse.model.W, filled.model.W, atol=2e-6)
    assert 0 < np.abs(sparse.model.W[1]).max() < np.abs(W[1]).max()
    assert not sparse.model.W[51:N_FEATURES:2].numpy().any()
    assert sparse.model.record.test["log_loss"] == pytest.approx(sparse.history.last.test_log_loss)


def test_rows_without_any_entry_have_a_model(dataset):
    empty = Split(
        SparseRows(scipy.sparse.csr_array((300, N_FEATURES), dtype="f4")), dataset.train.labels
    )
    model, _ = fit(replace(dataset, train=empty), RECIPE.but(epochs=1))
    assert not model.W.numpy().any()
    assert model.b.numpy().any()


def test_a_checkpoint_is_as_large_as_what_occurs(dataset, tmp_path):
    wide = 50_000
    splits = {
        name: Split(
            SparseRows(
                scipy.sparse.csr_array(
                    (part.data, part.indices, part.indptr), (part.shape[0], wide)
                )
            ),
            rows.labels,
        )
        for name, rows in (("train", dataset.train), ("test", dataset.test))
        for part in [rows.features.read_sparse([slice(None)])]
    }
    widened = replace(dataset, spec=replace(dataset.spec, example_shape=(wide,)), **splits)
    model, _ = fit(widened, RECIPE, checkpoints=Checkpoints(tmp_path))
    narrow, _ = fit(dataset, RECIPE)
    np.testing.assert_array_equal(model.W[:N_FEATURES], narrow.W)
    (path, *_) = saved_checkpoints(tmp_path)
    saved = Snapshot.from_bytes(path.read_bytes()).arrays["parameters.0"]
    assert saved.shape[0] <= N_FEATURES
