"""A model that may abstain: the same threshold in every form, and what it is worth."""

import numpy as np
import pytest
import tensorflow as tf
from support.commands import run

from tfsoftmax import Recipe, evaluate, export_model, fit, load_predictor
from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.export.saved_model import SIGNATURE

THRESHOLD = 0.9


@pytest.fixture(scope="module")
def exported(digits, tmp_path_factory):
    model, _ = fit(digits, Recipe(epochs=5, reject_below=THRESHOLD, l2=1e-3))
    folder = tmp_path_factory.mktemp("models")
    formats = ("float32", "float16", "dynamic", "int8", "mediapipe", "trainable", "micro", "onnx")
    rows = {"check_on": digits.test.features, "calibrate_on": digits.train.features}
    return model, export_model(model, folder, "digits", formats=formats, **rows)


def expected(model, rows):
    return model.probabilities(rows).numpy().max(axis=1) < np.float32(THRESHOLD)


def test_the_saved_model_says_which_rows_it_abstains_on(exported, digits):
    model, result = exported
    rows = digits.test.features[:]
    served = tf.saved_model.load(str(result.path)).signatures[SIGNATURE]
    found = served(inputs=tf.constant(rows.reshape(-1, 8, 8)))["abstain"].numpy()
    np.testing.assert_array_equal(found, expected(model, rows))
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("kind", ["model", "model-float16", "model-dynamic", "model-micro"])
def test_float_tflite_files_do_too(exported, digits, kind):
    from ai_edge_litert.interpreter import Interpreter

    model, result = exported
    rows = digits.test.features[:]
    runner = Interpreter(str(result.path / f"{kind}.tflite")).get_signature_runner()
    wanted = np.float32 if kind == "model-micro" else np.uint8
    found = runner(inputs=rows.reshape(-1, 8, 8).astype(wanted))["abstain"]
    assert np.mean(found == expected(model, rows)) > (0.98 if kind != "model" else 0.999)


def test_onnx_does_too(exported, digits):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, result = exported
    rows = digits.test.features[:]
    session = onnxruntime.InferenceSession(str(result.path / "model.onnx"))
    (found,) = session.run(["abstain"], {"inputs": rows.reshape(-1, 8, 8)})
    np.testing.assert_array_equal(found, expected(model, rows))


def test_evaluation_says_how_many_rows_are_answered_and_how_rightly(exported, digits):
    model, result = exported
    probabilities = model.probabilities(digits.test.features[:]).numpy()
    answered = probabilities.max(axis=1) >= np.float32(THRESHOLD)
    right = probabilities.argmax(axis=1) == digits.test.labels
    for found in (
        evaluate(model, digits.test),
        load_predictor(result.path).evaluate(digits, digits.test),
    ):
        assert found.answered == answered.mean()
        assert found.answered_accuracy == right[answered].mean() > right.mean()


@pytest.mark.slow
def test_a_model_without_a_threshold_has_no_such_output(digits, tmp_path):
    model, _ = fit(digits, Recipe(epochs=1, l2=1e-3))
    result = export_model(model, tmp_path, "digits", check_on=digits.test.features)
    served = tf.saved_model.load(str(result.path)).signatures[SIGNATURE]
    assert set(served.structured_outputs) == {"probabilities", "class_index", "label"}
    assert evaluate(model, digits.test).answered is None


@pytest.mark.slow
def test_the_commands_take_and_show_it(tmp_path):
    arguments = ["--dataset", "digits", "--epochs", "2", "--l2", "0.0007", "--reject-below", "0.7"]
    result = run(train_command, *arguments, "--output-dir", tmp_path)
    assert "answers        0." in result.stdout
    picture = tmp_path / "gray.npy"
    np.save(picture, np.full((1, 64), 8, np.uint8))
    result = run(group, "predict", tmp_path / "digits", picture)
    assert result.stdout.rstrip().endswith("\tabstains")
    result = run(group, "evaluate", tmp_path / "digits", "--dataset", "digits")
    assert "answers   0." in result.stdout
