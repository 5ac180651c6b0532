"""To Keras and back: the same model, also after a file and after training in Keras."""

import re
from dataclasses import replace

import numpy as np
import pytest
from support.raw_tables import frame_of_penguins, model_of_penguins

from tfsoftmax import (
    ConversionError,
    SoftmaxRegression,
    Spec,
    UsageError,
    export_model,
    from_keras,
    load_predictor,
)
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.spec import Scaling
from tfsoftmax.training.scaling import to_float32

keras = pytest.importorskip("keras")
layers = keras.layers

COLUMNS = ("far", "near", "plain")
SPECS = {
    "pixels": Spec((4, 4), "uint8", ("a", "b", "c"), (0, 255)),
    "colours": Spec((2, 2, 3), "uint8", ("a", "b", "c"), (0, 255)),
    "table": Spec(
        (3,),
        "float32",
        ("a", "b", "c"),
        feature_names=COLUMNS,
        scaling=Scaling((1e4, -2.0, 0.0), to_float32(np.array([0.01, 3.7, 1.0]))),
    ),
    "limited": Spec(
        (3,),
        "float32",
        ("no", "yes"),
        scaling=Scaling((1.0, 2.0, 0.0), (0.25, 0.5, 9.0), limit=2.5),
    ),
    "plain": Spec((3,), "float32", ("no", "yes")),
}


def model_of(spec, seed=0):
    generator = np.random.default_rng(seed)
    model = SoftmaxRegression(spec)
    model.W.assign(generator.normal(size=model.W.shape))
    model.b.assign(generator.normal(size=model.b.shape))
    return model


def rows_of(spec, n=50):
    generator = np.random.default_rng(1)
    if spec.dtype == "uint8":
        return generator.integers(0, 256, (n, *spec.example_shape)).astype(np.uint8)
    scaling = spec.scaled_by
    rows = 3 * generator.normal(size=(n, spec.n_features)) / scaling.scale + scaling.offset
    return rows.astype(np.float32)


def assert_same(one, other):
    np.testing.assert_array_equal(one.W, other.W)
    np.testing.assert_array_equal(one.b, other.b)
    assert one.spec == other.spec


@pytest.mark.parametrize("name", SPECS)
def test_keras_has_our_probabilities_and_a_file_of_it_is_our_model(name, tmp_path):
    model = model_of(SPECS[name])
    rows = rows_of(model.spec)
    made = model.to_keras()
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(made.predict(rows, verbose=0), expected, rtol=0, atol=1e-6)
    made.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_same(from_keras(loaded, like=model), model)
    np.testing.assert_array_equal(
        from_keras(loaded, class_names=model.spec.class_names).predict_proba(rows), expected
    )


@pytest.mark.slow
def test_a_model_trained_on_in_keras_comes_back_and_exports(tmp_path):
    model = model_of(SPECS["table"])
    rows = rows_of(model.spec, 200)
    labels = (rows[:, 1] > -2).astype(int) + (rows[:, 2] > 0)
    made = model.to_keras()
    made.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    before = made.evaluate(rows, labels, verbose=0)
    made.fit(rows, labels, epochs=3, verbose=0)
    assert made.evaluate(rows, labels, verbose=0) < before
    trained = from_keras(made, like=model)
    assert not np.array_equal(trained.W, model.W)
    result = export_model(trained, tmp_path, "tuned", check_on=rows)
    table = dict(zip(COLUMNS, rows.T, strict=True))
    for file in (result.path, result.tflite):
        found = load_predictor(file).predict_proba(table)
        np.testing.assert_allclose(found, made.predict(rows, verbose=0), rtol=0, atol=1e-6)


def functional():
    given = keras.Input((2, 3))
    normalization = layers.Normalization(axis=-1, mean=[1.0, 2.0, 3.0], variance=[4.0, 1.0, 0.0])
    scores = layers.Dense(4, use_bias=False)(layers.Flatten()(normalization(given)))
    return keras.Model(given, layers.Activation("softmax")(scores))


