"""Missing values: filled in as scikit-learn does it, and the same wherever the model runs."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from support.datasets import make_dataset
from support.marks import slow

import tfsoftmax
from tfsoftmax import (
    Recipe,
    SourceOptions,
    Spec,
    Split,
    export_model,
    fit,
    from_arrays,
    load_predictor,
    tune,
)
from tfsoftmax.cli.predict import predict as predict_command
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.cli.verify import verify as verify_command
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.training.prepare import with_scaling

STRATEGIES = {
    "mean": {"strategy": "mean"},
    "median": {"strategy": "median"},
    "most_frequent": {"strategy": "most_frequent"},
    "indicator": {"strategy": "mean", "add_indicator": True},
}
# Differ from the mean in the numbers that are filled in, and in nothing else.
MORE_STRATEGIES = ("median", "most_frequent")
QUICK = ("--epochs", "3", "--l2", "0.01")
FORMS = ("float32", "float16", "dynamic", "int8", "uint8", "micro", "trainable", "onnx")


def gaps(missing, n_train=240, share=0.2):
    """Columns in steps, so that values occur twice; the last misses nothing in training."""
    dataset = make_dataset(n_train=n_train, n_test=60)
    generator = np.random.default_rng(1)
    for split in dataset.splits().values():
        split.features[:] = (split.features * 2).round() / 2 * np.float32([1, 10, 1, 5, 1, 1])
        holes = generator.random(split.features.shape) < share
        # Whether the first is missing says something of the class.
        holes[:, 0] |= (split.labels == 2) & (generator.random(len(split)) < 0.7)
        holes[:, -1] &= split is dataset.test
        split.features[holes] = np.nan
    spec = replace(dataset.spec, missing=missing, feature_names=tuple("abcdef"))
    return replace(dataset, spec=spec)


def probabilities_by_hand(dataset, model):
    """From scikit-learn's imputer and scaling by the formula."""
    imputer = SimpleImputer(**STRATEGIES[dataset.spec.missing])
    imputer.fit(dataset.train.features.astype(np.float64))
    filled = imputer.transform(dataset.test.features.astype(np.float64))
    scaling, n_features = model.spec.scaling, dataset.spec.n_features
    filled[:, :n_features] -= scaling.offset
    filled[:, :n_features] *= scaling.scale
    scores = np.exp(filled @ model.W.numpy() + model.b.numpy())
    return scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "missing",
    [slow("mean"), "indicator", *(slow(m) for m in MORE_STRATEGIES)],
)
def test_every_form_fills_in_as_scikit_learn_does_it(tmp_path, missing):
    dataset = gaps(missing)
    model, _ = fit(dataset, Recipe(epochs=10, standardize="on", l2=1e-3))
    assert model.W.shape[0] == model.spec.n_inputs == (11 if missing == "indicator" else 6)
    exported = export_model(
        model,
        tmp_path,
        missing,
        check_on=dataset.test.features,
        calibrate_on=dataset.train.features,
        formats=FORMS,
    )
    expected = probabilities_by_hand(dataset, model)
    exact = ("", "model.tflite", "model-micro.tflite", "model-trainable.tflite", "model.onnx")
    for name in exact:
        predictor = load_predictor(exported.path / name)
        assert predictor.spec == model.spec
        np.testing.assert_allclose(
            predictor.probabilities(dataset.test.features), expected, atol=1e-5
        )
    for name in ("float16", "dynamic", "int8", "uint8"):
        found = load_predictor(exported.path / f"model-{name}.tflite")
        same = found.probabilities(dataset.test.features).argmax(1) == expected.argmax(1)
        assert same.mean() > 0.9


@pytest.mark.parametrize("missing", STRATEGIES)
def test_what_is_filled_in_is_the_training_rows_own(missing):
    dataset = gaps(missing)
    imputer = SimpleImputer(**STRATEGIES[missing]).fit(dataset.train.features.astype(np.float64))
    scaling = with_scaling(dataset, "off").spec.scaling
    np.testing.assert_allclose(scaling.fill, imputer.statistics_, rtol=1e-6)
    told = imputer.indicator_.features_.tolist() if missing == "indicator" else []
    assert list(scaling.indicators) == told
    raw = dataset.test.features.astype(np.float64)
    np.testing.assert_allclose(scaling.apply(raw), imputer.transform(raw), rtol=1e-6)


@pytest.mark.slow
def test_an_indicator_learns_from_what_is_missing():
    losses = {
        missing: fit(gaps(missing, n_train=2000), Recipe(l2=0.001)).history.last.test_log_loss
        for missing in ("mean", "indicator")
    }
    assert losses["indicator"] < 0.95 * losses["mean"]


