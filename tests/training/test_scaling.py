"""Scaling and missing values: found in the rows, and the same wherever the model runs."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from support.datasets import make_dataset
from support.marks import slow

from tfsoftmax import Recipe, Scaling, Spec, Split, export_model, fit, from_arrays, load_predictor
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.statistics import ColumnStatistics
from tfsoftmax.training.prepare import with_scaling


def uneven(n_train=80, missing=0.0):
    """Columns of scales from 1e-4 to 1e5, far from 0, and some values missing."""
    dataset = make_dataset(n_train=n_train, n_test=40)
    generator = np.random.default_rng(1)
    for split in dataset.splits().values():
        split.features[:] *= np.float32([1e-4, 1e-2, 1, 1e2, 1e3, 1e5])
        split.features[:] += np.float32([1e-3, 1, -50, 1e3, 1e4, 3e6])
        split.features[generator.random(split.features.shape) < missing] = np.nan
    return replace(dataset, spec=replace(dataset.spec, missing=missing > 0))


def test_columns_are_standardised_as_scikit_learn_does_it():
    dataset = uneven()
    scaler = StandardScaler().fit(dataset.train.features.astype(np.float64))
    scaling = with_scaling(dataset, "auto").spec.scaling
    np.testing.assert_allclose(scaling.offset, scaler.mean_, rtol=1e-6)
    np.testing.assert_allclose(scaling.scale, 1 / scaler.scale_, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "standardize", "expected"),
    [
        (np.float32([[0.5, -1], [-0.5, 1]]), "auto", Scaling()),
        (np.float32([[0.5, -1], [-0.5, 1]]), "on", Scaling((0.0, 0.0), (2.0, 1.0))),
        (np.float32([[100, 7], [300, 7]]), "auto", Scaling((200.0, 7.0), (2.0**-7, 1.0))),
        (np.float32([[100, 7], [300, 7]]), "off", None),
        (np.uint8([[0, 3], [16, 5]]), "auto", Scaling(0.0, 1 / 16)),
        (np.uint8([[4, 4], [4, 4]]), "auto", Scaling(4.0)),
    ],
)
def test_what_is_scaled_and_how(values, standardize, expected):
    dataset = make_dataset(n_features=2)
    spec = Spec((2,), values.dtype.name, ("a", "b"))
    rows = Split(values, np.int32([0, 1]))
    scaling = with_scaling(replace(dataset, spec=spec, train=rows, test=rows), standardize)
    found = scaling.spec.scaling
    if expected and expected.scale == (2.0**-7, 1.0):
        np.testing.assert_allclose(found.scale, (0.01, 1.0), rtol=1e-6)
        assert found.offset == expected.offset
    else:
        assert found == expected


def test_a_known_range_stays_what_scales_unless_asked(digits):
    assert with_scaling(digits, "auto") is digits
    assert with_scaling(digits, "off") is digits
    assert with_scaling(digits, "on").spec.scaling.offset != 0.0


def test_statistics_keep_their_digits_where_values_are_large_and_differ_little():
    values = 1e9 + np.random.default_rng(0).normal(size=(50_000, 2))
    found = ColumnStatistics.none(2)
    for start in range(0, len(values), 777):
        found.add(values[start : start + 777])
    np.testing.assert_allclose(found.squares / len(values), values.var(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-13)


def test_statistics_pass_missing_values_over():
    values = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    values[np.random.default_rng(1).random(values.shape) < 0.3] = np.nan
    values[:, 2] = np.nan
    found = ColumnStatistics.of(values)
    exact = values[:, :2].astype(np.float64)
    np.testing.assert_allclose(found.mean[:2], np.nanmean(exact, axis=0))
    np.testing.assert_allclose(found.deviation[:2], np.nanstd(exact, axis=0))
    np.testing.assert_array_equal(found.missing, np.isnan(values).sum(axis=0))
    assert found.constant.tolist() == [False, False, True]
    assert (found.mean[2], found.deviation[2]) == (0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [slow(0.0), 0.2])
def test_every_form_takes_raw_rows_and_answers_as_the_formula_says(tmp_path, missing):
    dataset = uneven(missing=missing)
    model, _ = fit(dataset, Recipe(epochs=5, l2=0.1, reject_below=0.6))
    formats = ("float32", "float16", "dynamic", "int8", "micro", "trainable", "onnx")
    exported = export_model(
        model,
        tmp_path,
        "uneven",
        check_on=dataset.test.features,
        calibrate_on=dataset.train.features,
        formats=formats,
    )
    rows = dataset.test.features.astype(np.float64)
    train = dataset.train.features.astype(np.float64)
    filled = np.where(np.isnan(rows), np.nanmean(train, axis=0), rows)
    scaled = (filled - np.nanmean(train, axis=0)) / np.nanstd(train, axis=0)
    scores = np.exp(scaled @ model.W.numpy() + model.b.numpy())
    expected = scores / scores.sum(axis=1, keepdims=True)
    for name in ("", "model.tflite", "model-micro.tflite", "model.onnx"):
        found = load_predictor(exported.path / name).probabilities(dataset.test.features)
        np.testing.assert_allclose(found, expected, atol=2e-4)
    whole = load_predictor(exported.path / "model-int8.tflite")
    assert np.mean(whole.probabilities(dataset.test.features).argmax(1) == expected.argmax(1)) > 0.9


def test_warm_starting_keeps_the_scaling_it_was_trained_with():
    dataset = uneven()
    model, _ = fit(dataset, Recipe(epochs=5, l2=1e-3))
    import tfsoftmax

    start, aligned = tfsoftmax.warm_start(model, dataset)
    again, _ = fit(aligned, Recipe(epochs=1, learning_rate=1e-9, l2=1e-3), start=start)
    assert again.spec.scaling == model.spec.scaling
    np.testing.assert_allclose(again.W, model.W, atol=1e-5)


def test_means_for_missing_values_are_the_training_rows_own():
    features = np.float32([[1, np.nan], [3, 4], [np.nan, 8], [5, 6], [7, 2], [9, 0]])
    options = SourceOptions(missing="mean")
    dataset = from_arrays(features[:4], [0, 1, 0, 1], test=(features[4:], [0, 1]), options=options)
    assert with_scaling(dataset, "off").spec.scaling == Scaling(fill=(3.0, 6.0))


@pytest.mark.slow
def test_scales_that_are_far_apart_do_not_reach_weights_of_few_bits(tmp_path):
    """As many weights as the converter finds worth quantizing."""
    dataset = make_dataset(n_train=300, n_test=100, n_features=120, n_classes=10)
    for split in dataset.splits().values():
        split.features[:] *= np.logspace(-5, 5, 120, dtype=np.float32)
    model, _ = fit(dataset, Recipe(epochs=10, l2=0.01))
    exported = export_model(
        model,
        tmp_path,
        "wide",
        check_on=dataset.test.features,
        formats=("float16", "dynamic"),
    )
    assert exported.parity["model-float16.tflite"].max_difference < 1e-3
    assert exported.parity["model-dynamic.tflite"].max_difference < 0.05
