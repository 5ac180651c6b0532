import numpy as np
import onnxruntime
import pytest

from tfsoftmax import (
    ModelError,
    SoftmaxRegression,
    Spec,
    UsageError,
    export_model,
    load_predictor,
)
from tfsoftmax.export.onnx.convert import import_onnx
from tfsoftmax.export.onnx.predictor import import_onnxruntime


@pytest.fixture(scope="module")
def exported(trained, everything):
    return trained, everything / "model.onnx"


def test_it_answers_as_the_model_in_a_runtime_that_knows_nothing_of_us(exported, digits):
    model, path = exported
    session = onnxruntime.InferenceSession(str(path))
    images = digits.test.features.reshape(-1, 8, 8)
    probabilities, classes = session.run(["probabilities", "class_index"], {"inputs": images})
    expected = model.probabilities(digits.test.features).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(classes, expected.argmax(axis=1))
    assert load_predictor(path).spec == digits.spec


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float32", "float64"])
def test_every_dtype(dtype, tmp_path):
    spec = Spec((5,), dtype, ("a", "b", "c"), (-2, 90) if dtype == "int16" else None)
    model = SoftmaxRegression(spec, np.random.default_rng(0).standard_normal)
    rows = np.random.default_rng(1).integers(0, 9, (40, 5)).astype(dtype)
    result = export_model(model, tmp_path, "m", check_on=rows, formats=("onnx",))
    assert load_predictor(result.path / "model.onnx").spec == spec


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_what_is_no_onnx_model_of_ours(content, tmp_path, exported):
    path = tmp_path / "model.onnx"
    path.write_bytes(exported[1].read_bytes()[:3000] if content is None else content)
    with pytest.raises(ModelError, match="not a model made by tfsoftmax") as caught:
        load_predictor(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "load"), [("onnx", import_onnx), ("onnxruntime", import_onnxruntime)]
)
def test_a_missing_package_is_named_with_its_command(monkeypatch, name, load):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(UsageError, match=r"pip install 'tfsoftmax\[onnx\]'"):
        load()
