"""TFLite files of every kind, run by LiteRT, and what they say of themselves."""

import io
import json
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from support.datasets import make_dataset

from tfsoftmax import (
    RECIPES,
    SoftmaxRegression,
    Spec,
    UsageError,
    export_model,
    fit,
    load_predictor,
)
from tfsoftmax.export.formats import FORMATS, Ingredients
from tfsoftmax.export.saved_model import ExportedModel
from tfsoftmax.export.tflite import convert as tflite
from tfsoftmax.export.tflite import trainable
from tfsoftmax.training.prepare import resolve
from tfsoftmax.training.trainer import Trainer

TFLITE = tuple(name for name in FORMATS if name != "onnx")


@pytest.fixture(scope="module")
def version(everything):
    return everything


@pytest.fixture(scope="module")
def mnist_sized(tmp_path_factory):
    """The exported form of a model of MNIST's size, weights made up."""
    labels = tmp_path_factory.mktemp("labels") / "labels.txt"
    labels.write_text("")
    spec = Spec((28, 28), "uint8", tuple("0123456789"), (0, 255))
    model = SoftmaxRegression(spec, lambda shape: np.random.default_rng(0).normal(size=shape) / 9)
    return ExportedModel(model, labels)


@pytest.mark.parametrize(
    ("kind", "most"),
    [("float32", 33_000), ("float16", 18_000), ("dynamic", 10_000), ("int8", 10_500)],
)
def test_sizes_for_784_by_10(mnist_sized, kind, most):
    """Of the model itself: without the metadata in it and the files attached to it."""
    rows = np.random.default_rng(0).integers(0, 256, (50, 784), np.uint8)
    content = FORMATS[kind].make(Ingredients(mnist_sized, "m", rows))
    attached = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("tfsoftmax.json"))
    packed = content[: attached["model"]["bytes"]]
    assert len(packed) - len(standard_metadata(packed)) <= most


def standard_metadata(packed):
    model = schema.ModelT.InitFromPackedBuf(packed)
    (entry,) = [one for one in model.metadata if one.name == b"TFLITE_METADATA"]
    return bytes(model.buffers[entry.buffer].data)


@pytest.mark.parametrize("name", TFLITE)
def test_every_kind_answers_as_the_model(version, trained, digits, name):
    artefact = FORMATS[name]
    found = load_predictor(version / artefact.file).probabilities(
        digits.test.features.reshape(-1, 8, 8)
    )
    expected = trained.probabilities(digits.test.features).numpy()
    agree = (found.argmax(axis=1) == expected.argmax(axis=1)).mean()
    assert agree >= artefact.demand.same_class - 1 / len(expected)
    tolerance = {"float16": 1e-3, "dynamic": 0.05, "int8": 0.05, "uint8": 0.05}.get(name, 1e-5)
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("name", TFLITE)
def test_only_built_in_operations(version, name):
    content = (version / FORMATS[name].file).read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content)
    assert all(code.customCode is None for code in model.operatorCodes)
    flex = [code for code in model.operatorCodes if code.builtinCode == 32]  # CUSTOM
    assert not flex


def test_raw_pixels_feed_straight_into_uint8(mnist_sized):
    rows = np.random.default_rng(0).integers(0, 256, (300, 784), np.uint8)
    interpreter = Interpreter(model_content=tflite.convert(mnist_sized, "uint8", rows))
    runner = interpreter.get_signature_runner("serving_default")
    scale, zero = runner.get_input_details()["inputs"]["quantization"]
    assert (scale, zero) == (pytest.approx(1 / 255), 0)
    answer = runner(inputs=rows.reshape(-1, 28, 28))["probabilities"]
    assert answer.dtype == np.uint8
    same = answer.argmax(axis=1) == mnist_sized.model.probabilities(rows).numpy().argmax(axis=1)
    assert same.mean() > 0.95


@pytest.mark.slow
def test_integer_kinds_of_a_table(tmp_path):
    dataset = make_dataset(n_train=500, n_test=300)
    model = fit(dataset, RECIPES["default"].but(epochs=30, l2=0.001)).model
    result = export_model(
        model,
        tmp_path,
        "table",
        check_on=dataset.test.features,
        calibrate_on=dataset.train.features,
        formats=("int8", "uint8", "float16", "dynamic"),
    )
    assert result.tflite is None
    assert all(parity.holds for parity in result.parity.values())


def test_integer_kinds_need_rows(trained, digits, tmp_path):
    with pytest.raises(
        UsageError, match=r"int8 needs training rows .*; give them with calibrate_on"
    ):
        export_model(trained, tmp_path, "m", check_on=digits.test.features, formats=("int8",))
    assert not list(tmp_path.iterdir())


