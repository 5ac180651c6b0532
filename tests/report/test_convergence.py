"""Gradients against finite differences, minima against scikit-learn's, verdicts against runs."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from support.datasets import make_dataset
from support.marks import slow, slow_but

from tfsoftmax import Dataset, EpochMetrics, History, Recipe, SoftmaxRegression, Spec, Split, fit
from tfsoftmax.report.convergence import diagnose
from tfsoftmax.training.prepare import resolve
from tfsoftmax.training.sample_weights import row_weights

TABLES = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer}


def table(name):
    """A standardised table, a fifth of it to test on."""
    bunch = TABLES[name]()
    features = (bunch.data - bunch.data.mean(axis=0)) / bunch.data.std(axis=0)
    order = np.random.default_rng(0).permutation(len(features))
    a_fifth = len(order) // 5
    train, test = (
        Split(features[rows].astype(np.float32), bunch.target[rows].astype(np.int32))
        for rows in (order[a_fifth:], order[:a_fifth])
    )
    classes = tuple(map(str, bunch.target_names))
    names = tuple(map(str, bunch.feature_names))
    spec = Spec((features.shape[1],), "float32", classes, feature_names=names)
    return Dataset(name, spec, train, test)


def fitted(dataset, recipe):
    # Of so few steps compiling, or choosing an l2, would take most of the time.
    usual = recipe.l2_for(len(dataset.train))
    model, history = fit(dataset, recipe.but(xla=False, l2=usual))
    return model, dataset, history


def of(dataset, W, b):
    model = SoftmaxRegression(dataset.spec)
    model.W.assign(W)
    model.b.assign(b)
    return model


def epoch(number, train_log_loss=0.5, test_log_loss=0.5):
    return EpochMetrics(
        number, number, 0.5, 0.5, train_log_loss, 0.5, test_log_loss, None, None, 0.5, 0.1, 0.1
    )


def run(dataset, recipe=None, losses=(0.5,), **fields):
    """A history with these test log-losses."""
    recipe = resolve(recipe or Recipe(learning_rate=0.5), dataset)
    epochs = [epoch(number, test_log_loss=loss) for number, loss in enumerate(losses, start=1)]
    return History(recipe, epochs, **fields)


def objective(dataset, recipe):
    """From W and b, float64, to what `Recipe` says is minimised, and its gradient."""
    recipe = recipe.but(l2=recipe.l2_for(len(dataset.train)))
    split, spec = dataset.train, dataset.spec
    X = spec.scaled_by.apply(split.features)
    weights = row_weights(split, spec.class_names, recipe.class_weight)
    w = np.ones(len(split)) if weights is None else weights.astype(np.float64)
    target = np.eye(spec.n_classes)[split.labels] * (1 - recipe.label_smoothing)
    target += recipe.label_smoothing / spec.n_classes

    def value(theta):
        W, b = theta[:-1], theta[-1]
        log_P = scipy.special.log_softmax(X @ W + b, axis=1)
        penalty = recipe.l2 / 2 * np.square(W).sum() + recipe.l1 * np.abs(W).sum()
        return -np.mean(w * np.sum(target * log_P, axis=1)) + penalty

    def gradient(theta):
        rest = w[:, None] * (scipy.special.softmax(X @ theta[:-1] + theta[-1], axis=1) - target)
        of_W = X.T @ rest / len(X) + recipe.l2 * theta[:-1]
        return np.vstack([of_W, rest.mean(axis=0)])

    return value, gradient


def minimum(dataset, recipe):
    """The smooth objective's, to many digits; of columns of one scale."""
    value, gradient = objective(dataset, recipe)
    shape = dataset.spec.n_features + 1, dataset.spec.n_classes
    found = scipy.optimize.minimize(
        lambda flat: value(flat.reshape(shape)),
        np.zeros(math.prod(shape)),
        jac=lambda flat: gradient(flat.reshape(shape)).ravel(),
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 50_000, "ftol": 0, "gtol": 1e-10},
    )
    return found.fun


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(l2=0.1),
        Recipe(l1=0.05),
        Recipe(l2=0.1, l1=0.05, label_smoothing=0.2),
        Recipe(class_weight={"class 1": 3.0}),
    ],
    ids=lambda recipe: f"{recipe.l2},{recipe.l1},{recipe.label_smoothing},{recipe.class_weight}",
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("temperature", [None, 2.5])
def test_loss_and_gradient_are_those_of_the_objective(recipe, weighted, temperature):
    generator = np.random.default_rng(1)
    dataset = make_dataset(n_train=300)
    if weighted:
        weights = generator.uniform(size=300).astype(np.float32)
        weights[::7] = 0
        dataset = replace(dataset, train=replace(dataset.train, weights=weights))
    theta = generator.normal(size=(7, 3)).astype(np.float32).astype(np.float64)
    model = of(dataset, theta[:-1] / (temperature or 1), theta[-1] / (temperature or 1))
    found = diagnose(model, dataset, run(dataset, recipe, temperature=temperature))
    value, _ = objective(dataset, recipe)
    differences = np.zeros_like(theta)
    for place in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[place] = 1e-5
        differences[place] = (value(theta + step) - value(theta - step)) / 2e-5
    assert found.loss == pytest.approx(value(theta), rel=1e-6)
    assert found.gradient_norm == pytest.approx(np.linalg.norm(differences), rel=1e-4)


