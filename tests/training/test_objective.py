"""What is minimised: values against scikit-learn's loss, derivatives against differences."""

import math

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from tfsoftmax import Recipe, SoftmaxRegression, Spec, ops
from tfsoftmax.training.objective import (
    CLASSES,
    Objective,
    parameters_of,
    set_parameters,
    soft_threshold,
)
from tfsoftmax.training.resolved_recipe import ResolvedRecipe

GENERATOR = np.random.default_rng(0)
N_ROWS, N_INPUTS, N_CLASSES = 30, 5, 4
INPUTS = GENERATOR.normal(1.0, 2.0, size=(N_ROWS, N_INPUTS))
LABELS = GENERATOR.integers(N_CLASSES, size=N_ROWS).astype(np.int32)
WEIGHTS = GENERATOR.uniform(0, 2, size=N_ROWS)
EQUAL = np.ones(N_ROWS)
CENTER = INPUTS.mean(axis=0)
SHAPE = (N_CLASSES, N_INPUTS + 1)

OBJECTIVES = {
    "plain": (Objective(tf.identity), EQUAL),
    "weights": (Objective(tf.identity), WEIGHTS),
    "smoothing": (Objective(tf.identity, smoothing=0.3), EQUAL),
    "l2": (Objective(tf.identity, l2=0.7), EQUAL),
    "centred": (Objective(tf.identity, CENTER), EQUAL),
    "all": (Objective(tf.identity, CENTER, smoothing=0.2, l2=0.3), WEIGHTS),
}


@pytest.fixture(params=OBJECTIVES)
def case(request):
    return OBJECTIVES[request.param]


def parted(theta):
    theta = np.reshape(theta, SHAPE)
    return [tf.constant(theta[:, :-1]), tf.constant(theta[:, -1:])]


def joined(parameters):
    return np.concatenate([np.asarray(part) for part in parameters], axis=-1).ravel()


def value(objective, weights, theta):
    """The whole objective, as solvers put it together."""
    parameters = parted(theta)
    sums = objective.sums(parameters, tf.constant(INPUTS), LABELS, weights)
    return float(sums.loss) / N_ROWS + float(objective.penalty(parameters[0]))


def gradient(objective, weights, theta):
    parameters = parted(theta)
    sums = objective.sums(parameters, tf.constant(INPUTS), LABELS, weights)
    mean = [part / N_ROWS for part in sums.gradient]
    return joined(objective.with_l2(mean, parameters))


def somewhere(seed=1):
    return np.random.default_rng(seed).normal(size=math.prod(SHAPE))


def test_the_gradient_is_the_slope_of_the_value(case):
    theta = somewhere()
    slope = gradient(*case, theta)
    for index in range(theta.size):
        step = np.zeros_like(theta)
        step[index] = 1e-6
        difference = (value(*case, theta + step) - value(*case, theta - step)) / 2e-6
        assert difference == pytest.approx(slope[index], abs=1e-8)


def test_the_gradient_is_the_tapes_in_the_training_step(case):
    objective, weights = case
    parameters = parted(somewhere())
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        losses = objective.losses(objective.logits(parameters, tf.constant(INPUTS)), LABELS)
        total = tf.reduce_sum(weights * losses)
    sums = objective.sums(parameters, tf.constant(INPUTS), LABELS, weights)
    assert float(sums.loss) == pytest.approx(float(total), rel=1e-12)
    for ours, taped in zip(sums.gradient, tape.gradient(total, parameters), strict=True):
        np.testing.assert_allclose(ours, taped, atol=1e-11)


def test_the_hessian_product_is_the_change_of_the_gradient(case):
    objective, weights = case
    theta, inputs = somewhere(), tf.constant(INPUTS)
    sums = objective.sums(parted(theta), inputs, LABELS, weights)
    for seed in range(5):
        direction = somewhere(seed)
        found = objective.hessian_product(sums.probabilities, inputs, weights, parted(direction))
        found = [part / N_ROWS for part in found]
        curved = joined(objective.with_l2(found, parted(direction)))
        ahead, behind = (
            gradient(objective, weights, theta + step * direction) for step in (1e-6, -1e-6)
        )
        np.testing.assert_allclose(curved, (ahead - behind) / 2e-6, atol=1e-7)


