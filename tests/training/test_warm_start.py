import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.commands import QUICK, assert_one_line, run
from support.datasets import make_dataset

from tfsoftmax import (
    Checkpoints,
    DataError,
    ModelError,
    Recipe,
    SoftmaxRegression,
    Spec,
    UsageError,
    fit,
    warm_start,
)
from tfsoftmax.cli.train import main as train_command


def renamed(dataset, *names):
    return replace(dataset, spec=replace(dataset.spec, class_names=names))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.1, 100))
def test_adding_classes_changes_no_prediction_on_any_row(seed, count, scale):
    generator = np.random.default_rng(seed)
    dataset = make_dataset(n_classes=3 + count)
    before = SoftmaxRegression(Spec((6,), "float32", dataset.spec.class_names[:3]))
    before.W.assign(scale * generator.normal(size=(6, 3)))
    before.b.assign(scale * generator.normal(size=3))
    start, _ = warm_start(before, dataset, "add")
    rows = (generator.normal(size=(200, 6)) * scale).astype(np.float32)
    old, new = before.probabilities(rows).numpy(), start.probabilities(rows).numpy()
    np.testing.assert_allclose(new[:, :3], old, atol=2e-6)
    assert (new[:, 3:] <= 1e-6).all()
    np.testing.assert_array_equal(before.predict(rows), start.predict(rows))


def test_going_on_is_the_second_half_of_a_run(made):
    recipe = Recipe(epochs=1, batch_size=1000, schedule="constant", l2=1e-3)
    half = fit(made, recipe).model
    start, aligned = warm_start(half, made)
    whole = fit(made, recipe.but(epochs=2)).model
    np.testing.assert_allclose(fit(aligned, recipe, start=start).model.W, whole.W, atol=1e-6)
    np.testing.assert_array_equal(half.W, start.W)


@pytest.mark.slow
def test_an_added_class_is_learnt_and_the_old_ones_keep_their_places(made):
    model = fit(made, Recipe(epochs=20, l2=1e-3)).model
    dataset = renamed(made, "class 2", "never seen", "class 0")
    start, aligned = warm_start(model, dataset, "add")
    assert aligned.spec.class_names == ("class 0", "class 1", "class 2", "never seen")
    translation = np.array([2, 3, 0])
    np.testing.assert_array_equal(aligned.test.labels, translation[made.test.labels])
    _, history = fit(aligned, Recipe(epochs=200, l2=1e-3), start=start)
    assert history.last.train_accuracy > 0.6


def test_rows_of_new_classes_can_be_ignored(made):
    model = fit(made, Recipe(epochs=2, l2=1e-3)).model
    weighted = replace(made, train=replace(made.train, weights=np.arange(50, dtype=np.float32)))
    _, aligned = warm_start(model, renamed(weighted, "class 0", "odd", "class 2"), "ignore")
    kept = made.train.labels != 1
    assert aligned.spec == model.spec
    np.testing.assert_array_equal(aligned.train.labels, made.train.labels[kept])
    np.testing.assert_array_equal(aligned.train.features, made.train.features[kept])
    np.testing.assert_array_equal(aligned.train.weights, np.arange(50)[kept])
    with pytest.raises(DataError, match="empty"):
        warm_start(model, renamed(made, "x", "y", "z"), "ignore")


def test_what_does_not_fit_is_an_error(made):
    model = SoftmaxRegression(made.spec)
    with pytest.raises(ModelError, match=r"'new' of made; .*new_classes=\"add\""):
        warm_start(model, renamed(made, "class 0", "new", "class 2"))
    with pytest.raises(ModelError, match="shape, type and range"):
        warm_start(model, make_dataset(n_features=5))
    with pytest.raises(UsageError, match="error, add or ignore"):
        warm_start(model, made, "drop")
    with pytest.raises(UsageError, match="use warm_start"):
        fit(renamed(made, "a", "b", "c"), start=model)


def test_a_saved_run_that_started_elsewhere_is_not_taken_up(made, tmp_path):
    recipe = Recipe(epochs=2, l2=1e-3)
    model = fit(made, recipe, checkpoints=Checkpoints(tmp_path)).model
    with pytest.raises(UsageError, match="started from another model"):
        fit(made, recipe, start=model, checkpoints=Checkpoints(tmp_path, resume=True))


def test_the_command_goes_on_from_a_model(tmp_path):
    common = [*QUICK, "-q", "--tflite", "none", "--output-dir", tmp_path]
    first = json.loads(run(train_command, *common, "--json").stdout)
    result = run(train_command, *common, "--from", tmp_path / "digits", "--json")
    document = json.loads(result.stdout)
    assert document["history"][0]["train_log_loss"] < first["history"][-1]["train_log_loss"]
    assert document["command"][-4:] == [
        "--from", str(tmp_path / "digits"), "--new-classes", "error",
    ]  # fmt: skip
    result = run(train_command, *common, "--from", tmp_path / "nowhere")
    assert_one_line(result, 2, "no such file or folder")
