"""Memory follows neither rows x classes nor classes squared."""

import resource

import numpy as np
import pytest
from support.process import run_python

from tfsoftmax import SoftmaxRegression, Spec, Split, evaluate

SCRIPT = """
import resource, sys
import numpy as np
from tfsoftmax import (Dataset, Recipe, SoftmaxRegression, Spec, Split, diagnose, evaluate,
                       export_model, fit, load_predictor)
from tfsoftmax.training.calibration import calibrate

spec = Spec((2,), "float32", tuple(map(str, range(300))))

def rows(n):
    features = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    return Split(features, np.arange(n, dtype=np.int32) % 300)

def everything(n, folder):
    dataset = Dataset("made", spec, rows(n), rows(n))
    model, history = fit(dataset, Recipe(epochs=1, batch_size=1024, learning_rate=0.1))
    evaluate(model, dataset.test)
    diagnose(model, dataset, history)
    calibrate(model, Split(dataset.test.features[: n // 4], dataset.test.labels[: n // 4]))
    path = export_model(model, folder, "m", check_on=dataset.test.features, formats=()).path
    load_predictor(path).evaluate(dataset, dataset.test)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

everything(600, sys.argv[1])
before = peak()
everything(120_000, sys.argv[1])
print(peak() - before)
"""


@pytest.mark.slow
def test_memory_does_not_follow_rows_times_classes(tmp_path):
    """All figures of 120,000 rows and 300 classes would be 144 MB, and a handful of them wants."""
    result = run_python(SCRIPT, str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 450


def test_twenty_thousand_classes_are_evaluated_in_little_memory():
    """Their confusion matrix would be 3.2 GB."""
    spec = Spec((2,), "float32", tuple(map(str, range(20_000))))
    features = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    split = Split(features, np.arange(200, dtype=np.int32) * 100)
    model = SoftmaxRegression(spec)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = evaluate(model, split)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 300
    assert (result.confusion.shape, result.n_samples) == ((20_000, 20_000), 200)
    assert result.log_loss == pytest.approx(np.log(20_000), rel=1e-5)
    assert result.accuracy == 1 / 200