@pytest.mark.slow
def test_an_indicator_reaches_scikit_learns_optimum():
    dataset = gaps("indicator")
    recipe = Recipe(epochs=150, batch_size=240, l2=0.05, standardize="on")
    model, history = fit(dataset, recipe)
    imputer = SimpleImputer(add_indicator=True).fit(dataset.train.features)
    X = model.spec.scaling.apply(dataset.train.features)
    assert X.shape == imputer.transform(dataset.train.features).shape
    oracle = LogisticRegression(C=1 / (0.05 * len(X)), tol=1e-8, max_iter=5000)
    oracle.fit(X, dataset.train.labels)
    np.testing.assert_allclose(model.W.numpy().T, oracle.coef_, atol=2e-3)
    found = tfsoftmax.diagnose(model, dataset, history)
    assert found.verdict == "converged"


@pytest.mark.slow
def test_tuning_and_warm_starting_keep_indicators():
    dataset = gaps("indicator")
    tuning = tune(dataset, Recipe(epochs=3, l2=1e-3), l2=(1e-3, 0.1), folds=3)
    model, _ = fit(dataset, tuning.best)
    start, aligned = tfsoftmax.warm_start(model, dataset)
    again, _ = fit(aligned, Recipe(epochs=1, learning_rate=1e-9, l2=1e-3), start=start)
    assert again.spec.scaling == model.spec.scaling
    np.testing.assert_allclose(again.W, model.W, atol=1e-5)


@pytest.mark.slow
def test_a_device_trains_the_indicators_weights_too(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    dataset = gaps("indicator")
    model, _ = fit(dataset, Recipe(epochs=2, l2=1e-3))
    exported = export_model(
        model, tmp_path, "device", check_on=dataset.test.features, formats=("trainable",)
    )
    runner = Interpreter(str(exported.path / "model-trainable.tflite"))
    weights = runner.get_signature_runner("get_weights")
    before = weights()["W"]
    train, details = (runner.get_signature_runner("train") for _ in range(2))
    rate = details.get_input_details()["learning_rate"]["shape"]
    rows = dataset.train
    train(inputs=rows.features, labels=rows.labels, learning_rate=np.full(rate, 0.1, np.float32))
    X = model.spec.scaling.apply(rows.features)
    scores = np.exp(X @ model.W.numpy() + model.b.numpy())
    wrong = scores / scores.sum(axis=1, keepdims=True) - np.eye(3)[rows.labels]
    np.testing.assert_allclose(weights()["W"], before - 0.1 * X.T @ wrong / len(X), atol=1e-5)


def test_a_column_without_any_value_is_named():
    features = np.float32([[1, np.nan], [2, np.nan], [3, np.nan], [4, np.nan], [5, 6], [6, 7]])
    options = SourceOptions(missing="median")
    dataset = from_arrays(features[:4], [0, 1, 0, 1], test=(features[4:], [0, 1]), options=options)
    with pytest.raises(
        DataError, match=r"'feature 1' has no value in any of the 4 training rows.*leave it out$"
    ):
        fit(dataset)  # Of arrays there is no option that does.


def test_other_kinds_are_refused():
    with pytest.raises(UsageError, match="missing must be one of error, mean, median"):
        SourceOptions(missing="mode")
    with pytest.raises(ValueError, match="missing must be one of mean, median"):
        Spec((2,), "float32", ("a", "b"), missing="mode")


def test_the_checksum_of_data_whose_means_are_filled_in_stays():
    rows = Split(np.float32([[1, np.nan], [3, 4]]), np.int32([0, 1]))
    specs = [Spec((2,), "float32", ("a", "b"), missing=kind) for kind in ("mean", True, "median")]
    sums = [tfsoftmax.Dataset("tiny", spec, rows, rows).sha256() for spec in specs]
    assert sums[0] == sums[1] != sums[2]
    assert sums[0].startswith("b36292ce764d5c30")


def test_from_a_table_to_predictions(tmp_path):
    dataset = gaps("indicator")
    table = pd.DataFrame(dataset.train.features, columns=list("abcdef"))
    table.assign(label=dataset.train.labels).to_csv(tmp_path / "gaps.csv", index=False)
    run = CliRunner().invoke
    arguments = ["--dataset", f"csv:{tmp_path / 'gaps.csv'}", "--missing", "indicator", "--onnx"]
    arguments += ["--tflite", "float32,int8,micro", "--trainable"]
    result = run(train_command, [*arguments, *QUICK, "--output-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    folder = tmp_path / "gaps" / "1"
    record = json.loads((folder / "tfsoftmax.json").read_text())
    assert record["spec"]["missing"] == "indicator"
    assert len(record["spec"]["scaling"]["indicators"]) == 5
    result = run(predict_command, [str(folder), str(tmp_path / "gaps.csv"), "--json"])
    assert result.exit_code == 0, result.output
    result = run(verify_command, [str(folder)])
    assert result.exit_code == 0, result.output
