"""Update rules against their papers' formulas, and their minima against scikit-learn's."""

import warnings

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from support.marks import slow
from support.sparse import sparse_dataset, with_zeros

from tfsoftmax import Dataset, Recipe, Split, fit
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.sgd import schedules
from tfsoftmax.training.sgd.rules import AdaGrad, Ftrl, Moment

STEPS, RATE = 60, 0.3
GENERATOR = np.random.default_rng(0)


def made_gradients(n_classes):
    """A third of the features has no gradient in a step, as in sparse rows."""
    W = GENERATOR.normal(size=(STEPS, n_classes, 6)) * (GENERATOR.random((STEPS, 1, 6)) > 1 / 3)
    return W.astype("f4"), GENERATOR.normal(size=(STEPS, n_classes, 1)).astype("f4")


def path(rule, gradients, l2=0.0, l1=0.0):
    """W and b before each step and after the last."""
    objective, rates = Objective(lambda rows: rows, l2=l2, l1=l1), schedules.constant(RATE)
    times = tf.constant(rule.times(rates, 0, STEPS, l2))
    state = rule.start([tf.zeros(each.shape[1:]) for each in gradients])
    for step in range(STEPS + 1):
        moment = Moment(RATE, 0.0, tf.constant(step), times)
        parameters = rule.parameters(state, moment, objective)
        yield [parameter.numpy() for parameter in parameters]
        if step < STEPS:
            slopes = [tf.constant(each[step]) for each in gradients]
            state = rule.step(state, parameters, slopes, moment, objective)


def ftrl_of_the_paper(gradients, alpha, beta, lambda_1, lambda_2):
    """Algorithm 1 of McMahan et al. (2013), a coordinate at a time."""
    z, n = np.zeros(gradients.shape[1:]), np.zeros(gradients.shape[1:])
    w = np.zeros_like(z)
    for step in range(len(gradients) + 1):
        for i in np.ndindex(z.shape):
            one, two = lambda_1 * step, lambda_2 * step
            if abs(z[i]) <= one:
                w[i] = 0.0
            else:
                w[i] = -(z[i] - np.sign(z[i]) * one) / ((beta + np.sqrt(n[i])) / alpha + two)
        yield w.copy()
        if step < len(gradients):
            for i in np.ndindex(z.shape):
                g = float(gradients[step][i])
                sigma = (np.sqrt(n[i] + g * g) - np.sqrt(n[i])) / alpha
                z[i] += g - sigma * w[i]
                n[i] += g * g


def test_ftrl_is_algorithm_1_of_its_paper():
    W, b = made_gradients(3)
    ours = list(path(Ftrl(RATE, 0.5), (W, b), l2=0.02, l1=0.05))
    theirs = zip(
        ftrl_of_the_paper(W, RATE, 0.5, 0.05, 0.02),
        ftrl_of_the_paper(b, RATE, 0.5, 0.0, 0.0),
        strict=True,
    )
    for found, expected in zip(ours, theirs, strict=True):
        for mine, its in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, its, atol=2e-5)
        np.testing.assert_array_equal(found[0] == 0, expected[0] == 0)
    zeros = [np.mean(W == 0) for W, _ in ours[1:]]
    assert 0 < np.mean(zeros) < 1


def test_adagrad_of_one_class_is_keras_adagrad():
    """With one class a feature has one weight, so its rate is its weight's."""
    gradients = made_gradients(1)
    theirs = [tf.Variable(tf.zeros(each.shape[1:])) for each in gradients]
    keras = tf.keras.optimizers.Adagrad(RATE, initial_accumulator_value=0.5, epsilon=1e-12)
    for step, ours in enumerate(path(AdaGrad(0.5), gradients)):
        for mine, its in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, its.numpy(), atol=1e-5)
        if step < STEPS:
            keras.apply_gradients(
                zip([tf.constant(each[step]) for each in gradients], theirs, strict=True)
            )


def test_adagrad_has_one_rate_a_feature_and_its_l1_makes_exact_zeros():
    """``w = soft_threshold(w - rate g / s, rate l1 / s)`` of all features in every step."""
    (W, b), l1, zeros = made_gradients(3), 0.5, 0
    expected, squares = np.zeros((3, 6)), np.zeros(6)
    for step, (ours, _) in enumerate(path(AdaGrad(0.0), (W, b), l1=l1)):
        zeros += np.sum(ours[:, squares > 0] == 0)
        np.testing.assert_allclose(ours, expected, atol=1e-5)
        np.testing.assert_array_equal(ours == 0, expected == 0)
        if step < STEPS:
            squares += np.square(W[step]).sum(axis=0)
            rates = RATE / np.sqrt(squares + 1e-12)
            moved = expected - rates * W[step]
            expected = np.sign(moved) * np.maximum(np.abs(moved) - rates * l1, 0)
    assert zeros > 20


@pytest.mark.parametrize("optimizer", ["adagrad", "ftrl"])
def test_the_unit_of_the_features_makes_no_difference(optimizer):
    dataset, answers = sparse_dataset(), []
    for size in (1.0, 0.001):  # their two digits are the same
        features = SparseRows(dataset.train.features.read_sparse([slice(None)]) * np.float32(size))
        rows = Split(features, dataset.train.labels)
        scaled = Dataset("scaled", dataset.spec, rows, rows)
        recipe = Recipe(epochs=2, optimizer=optimizer, standardize="off", l2=0.0, xla=False)
        answers.append(fit(scaled, recipe).model.predict_proba(features))
    np.testing.assert_allclose(*answers, atol=1e-3)


L2, L1 = 0.003, 0.003


def objective(matrix, labels, W, b):
    scores = matrix @ W + b
    losses = scipy.special.logsumexp(scores, axis=1) - scores[np.arange(len(labels)), labels]
    return losses.mean() + L2 / 2 * np.sum(W**2) + L1 * np.abs(W).sum()


@pytest.fixture(scope="module")
def found_by_scikit_learn():
    dataset = sparse_dataset()
    matrix, labels = with_zeros(dataset).train.features, dataset.train.labels
    oracle = LogisticRegression(
        C=1 / ((L1 + L2) * len(labels)), l1_ratio=L1 / (L1 + L2), solver="saga", max_iter=3000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(matrix, labels)
    return dataset, matrix, labels, oracle


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "epochs"), [slow("sgd", 1000), slow("adagrad", 150), ("ftrl", 150)]
)
def test_the_minimum_on_sparse_rows_is_scikit_learns(found_by_scikit_learn, optimizer, epochs):
    dataset, matrix, labels, oracle = found_by_scikit_learn
    recipe = Recipe(optimizer=optimizer, l2=L2, l1=L1, batch_size=300, epochs=epochs)
    model = fit(dataset, recipe).model
    W, b = (each.numpy().astype(np.float64) for each in (model.W, model.b))
    theirs = objective(matrix, labels, oracle.coef_.T, oracle.intercept_)
    ours = objective(matrix, labels, W, b.ravel())
    assert ours == pytest.approx(theirs, rel=2e-3)
    assert np.mean(W == 0) == pytest.approx(np.mean(oracle.coef_ == 0), abs=0.015)
