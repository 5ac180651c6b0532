"""Rows that stay in their file are answered as those same rows in memory are."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from support.datasets import make_dataset

from tfsoftmax import Recipe, evaluate, export_model, fit, load_dataset, load_predictor
from tfsoftmax.cli.main import main as group
from tfsoftmax.data.features import ChosenRows


def written(folder, kind):
    rows = make_dataset(n_train=100).train
    features, labels = rows.features, rows.labels
    if kind == "uint8":
        features = np.clip(features * 40 + 100, 0, 255).astype(np.uint8)
    if kind == "npy":
        np.save(folder / "features.npy", features)
        np.save(folder / "labels.npy", labels)
        return f"npy:{folder}"
    np.savez(folder / "rows.npz", features=features, labels=labels)
    return f"npz:{folder / 'rows.npz'}"


@pytest.mark.parametrize("kind", ["float32", "uint8", "npy"])
def test_only_the_rows_that_are_asked_for_are_answered(tmp_path, kind):
    dataset = load_dataset(written(tmp_path, kind))
    test = dataset.test
    assert isinstance(test.features, ChosenRows)
    rows = np.asarray(test.features)
    assert rows.shape == (20, 6)
    np.testing.assert_array_equal(test.features[3], rows[3])
    model = fit(dataset, Recipe(epochs=3, l2=1e-3)).model
    for answers in (model.predict, model.predict_proba):
        np.testing.assert_array_equal(answers(test.features), answers(rows))
    names = np.array(dataset.spec.class_names)[test.labels]
    accuracy = (model.predict(test.features) == names).mean()
    assert evaluate(model, test).accuracy == pytest.approx(accuracy)
    exported = export_model(model, tmp_path, "m", check_on=test.features)
    assert {parity.n_samples for parity in exported.parity.values()} == {20}
    assert load_predictor(exported.tflite).evaluate(dataset, test).accuracy == accuracy


def test_the_commands_measure_and_verify_them(tmp_path):
    name = written(tmp_path, "float32")
    out = ["--output-dir", str(tmp_path / "out"), "--epochs", "3", "--l2", "0.1"]
    trained = CliRunner().invoke(group, ["train", "--dataset", name, *out, "--json", "-q"])
    record = json.loads(trained.stdout)
    assert record["model"]["parity"]["saved_model.pb"]["n_samples"] == 20
    model = str(tmp_path / "out" / "rows")
    measured = CliRunner().invoke(group, ["evaluate", model, "--dataset", name, "--json"])
    assert json.loads(measured.stdout)["accuracy"] == record["test"]["accuracy"]
    verified = CliRunner().invoke(group, ["verify", model, "--json", "-q"])
    assert json.loads(verified.stdout)["holds"], verified.output