def test_l1_has_no_slope_at_a_weight_that_it_holds_at_0():
    dataset = make_dataset(n_train=300)
    _, gradient = objective(dataset, Recipe(l2=0.0))
    at_zero = gradient(np.zeros((7, 3)))
    model = SoftmaxRegression(dataset.spec)
    for l1 in (0.0, 0.1, np.abs(at_zero[:-1]).max() / 2, 10.0):
        expected = at_zero.copy()
        expected[:-1] = np.sign(at_zero[:-1]) * np.maximum(np.abs(at_zero[:-1]) - l1, 0)
        found = diagnose(model, dataset, run(dataset, Recipe(l1=float(l1))))
        assert found.gradient_norm == pytest.approx(np.linalg.norm(expected), rel=1e-4, abs=1e-7)


# Of two classes scikit-learn has one column, whose penalty is another.
@pytest.mark.parametrize("name", ["iris", slow("wine"), slow("digits")])
@pytest.mark.parametrize("recipe", [Recipe(l2=1e-2), Recipe(l2=1e-3), Recipe(l1=1e-2)])
def test_scikit_learns_optimum_is_converged(name, recipe, digits):
    dataset = digits if name == "digits" else table(name)
    X, n_samples = dataset.spec.scaled_by.apply(dataset.train.features), len(dataset.train)
    oracle = LogisticRegression(
        C=1 / (((recipe.l2 or 0) + recipe.l1) * n_samples),
        l1_ratio=float(recipe.l1 > 0),
        solver="saga" if recipe.l1 else "lbfgs",
        tol=1e-7,
        max_iter=10_000 if not recipe.l1 else 3000,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(X, dataset.train.labels)
    W, b = oracle.coef_.T, oracle.intercept_
    found = diagnose(of(dataset, W, b), dataset, run(dataset, recipe.but(learning_rate=0.5)))
    assert found.verdict == "converged"
    assert found.gradient_norm < 2e-4
    assert 0 <= found.loss_gap < 1e-4 * found.loss


@pytest.mark.parametrize("name", slow_but(("iris",), [*TABLES, "digits"]))
@pytest.mark.parametrize(("l2", "epochs"), [(1e-2, 3), (1e-3, 20)])
def test_the_gap_to_a_penalised_minimum_is_known(name, l2, epochs, digits):
    dataset = digits if name == "digits" else table(name)
    recipe = Recipe(l2=l2, epochs=epochs, learning_rate=0.5)
    found = diagnose(*fitted(dataset, recipe))
    gap = found.loss - minimum(dataset, recipe)
    assert gap / 2.5 < found.loss_gap < gap * 1.5


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but(("iris", "digits"), [*TABLES, "digits", "mnist5k"]))
def test_the_gap_that_an_ordinary_run_leaves_is_of_the_right_order(name):
    from tfsoftmax import load_dataset

    dataset = table(name) if name in TABLES else load_dataset(name)
    found = diagnose(
        *fitted(dataset, Recipe(epochs=None if name in ("digits", "mnist5k") else 100, l2=0.0))
    )
    gap = found.loss - minimum(dataset, Recipe(l2=0.0)) if name == "iris" else found.loss
    assert gap / 5 < found.loss_gap < gap * 2


def test_a_sample_of_the_rows_suffices(monkeypatch):
    dataset = make_dataset(n_train=4000, n_features=20, n_classes=5)
    recipe = Recipe(l2=1e-3, epochs=1, learning_rate=0.02)
    model, _, history = fitted(dataset, recipe)
    everything = diagnose(model, dataset, history)
    monkeypatch.setitem(diagnose.__globals__, "_SAMPLED_NUMBERS", 20 * 500)
    sampled = diagnose(model, dataset, history)
    gap = everything.loss - minimum(dataset, recipe)
    assert everything.loss_gap == pytest.approx(gap, rel=0.5)
    assert sampled.loss_gap == pytest.approx(gap, rel=0.5)
    assert sampled.loss == pytest.approx(everything.loss, rel=1e-6)
    assert sampled.gradient_norm == pytest.approx(everything.gradient_norm, rel=1e-4)