def test_unknown_formats_and_such_that_do_not_suit(made, digits, trained, tmp_path):
    with pytest.raises(UsageError, match="format must be one of float32"):
        export_model(trained, tmp_path, "m", check_on=digits.test.features, formats=("float8",))
    model = SoftmaxRegression(made.spec)
    with pytest.raises(UsageError, match="for models of images"):
        export_model(model, tmp_path, "m", check_on=made.test.features, formats=("mediapipe",))
    assert not list(tmp_path.iterdir())


def runners(content):
    interpreter = Interpreter(model_content=content)
    return {name: interpreter.get_signature_runner(name) for name in trainable.SIGNATURES}


def test_the_trainable_file_takes_our_trainers_steps(digits):
    """From zeros, driven only by LiteRT; the same batches, the same learning rates."""
    model = SoftmaxRegression(digits.spec)
    learn = runners(trainable.convert(model))
    recipe = RECIPES["default"].but(
        epochs=2, batch_size=50, learning_rate=0.5, l2=0.0, center=False
    )
    trainer = Trainer(model, digits.train, resolve(recipe, digits))
    rates = iter(trainer.loop.learning_rates(0, 2 * trainer.feed.steps))
    for epoch in range(2):
        order = next(trainer.feed.epoch(epoch)).order.ravel()[: len(digits.train)]
        for first in range(0, len(order), 50):
            rows = order[first : first + 50]
            learn["train"](
                inputs=digits.train.features[rows].reshape(-1, 8, 8),
                labels=digits.train.labels[rows],
                learning_rate=np.float32([next(rates)]),
            )
        trainer.run_epoch(epoch)
    weights = learn["get_weights"]()
    np.testing.assert_allclose(weights["W"], model.W, atol=1e-5)
    np.testing.assert_allclose(weights["b"], model.b, atol=1e-5)
    assert np.abs(weights["W"]).max() > 0.1


def test_the_learning_rate_is_a_list_of_one(digits):
    """Resizing a scalar input crashes LiteRT 1.4 to 2.3 on arm64."""
    train = runners(trainable.convert(SoftmaxRegression(digits.spec)))["train"]
    assert list(train.get_input_details()["learning_rate"]["shape_signature"]) == [1]


def test_weights_can_be_carried_from_one_device_to_another(trained, digits):
    start = runners(trainable.convert(SoftmaxRegression(digits.spec)))
    images = digits.test.features.reshape(-1, 8, 8)
    np.testing.assert_allclose(start["infer"](inputs=images)["probabilities"], 0.1, atol=1e-6)
    start["set_weights"](W=trained.W.numpy(), b=trained.b.numpy())
    np.testing.assert_allclose(
        start["infer"](inputs=images)["probabilities"],
        trained.probabilities(digits.test.features),
        atol=1e-5,
    )


@pytest.mark.slow
def test_the_trainable_file_learns_mnist(mnist_dir):
    from tfsoftmax import load_dataset

    mnist = load_dataset(f"idx:{mnist_dir}")
    learn = runners(trainable.convert(SoftmaxRegression(mnist.spec)))
    order = np.random.default_rng(0).permutation(60_000)
    for first in range(0, 60_000, 64):
        rows = np.sort(order[first : first + 64])
        learn["train"](
            inputs=mnist.train.features[rows].reshape(-1, 28, 28),
            labels=mnist.train.labels[rows],
            learning_rate=np.float32([0.3]),
        )
    answer = learn["infer"](inputs=mnist.test.features.reshape(-1, 28, 28))["probabilities"]
    assert np.mean(answer.argmax(axis=1) == mnist.test.labels) >= 0.90


def test_metadata_is_the_standards(version):
    """Read with the generated code that mediapipe ships, where that is installed."""
    metadata = pytest.importorskip(
        "mediapipe.tasks.metadata.metadata_schema_py_generated",
        reason="needs mediapipe",
        exc_type=ImportError,
    )
    content = (version / "model.tflite").read_bytes()
    packed = standard_metadata(content)
    assert metadata.ModelMetadata.ModelMetadataBufferHasIdentifier(packed, 0)
    described = metadata.ModelMetadataT.InitFromPackedBuf(packed, 0)
    (graph,) = described.subgraphMetadata
    (inputs,), (outputs,) = graph.inputTensorMetadata, graph.outputTensorMetadata
    assert described.name == b"digits"
    assert inputs.content.contentProperties.colorSpace == metadata.ColorSpaceType.GRAYSCALE
    assert list(inputs.stats.max), list(inputs.stats.min) == ([16.0], [0.0])
    (labels,) = outputs.associatedFiles
    assert labels.name == b"labels.txt"
    assert labels.type == metadata.AssociatedFileType.TENSOR_AXIS_LABELS