MODELS = {
    "functional": functional,
    "logits": lambda: keras.Sequential([keras.Input((3,)), layers.Dense(4)]),
    "sigmoid": lambda: keras.Sequential(
        [keras.Input((3,)), layers.Dropout(0.5), layers.Dense(1, activation="sigmoid")]
    ),
    "rescaled twice": lambda: keras.Sequential(
        [
            keras.Input((2, 2, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Rescaling([1.0, 2.0, 3.0], offset=[0.5, 0.0, -1.0]),
            layers.Flatten(),
            layers.Dense(3),
            layers.Softmax(),
        ]
    ),
    "pixels": lambda: keras.Sequential(
        [
            keras.Input((2, 2)),
            layers.Flatten(),
            layers.Rescaling(1 / 255),
            layers.Dense(2, activation="softmax"),
        ]
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_made_in_keras(name, tmp_path):
    keras.utils.set_random_seed(0)
    made = MODELS[name]()
    rows = np.random.default_rng(0).uniform(0, 200, (20, *made.input_shape[1:])).astype(np.float32)
    if name == "sigmoid":
        rows /= 100
    expected = made.predict(rows, verbose=0)
    if name == "logits":
        expected = np.asarray(keras.ops.softmax(expected))
    if name == "sigmoid":
        expected = np.column_stack([1 - expected, expected])
    model = from_keras(made)
    np.testing.assert_allclose(model.predict_proba(rows), expected, rtol=0, atol=1e-5)
    assert model.spec.class_names == tuple(map(str, range(expected.shape[1])))
    assert model.spec.is_image == (name == "pixels")
    made.save(tmp_path / "model.keras")
    assert_same(from_keras(keras.saving.load_model(tmp_path / "model.keras")), model)


def sequential(*parts, shape=(3,)):
    return keras.Sequential([keras.Input(shape), *parts])


def two_inputs():
    one, other = keras.Input((3,)), keras.Input((3,))
    return keras.Model([one, other], layers.Dense(2)(layers.Add()([one, other])))


REFUSED = {
    "hidden": (lambda: sequential(layers.Dense(3, name="hidden", activation="relu")), "'hidden'"),
    "two": (lambda: sequential(layers.Dense(3), layers.Dense(2, name="top")), "'top'.*second"),
    "convolution": (
        lambda: sequential(layers.Conv2D(2, 2, name="filters"), shape=(4, 4, 1)),
        r"'filters' \(Conv2D\).*Flatten, Rescaling",
    ),
    "no dense": (lambda: sequential(layers.Flatten()), "no Dense layer at its end"),
    "not flat": (lambda: sequential(layers.Dense(2), shape=(3, 3)), "put a Flatten before"),
    "inputs": (two_inputs, "one input"),
    "not built": (lambda: keras.Sequential([layers.Dense(2)]), "give it an Input"),
    "sigmoids": (lambda: sequential(layers.Dense(3, activation="sigmoid")), "of 3 outputs"),
    "after": (
        lambda: sequential(layers.Dense(2, activation="softmax"), layers.Rescaling(2.0)),
        "after the probabilities",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_models_are_refused_by_their_layer(name):
    make, reason = REFUSED[name]
    with pytest.raises(ConversionError, match=reason):
        from_keras(make())


@pytest.mark.slow
def test_what_keras_has_no_layer_for_is_refused_with_what_to_do_instead(tmp_path):
    model, frame = model_of_penguins(40), frame_of_penguins(20)
    with pytest.raises(UsageError, match="fills in missing values") as caught:
        model.to_keras()
    (endpoint,) = re.findall("call_endpoint='(.*)'", str(caught.value))
    folder = export_model(model, tmp_path, "x", check_on=frame, formats=[]).path
    layer = layers.TFSMLayer(str(folder), call_endpoint=endpoint)
    found = layer(keras.ops.convert_to_tensor(rows_for(model.spec, frame)))["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(frame), rtol=0, atol=1e-6)


def test_sparse_rows_are_refused():
    with pytest.raises(UsageError, match="sparse rows of"):
        model_of_penguins(2000).to_keras()


def test_an_encoded_table_is_taken_as_rows_of_features():
    model = model_of_penguins(40, missing=None)
    frame = frame_of_penguins().dropna(subset=["bill depth (mm)", "seen", "adult"])
    encoded = rows_for(model.spec, frame)
    made = model.to_keras()
    expected = model.predict_proba(frame)
    np.testing.assert_allclose(made.predict(encoded, verbose=0), expected, rtol=0, atol=1e-6)
    back = from_keras(made, like=model)
    np.testing.assert_array_equal(back.predict_proba(frame), expected)


def test_names_must_fit():
    made = model_of(SPECS["table"]).to_keras()
    for names in (["a", "b"], ["a", "b", "a"], "abc"):
        with pytest.raises(UsageError, match="class_names must be 3 different names, .* not"):
            from_keras(made, class_names=names)
    other = model_of(replace(SPECS["table"], example_shape=(4,), scaling=None))
    with pytest.raises(UsageError, match=r"like takes rows of shape \(4,\)"):
        from_keras(made, like=other)


def test_summary():
    text = model_of_penguins(40).summary()
    assert "class (category of 3)" in text
    assert "filled in, with an indicator for 7 features" in text
    assert "(x - 0) * 0.00392157" in model_of(SPECS["pixels"]).summary()
