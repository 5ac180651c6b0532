import numpy as np
import pytest
from conftest import make_dataset
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from tfsoftmax import DataError, Dataset, Recipe, SoftmaxRegression, Spec, Split, fit
from tfsoftmax.data.split import stratified_split
from tfsoftmax.learning_rate import curvature, resolved

AUTO = Recipe(learning_rate="auto", standardize="off")


@pytest.mark.parametrize("n_features", [1, 5, 40])
def test_the_curvature_is_half_the_largest_eigenvalue(n_features):
    dataset = make_dataset(n_train=300, n_features=n_features)
    X = np.column_stack([dataset.train.features.astype(np.float64), np.ones(300)])
    expected = np.linalg.eigvalsh(X.T @ X / 300)[-1] / 2
    found = curvature(SoftmaxRegression(dataset.spec), dataset.train)
    assert found == pytest.approx(expected, rel=0.05)
    assert found <= expected * (1 + 1e-9)


def test_what_else_decides_is_counted_in():
    dataset = make_dataset()
    plain = resolved(AUTO, dataset).learning_rate
    assert resolved(AUTO.but(momentum=0.9), dataset).learning_rate == pytest.approx(
        plain / 10, rel=0.05
    )
    # Three classes: three times as long where the rate falls.
    assert resolved(AUTO.but(schedule="constant"), dataset).learning_rate == pytest.approx(
        plain / 3, rel=0.05
    )
    # No step along a penalty may go beyond its minimum, however bold it is along the loss.
    assert resolved(AUTO.but(l2=1e6), dataset).learning_rate == pytest.approx(1e-6, rel=0.05)
    on_sums = AUTO.but(loss_reduction="sum", batch_size=10)
    assert resolved(on_sums, dataset).learning_rate == pytest.approx(plain / 10, rel=0.05)
    assert resolved(AUTO.but(learning_rate=0.3), dataset).learning_rate == 0.3


@pytest.mark.parametrize(
    ("load", "options"),
    [
        (load_iris, {"momentum": 0.9}),
        (load_breast_cancer, {}),
        (load_breast_cancer, {"batch_size": 1000, "epochs": 300}),
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


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_no_scale_makes_it_diverge(scale):
    dataset = make_dataset(n_train=200)
    for split in dataset.splits().values():
        split.features[:] *= scale
    _, history = fit(dataset, AUTO.but(epochs=20))
    assert np.isfinite(history.last.train_log_loss)
    assert history.last.train_log_loss < 1.2  # guessing is 1.1
    assert history.recipe.learning_rate == resolved(AUTO, dataset).learning_rate


def test_features_beyond_all_scales_are_an_error():
    dataset = make_dataset()
    dataset.train.features[:] *= 1e30
    with pytest.raises(DataError, match="scale them"):
        fit(dataset, AUTO)