def test_the_diagonal_is_the_hessians(case):
    objective, weights = case
    inputs = tf.constant(INPUTS)
    P = objective.sums(parted(somewhere()), inputs, LABELS, weights).probabilities
    columns = [
        joined(objective.hessian_product(P, inputs, weights, parted(unit)))
        for unit in np.eye(math.prod(SHAPE))
    ]
    found = joined(objective.hessian_diagonal(P, inputs, weights))
    np.testing.assert_allclose(found, np.diagonal(columns), atol=1e-10)


def test_sums_over_blocks_are_those_over_all_rows(case):
    objective, weights = case
    parameters = parted(somewhere())
    whole = objective.sums(parameters, tf.constant(INPUTS), LABELS, weights)
    loss, gradients = 0.0, np.zeros(math.prod(SHAPE))
    for rows in (slice(0, 7), slice(7, 19), slice(19, None)):
        block = INPUTS[rows].astype(np.float32)  # Sums are float64 even so.
        sums = objective.sums(parameters, tf.constant(block), LABELS[rows], weights[rows])
        assert sums.loss.dtype == sums.gradient[0].dtype == tf.float64
        loss, gradients = loss + float(sums.loss), gradients + joined(sums.gradient)
    assert loss == pytest.approx(float(whole.loss), rel=1e-6)
    np.testing.assert_allclose(gradients, joined(whole.gradient), atol=1e-4)


def test_many_models_are_each_by_itself():
    l2, l1 = np.array([0.0, 0.2, 0.3]), np.array([0.1, 0.0, 0.3])
    together = Objective(tf.identity, smoothing=0.1, l2=l2, l1=l1)
    thetas = [somewhere(seed) for seed in range(3)]
    many = [tf.stack(parts) for parts in zip(*map(parted, thetas), strict=True)]
    inputs = tf.constant(INPUTS)
    sums, penalties = together.sums(many, inputs, LABELS, WEIGHTS), together.penalty(many[0])
    slopes = together.shortest_subgradient(sums.gradient, many)
    for model, theta in enumerate(thetas):
        alone = Objective(tf.identity, smoothing=0.1, l2=l2[model], l1=l1[model])
        expected = alone.sums(parted(theta), inputs, LABELS, WEIGHTS)
        assert float(sums.loss[model]) == pytest.approx(float(expected.loss), rel=1e-12)
        assert float(penalties[model]) == pytest.approx(float(alone.penalty(parted(theta)[0])))
        np.testing.assert_allclose(
            joined([part[model] for part in slopes]),
            joined(alone.shortest_subgradient(expected.gradient, parted(theta))),
            atol=1e-11,
        )


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_scikit_learns_loss_is_least_where_ours_is(l1_ratio):
    """``l2 = (1 - l1_ratio) / (C n)`` and ``l1 = l1_ratio / (C n)``, sample weights included."""
    C = 0.5
    solver = "saga" if l1_ratio else "newton-cg"
    oracle = LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver=solver, tol=1e-10, max_iter=1_000_000
    )
    weights = WEIGHTS / WEIGHTS.mean()
    oracle.fit(INPUTS, LABELS, sample_weight=weights)
    W, b = oracle.coef_, oracle.intercept_[:, None]
    strength = 1 / (C * N_ROWS)
    objective = Objective(tf.identity, l2=(1 - l1_ratio) * strength, l1=l1_ratio * strength)
    theta = joined([W, b])
    loss = log_loss(LABELS, oracle.predict_proba(INPUTS), sample_weight=weights)
    penalty = strength * ((1 - l1_ratio) / 2 * (W**2).sum() + l1_ratio * np.abs(W).sum())
    assert value(objective, weights, theta) == pytest.approx(loss + penalty, rel=1e-9)
    sums = objective.sums(parted(theta), tf.constant(INPUTS), LABELS, weights)
    slopes = objective.shortest_subgradient([g / N_ROWS for g in sums.gradient], parted(theta))
    assert np.abs(joined(slopes)).max() < 1e-6


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_lower_bound_is_reached_by_the_best_logits(smoothing, n_classes):
    objective = Objective(tf.identity, smoothing=smoothing)

    def loss(logits):
        return float(objective.losses(tf.constant(logits[:, None]), tf.constant([1]))[0])

    best = scipy.optimize.minimize(loss, np.zeros(n_classes), tol=1e-12).fun
    if smoothing:
        assert objective.lower_bound(n_classes) == pytest.approx(best, rel=1e-6)
    assert 0 <= objective.lower_bound(n_classes) <= best
    assert objective.always_has_a_minimum == bool(smoothing)


