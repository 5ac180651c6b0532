"""The committed model is what its card says, and this code still makes it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsoftmax import Recipe, fit, load_dataset, load_predictor

MODEL = Path(__file__).parents[2] / "savedmodels" / "mnist-reference"
# Versions are only ever added: the first is as an earlier state of this code wrote it.
ARTEFACTS = [MODEL / number / file for number in "12" for file in ("", "model.tflite")]
CARD = (MODEL / "README.md").read_text(encoding="utf-8")


def figure(name):
    return float(re.search(rf"\| {name} \| ([\d.]+)", CARD)[1])


@pytest.mark.parametrize("path", ARTEFACTS, ids=lambda path: path.relative_to(MODEL).as_posix())
def test_it_knows_real_digits(path):
    dataset = load_dataset("mnist5k")
    assert load_predictor(path).evaluate(dataset, dataset.test).accuracy > 0.9


@pytest.mark.parametrize("path", ARTEFACTS, ids=lambda path: path.relative_to(MODEL).as_posix())
def test_its_card_tells_the_truth(path, mnist_dir):
    dataset = load_dataset(f"idx:{mnist_dir}")
    result = load_predictor(path).evaluate(dataset, dataset.test)
    assert round(result.accuracy, 4) == figure("test accuracy")
    assert round(result.log_loss, 4) == figure("test log-loss")


@pytest.mark.parametrize("number", ["1", "2"])
def test_its_record_agrees_with_its_card(number):
    record = json.loads((MODEL / number / "tfsoftmax.json").read_text(encoding="utf-8"))
    last = record["history"][-1]
    assert round(last["test_accuracy"], 4) == figure("test accuracy")
    assert round(last["test_log_loss"], 4) == figure("test log-loss")
    assert record["recipe"]["name"] == "default"


@pytest.mark.slow
@pytest.mark.parametrize("number", ["1", "2"])
def test_this_code_makes_it_again(number, prepared_mnist):
    dataset = load_dataset("mnist", data_dir=prepared_mnist)
    record = json.loads((MODEL / number / "tfsoftmax.json").read_text(encoding="utf-8"))
    choices = {key: value for key, value in record["recipe"].items() if key != "name"}
    # What has become a choice since was made so: no penalty, features where they are.
    model, _ = fit(dataset, Recipe(**choices, l2=0.0, center=False))
    reference = tf.saved_model.load(str(MODEL / number)).model
    np.testing.assert_allclose(model.W.numpy(), reference.W.numpy(), atol=1e-3)
    np.testing.assert_allclose(model.b.numpy(), reference.b.numpy(), atol=1e-3)