def test_rows_are_read_from_their_file(tmp_path):
    dataset = make_dataset(n_train=3000)
    np.save(tmp_path / "rows.npy", dataset.train.features)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    from_file = replace(dataset, train=replace(dataset.train, features=mapped))
    for recipe in (Recipe(epochs=2), Recipe(epochs=2, calibrate=True)):
        model, _, history = fitted(dataset, recipe)
        expected, found = (diagnose(model, rows, history).loss for rows in (dataset, from_file))
        assert found == pytest.approx(expected, rel=1e-6)


def test_what_was_held_out_was_not_trained_on():
    dataset = make_dataset(n_train=400)
    recipe = Recipe(epochs=60, learning_rate=2.0, l2=0.1, batch_size=400, calibrate=True)
    model, _, history = fitted(dataset, recipe)
    assert abs(history.temperature - 1) > 0.01
    assert diagnose(model, dataset, history).gradient_norm < 1e-3


def uneven():
    """Columns that vary by a thousandth to a thousand, all of them needed."""
    generator = np.random.default_rng(0)
    scales = np.float32([1e-3, 1.0, 1e3])

    def split(n_samples):
        labels = generator.integers(3, size=n_samples).astype(np.int32)
        rows = np.eye(3)[labels] + generator.normal(scale=0.5, size=(n_samples, 3))
        return Split((rows * scales).astype(np.float32), labels)

    spec = Spec((3,), "float32", ("a", "b", "c"), feature_names=("tiny", "middling", "huge"))
    return Dataset("uneven", spec, split(600), split(200))


@pytest.mark.parametrize(
    ("recipe", "verdict"),
    [
        (Recipe(epochs=2, learning_rate=1e-8), "larger_learning_rate"),
        (Recipe(epochs=2, learning_rate=1e6, l2=0.0), "smaller_learning_rate"),
        (Recipe(epochs=1), "more_epochs"),
        (Recipe(epochs=1, initializer="normal", learning_rate=1.0), "more_epochs"),
        (Recipe(l2=1e-2), "converged"),
    ],
    ids=str,
)
def test_what_a_run_on_digits_lacked(digits, recipe, verdict):
    found = diagnose(*fitted(digits, recipe))
    assert found.verdict == verdict, found
    assert found.scale_ratio is None
    assert ("rate 1e+06 is" in found.sentence) == (verdict == "smaller_learning_rate")
    assert_printable(found)


@pytest.mark.parametrize("learning_rate", ["auto", 1e-7, 1e6])
def test_uneven_columns_are_named(learning_rate):
    dataset = uneven()
    recipe = Recipe(epochs=20, learning_rate=learning_rate, l2=0.0, standardize="off")
    found = diagnose(*fitted(dataset, recipe))
    assert found.verdict == "scale"
    assert (found.largest_feature, found.smallest_feature) == ("huge", "tiny")
    assert found.scale_ratio == pytest.approx(1e6, rel=0.2)
    assert "'huge' varies 1," in found.sentence or "'huge' varies 9" in found.sentence
    assert_printable(found)


def test_uneven_columns_that_are_standardised_converge():
    found = diagnose(*fitted(uneven(), Recipe(epochs=40, standardize="on")))
    assert found.verdict == "converged"


@pytest.mark.parametrize(
    ("shift", "scale", "words"),
    [
        (2000.0, 1.0, "'a' is 2,000 times as large as it varies"),
        (0.0, 1e-3, "'a' varies by only 0.001"),
    ],
)
def test_a_column_far_from_0_or_tiny_beside_the_bias_is_named(shift, scale, words):
    generator = np.random.default_rng(0)
    noise = generator.normal(size=400)
    noise = (noise - noise.mean()) / noise.std()
    labels = (noise + generator.normal(size=400) > 0).astype(np.int32)
    rows = Split((shift + scale * noise)[:, None].astype(np.float32), labels)
    dataset = Dataset(
        "made", Spec((1,), "float32", ("no", "yes"), feature_names=("a",)), rows, rows
    )
    recipe = Recipe(standardize="off", epochs=20, l2=0.0, center=False)
    found = diagnose(*fitted(dataset, recipe))
    assert found.verdict == "scale"
    assert words in found.sentence
    if shift:  # which centring is for
        assert diagnose(*fitted(dataset, recipe.but(center=True))).verdict == "converged"


