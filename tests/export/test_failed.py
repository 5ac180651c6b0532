"""A file that fails its proof is left out, named with the reason, and takes no other with it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tfsoftmax import (
    IncompleteExportError,
    Recipe,
    SoftmaxRegression,
    Spec,
    export_model,
    fit,
    from_arrays,
    load_predictor,
)
from tfsoftmax.cli.main import main


def log_normal(n_samples=400, seed=0):
    """Heavy-tailed columns that nobody scaled, which 8 bits cannot hold, in three classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(3, size=n_samples)
    rows = np.exp(generator.normal(size=(n_samples, 4)) * 1.5 + labels[:, None] * 0.4)
    return rows.astype(np.float32), labels


@pytest.fixture(scope="module")
def dataset():
    rows, labels = log_normal()
    tests, test_labels = log_normal(seed=1)
    return from_arrays(rows, labels, test=(tests, test_labels))


def test_the_others_are_exported_and_the_error_says_what_is_missing(dataset, tmp_path):
    model = fit(
        dataset, Recipe(epochs=20, standardize="off", learning_rate=0.01, l2=0.0, center=False)
    ).model
    with pytest.raises(IncompleteExportError, match="exported without model-int8.tflite") as caught:
        export_model(
            model,
            tmp_path,
            "m",
            check_on=dataset.test.features,
            calibrate_on=dataset.train.features,
            formats=("int8", "float32", "onnx"),
        )
    result = caught.value.result
    assert list(result.parity) == ["saved_model.pb", "model.tflite", "model.onnx"]
    assert set(result.failed) == {"model-int8.tflite"} == set(result.to_json()["failed"])
    assert result.path == tmp_path / "m" / "1"
    for place in (result.path, result.tflite, result.path / "model.onnx"):
        found = load_predictor(place).probabilities(dataset.test.features)
        np.testing.assert_allclose(found, model.probabilities(dataset.test.features), atol=1e-5)
    assert not (result.path / "model-int8.tflite").exists()
    why = result.failed["model-int8.tflite"]
    assert why.startswith("it disagrees with the trained model: same class on ")
    assert json.loads((result.path / "tfsoftmax.json").read_text())["failed"] == result.failed
    assert f"* `model-int8.tflite`: {why}." in (result.path / "README.md").read_text()
    assert "model-int8" not in (result.path / "SHA256SUMS").read_text()


@pytest.mark.slow
def test_commands_print_what_is_there_and_exit_with_1(dataset, tmp_path):
    rows, labels = log_normal()
    lines = [",".join(map(str, row)) for row in rows]
    table = [f"{line},c{label}" for line, label in zip(lines, labels, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,c,d,label", *table]))
    arguments = ["train", "--dataset", f"csv:{tmp_path / 'table.csv'}", "-q"]
    arguments += ["--epochs", "20", "--l2", "0", "--standardize", "off", "--learning-rate", "0.01"]
    arguments += ["--output-dir", str(tmp_path / "models"), "--tflite", "int8,float32"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    version = tmp_path / "models" / "table" / "1"
    assert str(version / "model.tflite") in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {version} is without model-int8.tflite: it disagrees")
    again = CliRunner().invoke(main, ["export", str(version), "--tflite", "uint8", "-q"])
    assert again.exit_code == 1
    assert (version.parent / "2" / "saved_model.pb").is_file()
    assert "2 is without model-uint8.tflite: it disagrees" in again.stderr


@pytest.mark.parametrize("size", [1e36, 1e38])
def test_rows_beyond_what_integers_can_stand_for_do_not_crash(tmp_path, size):
    """The converter's calibration ends the process by a segmentation fault."""
    model = SoftmaxRegression(Spec((4,), "float32", ("a", "b")))
    model.W.assign(np.random.default_rng(0).normal(size=(4, 2)) / size)
    rows = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    with pytest.raises(IncompleteExportError) as caught:
        export_model(
            model,
            tmp_path,
            "m",
            check_on=rows,
            calibrate_on=rows * np.float32(size * 100 if size < 1e37 else size),
            formats=("int8", "uint8", "float32"),
        )
    assert set(caught.value.result.failed) == {"model-int8.tflite", "model-uint8.tflite"}
    assert caught.value.result.tflite.is_file()
    for why in caught.value.result.failed.values():
        assert "calibrate on have scaled features up to" in why


def test_a_converter_that_fails_is_one_line(dataset, tmp_path, monkeypatch):
    from tfsoftmax.export.tflite import trainable

    def fails(*arguments):
        raise RuntimeError("no such kernel\nand a long trace")

    monkeypatch.setattr(trainable, "convert", fails)
    model = SoftmaxRegression(dataset.spec)
    with pytest.raises(IncompleteExportError) as caught:
        export_model(
            model, tmp_path, "m", check_on=dataset.test.features, formats=("trainable", "float32")
        )
    assert caught.value.result.failed == {
        "model-trainable.tflite": "it cannot be made: no such kernel"
    }
    assert caught.value.result.tflite
