import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfsoftmax.training.objective import Objective, soft_threshold
from tfsoftmax.training.sgd.updates import Updates, clip_by_norm

GENERATOR = np.random.default_rng(0)
START = [GENERATOR.normal(size=shape).astype(np.float32) for shape in ((4, 3), (4, 1))]
GRADIENTS = [
    [GENERATOR.normal(size=shape).astype(np.float32) for shape in ((4, 3), (4, 1))]
    for _ in range(200)
]


@pytest.mark.parametrize(
    ("momentum", "nesterov", "clip_norm"),
    [(0.0, False, None), (0.9, False, None), (0.9, True, None), (0.5, True, 1.5)],
)
def test_200_steps_equal_keras_sgd(momentum, nesterov, clip_norm):
    updates = Updates(momentum, nesterov, clip_norm)
    keras_sgd = tf.keras.optimizers.SGD(
        0.03, momentum=momentum, nesterov=nesterov, global_clipnorm=clip_norm
    )
    state, theirs = updates.start([tf.constant(p) for p in START]), [tf.Variable(p) for p in START]
    for gradients in GRADIENTS:
        state = updates.step(state, [tf.constant(g) for g in gradients], 0.03)
        keras_sgd.apply_gradients(zip(map(tf.constant, gradients), theirs, strict=True))
    for ours, keras in zip(state.parameters, theirs, strict=True):
        np.testing.assert_allclose(ours, keras, atol=1e-5)


def test_averages_equal_keras_running_mean_of_all():
    updates = Updates(averaging=True)
    state = updates.start([tf.constant(p) for p in START])
    seen = []
    for step, gradients in enumerate(GRADIENTS):
        state = updates.step(state, [tf.constant(g) for g in gradients], 0.03, 1 / (step + 1))
        seen.append(state.parameters[0].numpy())
    np.testing.assert_allclose(state.averages[0], np.mean(seen, axis=0), atol=1e-6)


def test_a_gradient_for_every_parameter_or_an_error():
    updates = Updates()
    with pytest.raises(ValueError, match="zip"):
        updates.step(updates.start([tf.zeros((1, 1))]), [tf.zeros((1, 1))] * 2, 0.1)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
def test_many_models_move_as_each_by_itself(options):
    """Leading axes are models, hyper-parameters theirs; biases are never penalised."""
    l2, l1, rates = (np.float32([0.0, 0.1, 0.2]), np.float32([0.3, 0.0, 0.1]), [0.01, 0.03, 0.02])
    updates = Updates(**options, clip_norm=3.0)

    def moved(state, gradients, penalties, rates):
        objective = Objective(None, l2=penalties[0], l1=penalties[1])
        gradients = objective.with_l2(list(map(tf.constant, gradients)), state.parameters)
        return updates.step(state, gradients, tf.constant(rates), proximal=objective.proximal)

    many = updates.start([tf.constant(np.stack([[p] * 3] * 2)) for p in START])
    states = [updates.start([tf.constant(p) for p in START]) for _ in range(3)]
    for gradients in GRADIENTS[:20]:
        scaled = [np.stack([[g, g, g], [2 * g, 2 * g, 2 * g]]) for g in gradients]
        many = moved(many, scaled, (l2, l1), rates)
        for i, state in enumerate(states):
            states[i] = moved(state, gradients, (l2[i], l1[i]), rates[i])
    for i, state in enumerate(states):
        for ours, expected in zip(many.parameters, state.parameters, strict=True):
            np.testing.assert_allclose(ours[0, i], expected, atol=1e-5)


@given(
    W=arrays(np.float64, (2, 3), elements=st.floats(-5, 5, allow_subnormal=False)),
    amount=st.floats(0, 3, allow_subnormal=False),
)
def test_the_soft_threshold_is_the_proximal_step_of_the_absolute_value(W, amount):
    found = soft_threshold(tf.constant(W), amount).numpy()
    assert (np.abs(W) > amount).tolist() == (found != 0).tolist()
    for value, moved in zip(W.ravel(), found.ravel(), strict=True):
        best = scipy.optimize.minimize_scalar(
            lambda x, value=value: (x - value) ** 2 / 2 + amount * abs(x), (-6, 6)
        )
        assert moved == pytest.approx(best.x, abs=1e-5)


@given(
    arrays(np.float64, (2, 3), elements=st.floats(-1e6, 1e6, allow_subnormal=False)),
    st.floats(1e-3, 1e3),
)
def test_clipped_gradients_keep_their_direction_and_get_no_longer(gradient, norm):
    (clipped,) = clip_by_norm([tf.constant(gradient)], norm)
    length = np.linalg.norm(gradient)
    expected = gradient * min(1.0, norm / length) if length else gradient
    np.testing.assert_allclose(clipped, expected, rtol=1e-9, atol=1e-300)


def test_what_is_not_a_number_is_not_clipped_away():
    (clipped,) = clip_by_norm([tf.constant([[float("nan"), 1.0]])], 1.0)
    assert np.isnan(clipped.numpy()).any()
