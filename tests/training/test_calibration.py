import numpy as np
import pytest
import scipy.optimize
from support.datasets import make_dataset

from tfsoftmax import Recipe, evaluate, export_model, fit, load_predictor
from tfsoftmax.data.split import with_validation
from tfsoftmax.metrics import evaluate_probabilities
from tfsoftmax.training.calibration import calibrate

OVERFITTED = Recipe(epochs=60, learning_rate=3.0, l2=0.0, standardize="off")


@pytest.fixture(scope="module")
def overfitted():
    """As many features as there are rows to learn from: sure of itself, and often wrong."""
    dataset = make_dataset(n_train=160, n_test=2000, n_features=40, seed=5)
    for split in dataset.splits().values():
        split.features[:] += np.random.default_rng(len(split)).normal(
            scale=4.0, size=split.features.shape
        )
    return with_validation(dataset, 0.4)


@pytest.mark.slow
def test_an_overfitted_model_becomes_as_sure_as_it_is_right_wherever_it_runs(overfitted, tmp_path):
    plain, _ = fit(overfitted, OVERFITTED)
    model, history = fit(overfitted, OVERFITTED.but(calibrate=True))
    before, after = evaluate(plain, overfitted.test), evaluate(model, overfitted.test)
    assert history.temperature > 1.5
    assert after.calibration_error < before.calibration_error / 2
    assert after.log_loss < before.log_loss
    np.testing.assert_array_equal(after.confusion, before.confusion)
    np.testing.assert_allclose(model.W * history.temperature, plain.W, rtol=1e-5)

    exported = export_model(model, tmp_path, "m", check_on=overfitted.test.features)
    for path in (exported.path, exported.tflite):
        found = load_predictor(path).evaluate(overfitted, overfitted.test)
        assert found.calibration_error == pytest.approx(after.calibration_error, abs=1e-4)
        assert found.log_loss == pytest.approx(after.log_loss, abs=1e-5)


def test_the_temperature_is_where_the_loss_has_no_slope(overfitted):
    model, _ = fit(overfitted, OVERFITTED.but(epochs=50))
    temperature = calibrate(model, overfitted.validation)

    def loss(factor):
        probabilities = model.probabilities(overfitted.validation.features).numpy() ** factor
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return evaluate_probabilities(probabilities, overfitted.validation.labels).log_loss

    assert scipy.optimize.approx_fprime([1.0], lambda x: loss(x[0]), 1e-3)[0] == pytest.approx(
        0, abs=2e-3
    )
    assert calibrate(model, overfitted.validation) == pytest.approx(1, abs=1e-3)
    assert temperature > 1


def test_the_calibration_error_is_its_definition():
    """Guo et al. (2017), eq. 3: 15 bins of equal width, empty ones counting nothing."""
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([0.5] * 4, size=500).astype(np.float32)
    labels = generator.integers(4, size=500)
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += abs(correct[inside].mean() - confidence[inside].mean()) * inside.mean()
    found = evaluate_probabilities(probabilities, labels).calibration_error
    assert found == pytest.approx(expected, rel=1e-6)


def test_memory_and_exports_agree_on_it(digits):
    model, _ = fit(digits, Recipe(epochs=5, l2=1e-3))
    found = evaluate(model, digits.test)
    probabilities = model.probabilities(digits.test.features).numpy()
    expected = evaluate_probabilities(probabilities, digits.test.labels)
    assert found.calibration_error == pytest.approx(expected.calibration_error, rel=1e-4)
