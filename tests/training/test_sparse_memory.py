"""Training on sparse rows, and what surrounds it, never fills in their zeros or copies W often."""

import subprocess
import sys

import pytest

# Prints by how many megabytes the process grows beyond its rows: preparing a run of 20,000 rows of
# 200,000 features, of which the zeros would take 16 GB, evaluating and judging a model.
SCRIPT = """
import resource
import numpy as np, scipy.sparse, tensorflow as tf
from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split, diagnose, evaluate
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.calibration import calibrate
from tfsoftmax.training.history import EpochMetrics, History
from tfsoftmax.training.prepare import prepare

generator = np.random.default_rng(0)
indices = np.sort(generator.integers(200_000, size=(20_000, 60), dtype=np.int32), axis=1)
values = np.ones(indices.size, np.float32)
entries = values, indices.ravel(), np.arange(20_001) * 60
matrix = scipy.sparse.csr_array(entries, (20_000, 200_000))
matrix.sum_duplicates()
labels = generator.integers(4, size=20_000).astype(np.int32)
rows = Split(SparseRows(matrix), labels)
dataset = Dataset("made", Spec((200_000,), "float32", tuple("abcd"), missing="mean"), rows, rows)
tf.constant(0.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
dataset, recipe = prepare(dataset, Recipe(learning_rate=1.0))
model = SoftmaxRegression(dataset.spec)
assert evaluate(model, dataset.test).n_samples == 20_000
model.predict(dataset.test.features)
calibrate(model, dataset.test)
figures = dict.fromkeys(EpochMetrics.__dataclass_fields__, 0.5) | {"epoch": 1, "steps": 1}
diagnose(model, dataset, History(recipe, [EpochMetrics(**figures)]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""

# Prints by how many megabytes the process grows, once it has compiled the steps, beyond 20,000 rows
# of 600,000 features by a run of two epochs.
RUN = """
import resource
import numpy as np, scipy.sparse
from tfsoftmax import Dataset, Recipe, Spec, Split, fit
from tfsoftmax.data.sparse_rows import SparseRows

def made(n_features):
    generator = np.random.default_rng(0)
    indices = np.sort(generator.integers(n_features, size=(20_000, 60), dtype=np.int32), axis=1)
    values = np.ones(indices.size, np.float32)
    entries = values, indices.ravel(), np.arange(20_001) * 60
    matrix = scipy.sparse.csr_array(entries, (20_000, n_features))
    matrix.sum_duplicates()
    labels = generator.integers(20, size=20_000).astype(np.int32)
    train = Split(SparseRows(matrix), labels)
    spec = Spec((n_features,), "float32", tuple(map(str, range(20))))
    return Dataset("made", spec, train, train.take(np.arange(100)))

recipe = Recipe(epochs=2, l2=1e-5)
fit(made(60_000), recipe)
rows = made(600_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit(rows, recipe)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def grown(script):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
def test_memory_is_bounded():
    assert grown(SCRIPT) < 500


@pytest.mark.slow
def test_a_run_holds_few_copies_of_W():
    assert grown(RUN) < 7 * (600_000 * 20 * 4 // 2**20)
