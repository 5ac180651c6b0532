"""A format is a row: one that is added in memory is found wherever there is something to say."""

import importlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from support.commands import run

from tfsoftmax import Recipe, UsageError, export_model, fit, load_dataset, load_predictor
from tfsoftmax.cli import export as export_module
from tfsoftmax.export.formats import FORMATS, Format, FormatOption
from tfsoftmax.export.predictor import Predictor

ROUNDING = FormatOption(
    "toy_decimals",
    least=1,
    most=9,
    help="Decimals that toy files keep.",
    note=lambda decimals: f"Toy files keep {decimals} decimals.",
)


def make(ingredients):
    model, content = ingredients.exported.model, io.BytesIO()
    W, b = model.W.numpy(), model.b.numpy()
    if decimals := ingredients.options.get("toy_decimals"):
        W = W.round(decimals)
    np.savez(content, W=W, b=b)
    return content.getvalue()


class ToyPredictor(Predictor):
    def __init__(self, path):
        self.path, self.spec = path, load_dataset("digits").spec
        with np.load(path) as arrays:
            self.W, self.b = arrays["W"], arrays["b"]

    def raw_probabilities(self, examples):
        rows = self.spec.scaled_by.apply(examples.reshape(len(examples), -1))
        return scipy.special.softmax(rows @ self.W + self.b, axis=1).astype(np.float32)


TOY = Format(
    "toy",
    "model.toy",
    "W and b as NumPy keeps them",
    make,
    ToyPredictor,
    lambda content: "NumPy 1.0",
    options=(ROUNDING,),
)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(FORMATS, "toy", TOY)
    yield importlib.reload(export_module).export
    monkeypatch.undo()
    importlib.reload(export_module)


@pytest.fixture(scope="module")
def model(digits):
    return fit(digits, Recipe(epochs=3, l2=0.0007)).model


def test_a_row_is_all_that_a_format_takes(toy, model, digits, tmp_path):
    text = " ".join(run(toy, "--help").stdout.split())
    assert "--toy Write model.toy, too: W and b as NumPy keeps them." in text
    assert "--toy-decimals N Decimals that toy files keep." in text
    first = export_model(model, tmp_path, "m", check_on=digits.test.features, formats=())
    arguments = ["--toy", "--toy-decimals", "7", "--tflite", "none", "-q"]
    result = run(toy, first.path, *arguments)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"  model\.toy +same class on 360 of 360 rows", result.stdout)
    version = tmp_path / "m" / "2"
    facts = json.loads((version / "tfsoftmax.json").read_text())
    assert facts["parity"]["model.toy"]["holds"]
    assert facts["needs"] == {"model.toy": "NumPy 1.0"}
    assert facts["toy_decimals"] == 7
    card = (version / "README.md").read_text()
    assert "Toy files keep 7 decimals." in card
    assert "| NumPy 1.0 | 360 of 360 |" in card
    assert "model.toy" in (version / "SHA256SUMS").read_text()
    found = load_predictor(version / "model.toy").probabilities(digits.test.features)
    np.testing.assert_allclose(found, model.predict_proba(digits.test.features), atol=1e-5)


@pytest.mark.slow
def test_one_that_disagrees_is_left_out(toy, model, digits, tmp_path):
    first = export_model(model, tmp_path, "m", check_on=digits.test.features, formats=())
    result = run(toy, first.path, "--toy", "--toy-decimals", "1", "--tflite", "none", "-q")
    assert result.exit_code == 1
    assert "is without model.toy: it disagrees with the trained model" in result.stderr


def test_options_are_those_of_the_formats(model, digits, tmp_path):
    with pytest.raises(UsageError, match="has no 'tflite_bach'; did you mean 'tflite_batch'"):
        export_model(model, tmp_path, "m", check_on=digits.test.features, tflite_bach=1)


def test_the_readme_says_of_each_format_what_its_row_says():
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    for row in FORMATS.values():
        asked = f"--tflite {row.name}" if row.listed else f"--{row.name}"
        assert f"| `{row.file}` | `{asked}` | {row.about} |" in readme