@pytest.mark.slow
def test_no_step_down_is_left_where_the_proximal_step_moves_nothing():
    objective, weights = Objective(tf.identity, l2=0.01, l1=0.05), EQUAL
    size = 0.2

    @tf.function
    def step(W, b):
        sums = objective.sums([W, b], tf.constant(INPUTS), LABELS, weights)
        slopes = objective.with_l2([part / N_ROWS for part in sums.gradient], [W, b])
        return objective.proximal(W - size * slopes[0], size), b - size * slopes[1]

    parameters = parted(np.zeros(math.prod(SHAPE)))
    for _ in range(2000):
        parameters = step(*parameters)
    theta = joined(parameters)
    assert 0 < np.sum(theta.reshape(SHAPE)[:, :-1] == 0) < N_CLASSES * N_INPUTS
    sums = objective.sums(parted(theta), tf.constant(INPUTS), LABELS, weights)
    slopes = objective.shortest_subgradient([g / N_ROWS for g in sums.gradient], parted(theta))
    assert np.abs(joined(slopes)).max() < 1e-4
    best = value(objective, weights, theta)
    for seed in range(20):
        assert value(objective, weights, theta + 1e-3 * somewhere(seed)) > best
    assert Objective(tf.identity).proximal is None


def test_centring_there_and_back_changes_no_logits():
    objective, plain = Objective(tf.identity, CENTER), Objective(tf.identity)
    parameters, inputs = parted(somewhere()), tf.constant(INPUTS)
    centered = objective.to_centered(parameters)
    np.testing.assert_allclose(
        objective.logits(centered, inputs), plain.logits(parameters, inputs), atol=1e-12
    )
    np.testing.assert_allclose(
        joined(objective.from_centered(centered)), joined(parameters), atol=1e-12
    )


def test_a_recipes_objective_is_of_its_models_logits():
    model = SoftmaxRegression(Spec((2,), "uint8", ("a", "b", "c"), (0, 255)))
    W, b = GENERATOR.normal(size=(3, 2)), GENERATOR.normal(size=(3, 1))
    set_parameters(model, [[tf.constant(part, tf.float32) for part in (W, b)]])
    recipe = ResolvedRecipe(
        epochs=1,
        batch_size=64,
        l2=1,
        l1=0.5,
        learning_rate=0.5,
        label_smoothing=0.1,
        loss_reduction="sum",
    )
    objective = Objective.of(model, recipe)
    rows = tf.constant([[0, 255], [7, 9]], tf.uint8)
    logits = objective.logits(parameters_of(model), objective.scaled(rows))
    np.testing.assert_allclose(tf.transpose(logits), model.logits(rows), atol=1e-6)
    np.testing.assert_allclose(
        tf.transpose(ops.softmax(logits, CLASSES)), model.probabilities(rows), atol=1e-6
    )
    penalty = 0.5 * np.sum(W**2) + 0.5 * np.abs(W).sum()
    assert float(objective.penalty(parameters_of(model)[0])) == pytest.approx(penalty, rel=1e-5)
    assert float(objective.rate(tf.constant(0.5), tf.constant(8))) == 4.0


def test_whole_numbers_are_penalties_too(made):
    from tfsoftmax import fit

    found, expected = (
        fit(made, Recipe(epochs=2, l2=l2, l1=l1)).model.W.numpy() for l2, l1 in ((1, 1), (1.0, 1.0))
    )
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(soft_threshold(tf.constant([[3.0]]), 1), [[2.0]])
