import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from tfsoftmax import ModelError, SoftmaxRegression, Spec


def model_of(spec, seed=0):
    return SoftmaxRegression(spec, np.random.default_rng(seed).standard_normal)


@pytest.mark.parametrize(
    ("dtype", "value_range", "scaled"),
    [
        ("uint8", (0, 255), lambda x: x / 255),
        ("uint8", (0, 16), lambda x: x / 16),
        ("int16", (-100, 100), lambda x: (x + 100) / 200),
        ("float32", None, lambda x: x),
    ],
)
def test_probabilities_from_raw_features_by_the_formula(dtype, value_range, scaled):
    spec = Spec((5,), dtype, ("a", "b", "c"), value_range)
    model = model_of(spec)
    low, high = value_range or (-3, 3)
    raw = np.random.default_rng(1).integers(low, high, size=(8, 5)).astype(dtype)
    logits = scaled(raw.astype(np.float64)) @ model.W.numpy() + model.b.numpy()
    expected = scipy.special.softmax(logits, axis=1)
    np.testing.assert_allclose(model.probabilities(tf.constant(raw)), expected, rtol=2e-4)


def test_variables_are_explicit_and_start_at_zero():
    model = SoftmaxRegression(Spec((28, 28), "uint8", tuple("0123456789"), (0, 255)))
    assert (model.W.shape, model.b.shape) == ((784, 10), (10,))
    assert model.W.dtype == model.b.dtype == tf.float32
    assert not model.W.numpy().any()
    assert not model.b.numpy().any()
    assert [v.name for v in model.trainable_variables] == ["W:0", "b:0"]


def test_predict_takes_flat_rows_and_whole_images():
    spec = Spec((2, 3), "uint8", ("x", "y"), (0, 255))
    model = model_of(spec)
    images = np.random.default_rng(2).integers(256, size=(9, 2, 3)).astype(np.uint8)
    np.testing.assert_array_equal(model.predict(images), model.predict(images.reshape(9, 6)))


def test_rows_of_another_width_are_refused():
    with pytest.raises(ModelError, match="takes 4 features a row, not 5"):
        model_of(Spec((4,), "float32", ("x", "y"))).predict(np.zeros((2, 5), np.float32))
