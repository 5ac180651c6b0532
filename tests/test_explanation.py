"""Contributions and baseline sum to the model's logits, and name what was in the row."""

import json

import numpy as np
import pytest
import tensorflow as tf
from support.raw_tables import frame_of_penguins, model_of_penguins
from support.runs import RECIPE

from tfsoftmax import (
    Scaling,
    SoftmaxRegression,
    Spec,
    UsageError,
    export_model,
    fit,
    load_predictor,
    plot_explanation,
)
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.profile import Profile

PICTURES = Spec((4, 5), "uint8", ("a", "b", "c"), (0, 255))


def drawn(spec, seed=0):
    return SoftmaxRegression(spec, np.random.default_rng(seed).standard_normal)


def assert_adds_up(model, given):
    found = model.explain(given)
    wanted = model.raw_logits(np.asarray(rows_for(model.spec, given)[:]))
    for row, logits in enumerate(wanted):
        total = found.baseline + found.contributions(row).sum(axis=0)
        np.testing.assert_allclose(total, logits, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found.logits, wanted, atol=1e-5, rtol=1e-5)
    assert found.predicted == model.predict(given).tolist()
    return found


@pytest.mark.parametrize("size", [16, 2000])
def test_the_columns_of_a_table_add_up_to_the_logits(size):
    """All kinds of columns, missing cells and indicators, rows with their zeros and without."""
    model, frame = model_of_penguins(size), frame_of_penguins(20)
    found = assert_adds_up(model, frame)
    for row in range(5):
        for k, label in enumerate(model.spec.class_names):
            table = found.table(row, label)
            total = table["contribution"].sum() + found.baseline[k]
            assert total == pytest.approx(found.logits[row, k], abs=1e-9)
            few = found.table(row, label, top=4)
            assert len(few) == 4
            assert few["contribution"].sum() == pytest.approx(table["contribution"].sum())
            order = table["contribution"].abs()
            assert order.is_monotonic_decreasing


def test_columns_and_words_are_called_as_in_the_table():
    model, frame = model_of_penguins(2000), frame_of_penguins(20)
    row = int(np.flatnonzero(frame["notes"] == "big red")[0])
    table = model.explain(frame).table(row)
    words = set(table.loc[table["column"] == "notes", "value"])
    assert words == {"big", "red", "big red"}
    by_column = table[table["column"] != "notes"].set_index("column")["value"]
    assert by_column["class"] == (frame["class"][row] or "-")
    assert by_column["seen"] == (frame["seen"][row] or "-")
    missing = model.explain(frame).table(0).set_index("column")["value"]
    assert missing["bill depth (mm)"] == "missing"
    encoded = model.explain(rows_for(model.spec, frame)[:]).table(row).set_index("column")["value"]
    assert encoded["class"] in {"Biscoe", "Dream", 'Ø, "x"', "missing", "unknown"}


def test_what_is_added_is_the_weight_times_the_distance_from_the_mean():
    scaling = Scaling((30.0, 2.0), (0.1, 0.5))
    spec = Spec((2,), "float32", ("no", "yes"), feature_names=("age", "fare"), scaling=scaling)
    model = SoftmaxRegression(spec)
    model.W.assign([[-1.0, 1.0], [2.0, -2.0]])
    rows = np.float32([[40.0, 4.0]])
    plain = model.explain(rows)
    assert plain.contributions().tolist() == pytest.approx(np.array([[-1, 1], [2, -2]]))
    assert "is not known" in plain.centre
    model.profile = Profile.of(spec, np.float32([[35.0, -1.0], [35.0, 1.0]]), np.array([0, 1]))
    assert model.profile.mean == (0.5, -1.0)
    centred = assert_adds_up(model, rows)
    np.testing.assert_allclose(centred.contributions(), [[-0.5, 0.5], [4, -4]])
    assert centred.centre == "the mean of the training rows"


def test_a_picture_has_a_heat_map(tmp_path):
    model = drawn(PICTURES)
    examples = np.random.default_rng(1).integers(0, 256, (3, 4, 5)).astype(np.uint8)
    found = assert_adds_up(model, examples)
    wanted = examples[1] / 255 * model.W.numpy()[:, 2].reshape(4, 5)
    np.testing.assert_allclose(found.picture(1, "c"), wanted, rtol=1e-5)
    plot_explanation(found, tmp_path / "heat.png", row=1)
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_an_exported_model_explains_the_same(tmp_path):
    model, frame = model_of_penguins(16), frame_of_penguins(20)
    path = export_model(model, tmp_path, "m", check_on=frame, formats=()).path
    found = load_predictor(path).explain(frame)
    np.testing.assert_array_equal(found.logits, model.explain(frame).logits)


@pytest.mark.parametrize("size", [16, 2000])
def test_the_mean_is_that_of_the_rows_as_the_model_scales_them(size, monkeypatch):
    """Missing values filled in, limits and indicators; rows with their zeros and without."""
    model, frame = model_of_penguins(size), frame_of_penguins(60)
    rows = rows_for(model.spec, frame)
    profile = Profile.of(model.spec, rows, np.zeros(60, np.int64))
    scaled = model.scaled(tf.constant(np.asarray(rows[:]))).numpy()
    np.testing.assert_allclose(profile.mean, scaled.mean(axis=0, dtype=np.float64), rtol=1e-5)
    model.profile = profile
    found = assert_adds_up(model, frame)
    totals = sum(found.contributions(row) for row in range(60))
    # All rows together are 60 times their mean.
    np.testing.assert_allclose(totals, 0, atol=1e-3)
    monkeypatch.setattr("tfsoftmax.data.profile._MOST_MEANS", 10)
    assert Profile.of(model.spec, rows, np.zeros(60, np.int64)).mean is None


def test_what_was_trained_is_explained_from_its_mean_where_it_was_exported(tmp_path, digits):
    (model, _), dataset = fit(digits, RECIPE), digits
    found = model.explain(dataset.test.features[:2])
    mean = np.asarray(dataset.train.features[:], np.float64).mean(axis=0) / 16
    np.testing.assert_allclose(found.baseline, mean @ model.W.numpy() + model.b.numpy(), atol=1e-5)
    assert_adds_up(model, dataset.test.features[:2])
    path = export_model(model, tmp_path, "m", check_on=dataset.test.features, formats=()).path
    again = load_predictor(path).explain(dataset.test.features[:2])
    assert again.centre == found.centre == "the mean of the training rows"
    np.testing.assert_allclose(again.baseline, found.baseline, rtol=1e-6)
    facts = json.loads((path / "tfsoftmax.json").read_text())
    del facts["profile"]["mean"]
    assert Profile.from_json(facts["profile"]).mean is None


def test_what_cannot_be_explained_is_refused(monkeypatch):
    model = drawn(Spec((2,), "float32", ("no", "yes")))
    found = model.explain([[1.0, 2.0]])
    with pytest.raises(UsageError, match="no row 1; there are 1"):
        found.table(1)
    with pytest.raises(
        UsageError, match="no class 'ye'; did you mean 'yes'.*its classes are no, yes"
    ):
        found.table(0, "ye")
    with pytest.raises(UsageError, match="no pictures"):
        found.picture()
    monkeypatch.setattr("tfsoftmax.explanation._MOST_NUMBERS", 4)
    with pytest.raises(UsageError, match="3 rows are too many to explain at once; give at most 2"):
        model.explain(np.zeros((3, 2)))
