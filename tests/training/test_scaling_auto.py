"""What `standardize="auto"` does with columns that mean 0 and deviation 1 do not suit."""

import json
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from support.marks import slow

from tfsoftmax import Recipe, Scaling, Spec, export_model, fit, from_arrays, load_predictor
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.data import statistics as columns
from tfsoftmax.data.statistics import ColumnStatistics, most_frequent, quantiles
from tfsoftmax.training.prepare import with_scaling
from tfsoftmax.training.scaling import described


def documents(n_samples=2000, n_words=500, n_classes=10):
    """Counts of words after Zipf's law, some words more frequent in each class."""
    generator = np.random.default_rng(7)
    base = 1 / np.arange(1, n_words + 1)
    share = base * np.exp(generator.normal(size=(n_classes, n_words)))
    share /= share.sum(axis=1, keepdims=True)
    labels = generator.integers(n_classes, size=n_samples)
    counts = [generator.multinomial(20, share[label]) for label in labels]
    # As people label texts: one in ten otherwise than its words say.
    other = generator.random(n_samples) < 0.1
    labels[other] = generator.integers(n_classes, size=other.sum())
    return np.array(counts, np.float64), labels


def normal(n_samples=2000, n_features=20, n_classes=5):
    generator = np.random.default_rng(2)
    centers = generator.normal(size=(n_classes, n_features)) * 2 / np.sqrt(n_features)
    labels = generator.integers(n_classes, size=n_samples)
    return centers[labels] + generator.normal(size=(n_samples, n_features)), labels


def dataset_of(features, labels):
    half = len(labels) * 3 // 4
    features = features.astype(np.float32)
    return from_arrays(features[:half], labels[:half], test=(features[half:], labels[half:]))


def scikit_learns_loss(dataset):
    scaler = StandardScaler().fit(dataset.train.features)
    model = LogisticRegression(max_iter=500)
    model.fit(scaler.transform(dataset.train.features), dataset.train.labels)
    answers = model.predict_proba(scaler.transform(dataset.test.features))
    return log_loss(dataset.test.labels, answers)


def tfidf():
    counts, labels = documents()
    return TfidfTransformer().fit_transform(counts).toarray(), labels


def outliers():
    features, labels = normal()
    features[np.random.default_rng(3).random(features.shape) < 0.002] *= 1e4
    return features, labels


def log_normal():
    features, labels = normal()
    return np.exp(1.5 * features), labels


@pytest.mark.slow
@pytest.mark.parametrize("made", [slow(tfidf), documents, outliers, slow(log_normal)])
def test_it_is_better_than_standardising_and_than_scikit_learns_pipeline(made):
    dataset = dataset_of(*made())
    recipe = Recipe(l2=1 / len(dataset.train))  # scikit-learn's C=1
    losses = {
        choice: fit(dataset, recipe.but(standardize=choice)).history.last.test_log_loss
        for choice in ("auto", "on")
    }
    guessing = np.log(dataset.spec.n_classes)
    assert losses["auto"] < 0.9 * guessing
    assert losses["auto"] < losses["on"]
    assert losses["auto"] < 1.05 * scikit_learns_loss(dataset)


def test_each_column_is_scaled_by_what_suits_it():
    generator = np.random.default_rng(0)
    features = np.column_stack(
        [
            generator.normal(50, 10, 1000),
            (generator.random(1000) < 0.1) * generator.normal(3, 1, 1000),
            (generator.random(1000) < 0.1) * generator.normal(3e4, 1e4, 1000),
            generator.normal(0, 1, 1000),
            np.full(1000, 7.0),
            np.zeros(1000),
        ]
    ).astype(np.float32)
    features[0, 3] = 1e6
    dataset = dataset_of(features, np.arange(1000) % 2)
    X = dataset.train.features.astype(np.float64)
    scaling = with_scaling(dataset, "auto").spec.scaling
    low, middle, high = np.quantile(X[:, 3], [0.25, 0.5, 0.75])
    np.testing.assert_allclose(scaling.offset, [X[:, 0].mean(), 0, 0, middle, 7, 0], rtol=1e-6)
    largest = np.abs(X[:, 1:3]).max(axis=0)
    expected = [1 / X[:, 0].std(), *(1 / largest), 1.349 / (high - low), 1, 1]
    np.testing.assert_allclose(scaling.scale, expected, rtol=1e-6)
    assert scaling.limit == 5.0
    assert described(scaling) == (
        "2 standardised, 2 of mostly zeros divided by their size; cut off at -5 and 5"
    )


def test_columns_of_mostly_zeros_are_scaled_as_scikit_learn_scales_them():
    dataset = dataset_of(*tfidf())
    scaling = with_scaling(dataset, "auto").spec.scaling
    sparse = np.array(scaling.offset) == 0
    assert sparse.sum() > 400
    scaler = MaxAbsScaler().fit(dataset.train.features)
    np.testing.assert_allclose(
        np.array(scaling.scale)[sparse], 1 / scaler.scale_[sparse], rtol=1e-6
    )


def test_frequent_words_keep_their_zeros_among_many_rare_ones():
    generator = np.random.default_rng(0)
    words = generator.random((1000, 12)) < [*[0.1] * 8, 0.8, 0.95, 0.8, 0.8]
    features = np.where(words, 2.0, 0.0)
    features[:, -2] *= 1e4
    scaling = with_scaling(dataset_of(features, np.arange(1000) % 2), "auto").spec.scaling
    assert [offset == 0 for offset in scaling.offset] == [*[True] * 9, False, False, True]
    few = with_scaling(dataset_of(features[:, 6:], np.arange(1000) % 2), "auto").spec.scaling
    assert [offset == 0 for offset in few.offset] == [True, True, False, False, False, False]


