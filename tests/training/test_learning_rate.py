from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from support.datasets import make_dataset
from support.marks import slow

from tfsoftmax import DataError, Dataset, Recipe, SoftmaxRegression, Spec, Split, fit, from_arrays
from tfsoftmax.data.split import stratified_split
from tfsoftmax.training.learning_rate import Inputs, curvature, sample_rows
from tfsoftmax.training.prepare import resolve

AUTO = Recipe(l2=0.0, standardize="off")


@pytest.mark.parametrize("n_features", [1, 5, 40])
def test_the_curvature_is_half_the_largest_eigenvalue(n_features):
    dataset = make_dataset(n_train=300, n_features=n_features)
    rows = dataset.train.features.astype(np.float64)
    inputs = sample_rows(SoftmaxRegression(dataset.spec), dataset.train, AUTO)
    for centered in (False, True):
        X = np.column_stack([rows - centered * rows.mean(axis=0), np.ones(300)])
        expected = np.linalg.eigvalsh(X.T @ X / 300)[-1] / 2
        found = curvature(inputs, centered=centered)
        assert found == pytest.approx(expected, rel=0.05)
        assert found <= expected * (1 + 1e-9)


def test_a_batch_curves_as_much_as_its_rows_do():
    """The mean over many batches of the square of a batch's Hessian bound, seen by simulation."""
    generator = np.random.default_rng(0)
    X = np.column_stack([generator.normal(size=(400, 30)), np.ones(400)])
    inputs = Inputs(X[:, :-1], np.ones(400))
    for batch_size in (1, 8, 400):
        found = curvature(inputs, batch_size)
        largest = [
            np.linalg.eigvalsh(X[rows].T @ X[rows] / batch_size)[-1] / 2
            for rows in generator.integers(400, size=(200, batch_size))
        ]
        assert 0.7 < found / np.mean(largest) < 1.5
    assert curvature(inputs, 10**9) == pytest.approx(curvature(inputs), rel=1e-6)


def test_rows_count_as_they_are_weighted():
    dataset = make_dataset(n_train=60)
    counts = np.random.default_rng(1).integers(0, 4, size=60)
    weighted = replace(dataset.train, weights=counts.astype(np.float32))
    repeated = Split(
        np.repeat(dataset.train.features, counts, axis=0), np.repeat(dataset.train.labels, counts)
    )
    model = SoftmaxRegression(dataset.spec)
    found, expected = (
        curvature(sample_rows(model, rows, AUTO), centered=True) for rows in (weighted, repeated)
    )
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("offset", [slow(0.0), 5.0])
def test_centring_changes_no_minimum(offset):
    """Whatever the features' mean, a run that is long enough ends at scikit-learn's optimum."""
    dataset = make_dataset(n_train=200)
    for split in dataset.splits().values():
        split.features[:] += np.float32(offset)
    recipe = Recipe(epochs=150, batch_size=200, l2=0.3, standardize="off")
    oracle = LogisticRegression(C=1 / (0.3 * 200), tol=1e-9, max_iter=10_000)
    oracle.fit(dataset.train.features, dataset.train.labels)
    for center in (True,) if offset else (True, False):
        model = fit(dataset, recipe.but(center=center)).model
        np.testing.assert_allclose(model.W.numpy(), oracle.coef_.T, atol=2e-3)
        ours, theirs = model.b.numpy(), oracle.intercept_
        np.testing.assert_allclose(ours - ours.mean(), theirs - theirs.mean(), atol=2e-2)


def test_what_else_decides_is_counted_in():
    dataset = make_dataset()
    plain = resolve(AUTO, dataset).learning_rate
    assert resolve(AUTO.but(momentum=0.9), dataset).learning_rate == pytest.approx(
        plain / 10, rel=0.05
    )
    # Twice as long where the rate falls.
    assert resolve(AUTO.but(schedule="constant"), dataset).learning_rate == pytest.approx(
        plain / 2, rel=0.05
    )
    # No step along a penalty may go beyond its minimum, however bold it is along the loss.
    assert resolve(AUTO.but(l2=1e6), dataset).learning_rate == pytest.approx(1e-6, rel=0.05)
    small = AUTO.but(batch_size=10)
    assert resolve(small.but(loss_reduction="sum"), dataset).learning_rate == pytest.approx(
        resolve(small, dataset).learning_rate / 10, rel=0.05
    )
    assert resolve(AUTO.but(learning_rate=0.3), dataset).learning_rate == 0.3


@pytest.mark.parametrize(
    ("load", "options"),
    [
        (load_iris, {"momentum": 0.9, "epochs": 100}),
        slow(load_breast_cancer, {}),
        slow(load_breast_cancer, {"batch_size": 1000, "epochs": 300}),
    ],
)
def test_it_trains_standardised_tables_as_well_as_scikit_learn(load, options):
    bunch = load()
    features = StandardScaler().fit_transform(bunch.data).astype(np.float32)
    names = tuple(map(str, bunch.target_names))
    parts = stratified_split(Split(features, bunch.target.astype(np.int32)), "table")
    dataset = Dataset("table", Spec(features.shape[1:], "float32", names), *parts)
    oracle = LogisticRegression().fit(dataset.train.features, dataset.train.labels)
    theirs = log_loss(dataset.test.labels, oracle.predict_proba(dataset.test.features))
    _, history = fit(dataset, AUTO.but(l2=1 / len(dataset.train), **options))
    assert history.last.test_log_loss < theirs + 0.02


@pytest.mark.parametrize("scale", [1e-6, slow(1e-3), 1.0, slow(1e3), 1e6])
def test_no_scale_makes_it_diverge(scale):
    dataset = make_dataset(n_train=200)
    for split in dataset.splits().values():
        split.features[:] *= scale
    _, history = fit(dataset, AUTO.but(epochs=20))
    assert np.isfinite(history.last.train_log_loss)
    assert history.last.train_log_loss < 1.2  # guessing is 1.1
    assert history.recipe.learning_rate == resolve(AUTO, dataset).learning_rate


def test_features_beyond_all_scales_are_an_error():
    dataset = make_dataset()
    dataset.train.features[:] *= 1e30
    with pytest.raises(DataError, match="scale them"):
        fit(dataset, AUTO)


def test_small_bright_pictures_in_colour_are_learnt_by_default():
    """A rate that suits dark digits overshoots on them, and ends worse than guessing."""
    generator = np.random.default_rng(3)
    labels = np.arange(210) % 3
    templates = generator.normal(scale=2.5, size=(3, 24, 24, 3))
    shade = generator.normal(scale=25, size=(210, 1, 1, 1))
    pixels = 150 + shade + templates[labels] + generator.normal(scale=45, size=(210, 24, 24, 3))
    dataset = from_arrays(np.clip(pixels, 0, 255).astype(np.uint8), labels)
    assert fit(dataset, Recipe(epochs=100, l2=0.01)).history.last.test_log_loss < 0.9 * np.log(3)