def test_overfitting_is_said_with_its_epoch():
    generator = np.random.default_rng(0)

    def split(n_samples):
        features = generator.normal(size=(n_samples, 12)).astype(np.float32)
        noise = generator.normal(scale=0.5, size=n_samples)
        return Split(features, (3 * features[:, 0] + noise > 0).astype(np.int32))

    dataset = Dataset("noise", Spec((12,), "float32", ("no", "yes")), split(60), split(500))
    model, _, history = fitted(dataset, Recipe(epochs=150, l2=0.0))
    losses = [metrics.test_log_loss for metrics in history.epochs]
    found = diagnose(model, dataset, history)
    assert found.verdict == "overfitting"
    assert f"lowest after epoch {np.argmin(losses) + 1} and has risen" in found.sentence
    assert_printable(found)


@pytest.mark.slow
def test_rows_that_are_told_apart_have_no_minimum():
    labels = np.repeat(np.int32([0, 1]), 20)
    rows = Split(np.column_stack([labels * 2.0 - 1.0, np.ones(40)]).astype(np.float32), labels)
    dataset = Dataset("apart", Spec((2,), "float32", ("no", "yes")), rows, rows)
    found = diagnose(*fitted(dataset, Recipe(epochs=60, learning_rate=4.0, l2=0.0)))
    assert found.verdict == "separable"
    assert "no minimum" in found.sentence
    assert found.loss_gap == found.loss
    found = diagnose(*fitted(dataset, Recipe(epochs=60, learning_rate=4.0, l2=0.01)))
    assert found.verdict == "converged"
    found = diagnose(*fitted(dataset, Recipe(epochs=60, learning_rate=4.0, label_smoothing=0.2)))
    assert found.verdict == "converged"
    found = diagnose(*fitted(dataset, Recipe(epochs=2, learning_rate=1e-8)))
    assert found.verdict == "larger_learning_rate"


def test_a_run_that_stopped_early_meant_to(digits):
    recipe = Recipe(learning_rate=2.0, early_stopping="log_loss")
    model, _, _ = fitted(digits, Recipe(epochs=5))
    history = run(digits, recipe, (0.5, 0.4, 0.3, 0.3, 0.3), best_epoch=3)
    found = diagnose(model, digits, history)
    assert found.verdict == "stopped_early"
    assert "best after epoch 3" in found.sentence


def test_a_constant_rate_hovers_above_the_minimum(digits):
    recipe = Recipe(learning_rate=2.0, schedule="constant", l2=0.03, batch_size=4, epochs=12)
    found = diagnose(*fitted(digits, recipe))
    assert found.verdict == "smaller_learning_rate"
    assert 'schedule="cosine"' in found.sentence


@pytest.mark.slow
@pytest.mark.parametrize("n_train", [1, slow(3), 1000])
def test_odd_columns_and_row_counts_are_no_error(n_train):
    dataset = make_dataset(n_train=n_train)

    def odd(split):
        columns = [split.features, split.features[:, :1], np.full((len(split), 1), 7.0)]
        rows = np.column_stack([*columns, np.zeros((len(split), 2))]).astype(np.float32)
        return Split(rows, split.labels)

    spec = replace(dataset.spec, example_shape=(10,))
    dataset = Dataset("odd", spec, odd(dataset.train), odd(dataset.test))
    for recipe in (
        Recipe(epochs=3),
        Recipe(epochs=3, l1=0.1),
        Recipe(epochs=1, learning_rate=1e9, l2=0.0),
    ):
        assert_printable(diagnose(*fitted(dataset, recipe)))


@pytest.mark.parametrize("size", [1e-30, 1e10, 1e30, 3e38])
def test_weights_of_any_size_give_numbers(digits, size):
    generator = np.random.default_rng(0)
    model = of(digits, size * generator.uniform(-1, 1, size=(64, 10)), np.zeros(10))
    found = diagnose(model, digits, run(digits))
    assert_printable(found)
    wild = diagnose(model, digits, run(digits, Recipe(learning_rate=1e6)))
    assert wild.verdict == ("more_epochs" if size < 1 else "smaller_learning_rate")


def assert_printable(found):
    assert "\n" not in found.sentence
    assert found.sentence.endswith(".")
    for number in (found.gradient_norm, found.loss, found.loss_gap):
        assert math.isfinite(number)
        assert number >= 0
    assert found.loss_gap <= found.loss * (1 + 1e-9)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["verdict"] == found.verdict
