"""Wild learning rates and awkward columns: a good model, or a sentence that says what is wrong."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.datasets import make_dataset
from support.marks import slow

from tfsoftmax import Recipe, diagnose, evaluate, export_model, fit, load_predictor
from tfsoftmax.errors import TfsoftmaxError

SCALES = [1e-6, 1.0, 1e6]


def awkward(scale):
    """Columns of one scale, then a constant, a duplicate and an all-zero one."""
    dataset = make_dataset(n_train=300, n_test=100)

    def wider(split):
        columns = split.features * np.float32(scale)
        n_samples = len(columns)
        odd = [np.full(n_samples, 7 * scale), columns[:, 0], np.zeros(n_samples)]
        return replace(split, features=np.column_stack([columns, *odd]).astype(np.float32))

    spec = replace(dataset.spec, example_shape=(9,))
    return replace(dataset, spec=spec, train=wider(dataset.train), test=wider(dataset.test))


@pytest.mark.slow
def test_every_scale_gives_as_good_a_model_as_scikit_learns_pipeline():
    for scale in SCALES:
        dataset = awkward(scale)
        pipeline = make_pipeline(StandardScaler(), LogisticRegression())
        pipeline.fit(dataset.train.features, dataset.train.labels)
        theirs = pipeline.score(dataset.test.features, dataset.test.labels)
        model, history = fit(dataset, Recipe(l2=1 / 300))
        assert history.last.test_accuracy >= theirs - 0.03
        # What never changes has taught nothing, whatever it will be.
        np.testing.assert_array_equal(model.W.numpy()[[6, 8]], 0.0)


@pytest.mark.slow
def test_scales_twelve_orders_apart_in_one_table():
    dataset = make_dataset(n_train=300, n_test=100)
    plain = fit(dataset, Recipe(epochs=60, l2=1 / 300, standardize="on")).history.last.test_accuracy
    for split in dataset.splits().values():
        split.features[:] *= np.float32([1e-6, 1e-3, 1, 1e3, 1e5, 1e6])
    found = fit(dataset, Recipe(epochs=60, l2=1 / 300)).history.last.test_accuracy
    assert found == pytest.approx(plain, abs=0.02)


@pytest.fixture(scope="module")
def reference():
    """The log-loss of a good model, whatever the scale."""
    dataset = awkward(1.0)
    return evaluate(fit(dataset, Recipe(epochs=100, l2=1 / 300)).model, dataset.test).log_loss


@pytest.mark.parametrize("scale", [1e-6, slow(1.0), slow(1e6)])
@pytest.mark.parametrize("rate", [slow(1e-8), 1e-2, slow(1e2), 1e6])
def test_any_rate_on_any_scale_ends_in_a_model_or_in_a_sentence(tmp_path, reference, rate, scale):
    for standardize in ("auto", "off"):
        dataset = awkward(scale)
        recipe = Recipe(epochs=10, learning_rate=rate, l2=1 / 300, standardize=standardize)
        try:
            model, history = fit(dataset, recipe)
        except TfsoftmaxError as error:
            assert re.search("diverged at step .* try a smaller one", str(error))
            continue
        found = diagnose(model, dataset, history)
        assert np.isfinite([found.gradient_norm, found.loss, found.loss_gap]).all()
        bad = evaluate(model, dataset.test).log_loss > reference + 0.15
        assert not (bad and found.verdict == "converged"), found.sentence
        assert "\n" not in found.sentence
        exported = export_model(model, tmp_path, standardize, check_on=dataset.test.features)
        answers = load_predictor(exported.tflite).probabilities(dataset.test.features)
        assert np.isfinite(answers).all()
