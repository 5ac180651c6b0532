import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsoftmax.training.sgd.schedules import (
    constant,
    cosine,
    exponential,
    inverse,
    staircase,
    tail_weights,
    warmed_up,
)

STEPS = np.arange(0, 120, 7)
KERAS = tf.keras.optimizers.schedules


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (cosine(0.5, 100), KERAS.CosineDecay(0.5, 100)),
        (staircase(0.5, 0.3, 20), KERAS.ExponentialDecay(0.5, 20, 0.3, staircase=True)),
        (exponential(0.5, 0.3, 20), KERAS.ExponentialDecay(0.5, 20, 0.3)),
        (inverse(0.5, 1.0, 20), KERAS.InverseTimeDecay(0.5, 20, 1.0)),
        (
            # Keras's warm-up begins at its initial rate and ends at the target.
            warmed_up(cosine(0.5, 60), 40),
            KERAS.CosineDecay(0.5 / 41, 60, warmup_target=0.5, warmup_steps=40),
        ),
    ],
)
def test_schedules_equal_keras(ours, theirs):
    expected = [float(theirs(step)) for step in STEPS]
    np.testing.assert_allclose(ours(STEPS), expected, rtol=1e-5, atol=1e-7)


def test_inverse_with_period_1_is_scikit_learns_invscaling():
    """eta0 / t^power_t, t counted from 1 (sklearn.linear_model.SGDClassifier)."""
    np.testing.assert_allclose(inverse(0.5, 0.25, 1)(STEPS), 0.5 / (STEPS + 1) ** 0.25)


def test_constant_is_constant():
    np.testing.assert_array_equal(constant(0.25)(np.array([0, 5, 10**9])), [0.25] * 3)


@given(
    schedule=st.sampled_from(
        [constant(0.1), cosine(0.1, 50), staircase(0.1, 0.5, 9), inverse(0.1, 0.7, 9)]
    ),
    warmup=st.integers(1, 60),
)
def test_a_warm_up_climbs_to_the_schedule_and_hands_over(schedule, warmup):
    rates = warmed_up(schedule, warmup)(np.arange(200))
    assert (np.diff(rates[: warmup + 1]) > 0).all()
    np.testing.assert_allclose(rates[warmup:], schedule(np.arange(200 - warmup)))
    assert rates[0] > 0


@given(first=st.integers(0, 30))
def test_tail_weights_make_a_plain_mean(first):
    values = np.random.default_rng(first).normal(size=40)
    mean = 0.0
    for value, weight in zip(values, tail_weights(first)(np.arange(40)), strict=True):
        mean += weight * (value - mean)
    assert mean == pytest.approx(values[first:].mean())
