import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tfsoftmax import ops

LOGITS = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8),
    elements=st.floats(-1e9, 1e9),
)


@settings(deadline=None)
@given(LOGITS)
def test_softmax_and_its_logarithm_agree_with_scipy(logits):
    tensor = tf.constant(logits)
    np.testing.assert_allclose(ops.softmax(tensor), scipy.special.softmax(logits, axis=1), 1e-12)
    np.testing.assert_allclose(
        ops.log_softmax(tensor),
        scipy.special.log_softmax(logits, axis=1),
        rtol=1e-12,
        atol=1e-15,  # Near 0 it is the logarithm of about 1, whose own rounding this is.
    )


@settings(deadline=None)
@given(LOGITS)
def test_probabilities_sum_to_one(logits):
    np.testing.assert_allclose(tf.reduce_sum(ops.softmax(tf.constant(logits)), 1), 1, 1e-12)


def tutorial_cross_entropy(logits, labels):
    """The tutorial's: one maximum for the whole batch, then the log of a probability."""
    exponentials = np.exp(logits - logits.max())
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    return -np.log(probabilities[np.arange(len(labels)), labels])


def test_logits_of_ten_thousand_survive_where_the_tutorials_formula_does_not():
    logits = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4]], np.float32)
    labels = np.array([1, 2], np.int32)
    with np.errstate(all="ignore"):
        naive = tutorial_cross_entropy(logits, labels)
    assert not np.isfinite(naive).any()
    losses = ops.cross_entropy(tf.constant(logits), tf.constant(labels))
    np.testing.assert_allclose(losses, [2e4, np.log(3)], rtol=1e-6)
    probabilities = ops.softmax(tf.constant(logits))
    np.testing.assert_allclose(probabilities, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)


def test_logits_of_a_billion_survive():
    losses = ops.cross_entropy(tf.constant([[1e9, -1e9], [-1e9, 1e9]]), tf.constant([0, 0]))
    np.testing.assert_allclose(losses, [0, 2e9])


def test_a_class_ruled_out_by_minus_infinity_costs_nothing_to_the_others():
    logits = tf.constant([[0.0, -np.inf, 0.0]])
    np.testing.assert_allclose(ops.cross_entropy(logits, tf.constant([2])), [np.log(2)], 1e-6)


@pytest.mark.parametrize("hopeless", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_not_hidden(hopeless):
    assert np.isnan(ops.cross_entropy(tf.constant([[hopeless, 0.0]]), tf.constant([0]))).all()


def test_cross_entropy_equals_keras():
    generator = np.random.default_rng(1)
    logits = generator.normal(scale=5, size=(40, 7))
    labels = generator.integers(7, size=40).astype(np.int32)
    expected = tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    np.testing.assert_allclose(ops.cross_entropy(tf.constant(logits), labels), expected, 1e-12)


def test_gradient_is_softmax_minus_one_hot():
    generator = np.random.default_rng(2)
    logits = tf.constant(generator.normal(scale=3, size=(30, 5)))
    labels = generator.integers(5, size=30)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = ops.cross_entropy(logits, tf.constant(labels, tf.int32))
    expected = scipy.special.softmax(logits, axis=1) - np.eye(5)[labels]
    np.testing.assert_allclose(tape.gradient(losses, logits), expected, atol=1e-14)


@pytest.mark.parametrize("xla", [False, True])
def test_a_second_call_does_not_trace_again(xla):
    compiled = tf.function(ops.cross_entropy, jit_compile=xla)
    for value in (0.0, 1.0):
        compiled(tf.fill([4, 3], value), tf.constant([0, 1, 2, 0]))
    assert compiled.experimental_get_tracing_count() == 1