def test_quartiles_that_are_the_same_leave_the_deviation():
    features = np.full((1000, 1), 3.0)
    features[::200] = [[1e5], [1], [2], [4], [5]]
    scaling = with_scaling(dataset_of(features, np.arange(1000) % 2), "auto").spec.scaling
    train = features[:750].astype(np.float64)
    np.testing.assert_allclose(scaling.scale, 1 / train.std(axis=0), rtol=1e-6)


def test_on_notes_the_columns_that_it_harms(caplog):
    dataset = dataset_of(*documents(400, 100, 3))
    with caplog.at_level(logging.WARNING, "tfsoftmax"):
        scaling = with_scaling(dataset, "on").spec.scaling
    (note,) = caplog.messages
    assert "mostly zeros" in note
    assert 'standardize="auto"' in note
    scaler = StandardScaler().fit(dataset.train.features.astype(np.float64))
    np.testing.assert_allclose(scaling.offset, scaler.mean_, rtol=1e-6)
    assert scaling.limit is None
    caplog.clear()
    with_scaling(dataset_of(*normal()), "on")
    assert not caplog.messages


def test_zeros_are_counted_exactly_in_any_parts():
    values = np.random.default_rng(0).poisson(0.5, size=(500, 4)).astype(np.float32)
    values[np.random.default_rng(1).random(values.shape) < 0.2] = np.nan
    found = ColumnStatistics.none(4)
    for start in range(0, 500, 77):
        found.add(values[start : start + 77])
    np.testing.assert_array_equal(found.zeros, (values == 0).sum(axis=0))
    np.testing.assert_array_equal(found.magnitude, np.nanmax(np.abs(values), axis=0))
    assert not ColumnStatistics.of(np.zeros((9, 1))).mostly_zeros.any()


def test_columns_are_taken_in_groups_to_the_same_figures(monkeypatch, tmp_path):
    values = np.random.default_rng(0).normal(size=(300, 7)).round(1).astype(np.float32)
    values[np.random.default_rng(1).random(values.shape) < 0.2] = np.nan
    np.save(tmp_path / "rows.npy", values)
    rows, wanted = np.load(tmp_path / "rows.npy", mmap_mode="r"), np.arange(7)
    whole = quantiles(rows, wanted, (0.25, 0.5)), most_frequent(rows, wanted)
    np.testing.assert_allclose(whole[0], np.nanquantile(values.astype(float), (0.25, 0.5), axis=0))
    monkeypatch.setattr(columns, "_GROUP_BYTES", 300 * 4 * 2)
    np.testing.assert_array_equal(quantiles(rows, wanted, (0.25, 0.5)), whole[0])
    np.testing.assert_array_equal(most_frequent(rows, wanted), whole[1])


def test_a_scaling_of_before_is_read_and_written_as_it_was():
    old = {"offset": 1.0, "scale": [2.0, 3.0], "fill": None}
    assert Scaling.from_json(old).to_json() == {**old, "scale": (2.0, 3.0)}
    limited = Scaling(limit=5.0, indicators=(1,), fill=(1.0, 2.0))
    assert Scaling.from_json(json.loads(json.dumps(limited.to_json()))) == limited
    spec = {
        "example_shape": [2],
        "dtype": "float32",
        "class_names": ["a", "b"],
        "value_range": None,
    }
    assert Spec.from_json({**spec, "missing": True}).to_json()["missing"] is True
    assert Spec.from_json({**spec, "missing": True}).missing == "mean"
    assert "missing" not in Spec.from_json(spec).to_json()
    assert replace(Spec.from_json(spec), missing="median").to_json()["missing"] == "median"


@pytest.mark.slow
def test_every_form_cuts_numbers_off(tmp_path):
    dataset = dataset_of(*log_normal())
    model, _ = fit(dataset, Recipe(epochs=3, l2=0.001))
    assert model.spec.scaling.limit == 5.0
    formats = ("float32", "float16", "dynamic", "int8", "uint8", "micro", "trainable", "onnx")
    exported = export_model(
        model,
        tmp_path,
        "cut",
        check_on=dataset.test.features,
        calibrate_on=dataset.train.features,
        formats=formats,
    )
    far = np.full((1, 20), 1e30, np.float32)
    scaled = np.full((1, 20), 5.0)
    scores = np.exp(scaled @ model.W.numpy() + model.b.numpy())
    for file in ("", "model.tflite", "model-micro.tflite", "model-trainable.tflite", "model.onnx"):
        found = load_predictor(exported.path / file).probabilities(far)
        np.testing.assert_allclose(found, scores / scores.sum(), atol=1e-4)


def test_the_command_and_the_card_say_how_features_are_scaled(tmp_path):
    counts, labels = documents(300, 30, 3)
    table = pd.DataFrame(counts, columns=[f"word{place}" for place in range(counts.shape[1])])
    table.assign(label=labels).to_csv(tmp_path / "words.csv", index=False)
    arguments = ["--dataset", f"csv:{tmp_path / 'words.csv'}", "--epochs", "2", "--l2", "0.01"]
    arguments += ["--tflite", "none", "--output-dir", str(tmp_path / "out")]
    result = CliRunner().invoke(train_command, arguments)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("features ")]
    sentence = line.removeprefix("features").strip()
    assert "of mostly zeros divided by" in sentence
    card = (tmp_path / "out" / "words" / "1" / "README.md").read_text()
    assert f"| features | {sentence} |" in card
