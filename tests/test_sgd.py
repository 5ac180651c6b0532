import numpy as np
import pytest
import tensorflow as tf

from tfsoftmax.sgd import constant, cosine, descend


def test_many_steps_equal_keras_sgd():
    generator = np.random.default_rng(0)
    start = generator.normal(size=(4, 3)).astype(np.float32)
    gradients = generator.normal(size=(20, 4, 3)).astype(np.float32)
    ours, theirs = tf.constant(start), tf.Variable(start)
    keras_sgd = tf.keras.optimizers.SGD(learning_rate=0.3)
    for gradient in gradients:
        (ours,) = descend([ours], [tf.constant(gradient)], 0.3)
        keras_sgd.apply_gradients([(tf.constant(gradient), theirs)])
    np.testing.assert_array_equal(ours, theirs)


def test_a_gradient_for_every_parameter_or_an_error():
    with pytest.raises(ValueError, match="zip"):
        descend([tf.constant(1.0)], [], 0.1)


def test_cosine_equals_keras():
    keras_cosine = tf.keras.optimizers.schedules.CosineDecay(0.5, decay_steps=100)
    steps = np.arange(0, 120, 7)
    expected = [float(keras_cosine(step)) for step in steps]
    np.testing.assert_allclose(cosine(0.5, 100)(steps), expected, rtol=1e-5, atol=1e-7)


def test_constant_is_constant():
    np.testing.assert_array_equal(constant(0.25)(np.array([0, 5, 10**9])), [0.25] * 3)
