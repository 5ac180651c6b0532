"""The convergence report of sparse rows is that of the same rows with their zeros."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from scipy.special import log_softmax

from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split, diagnose
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.history import EpochMetrics, History
from tfsoftmax.training.prepare import resolve

L2 = 0.01


def rows(sparse):
    generator = np.random.default_rng(0)
    matrix = scipy.sparse.random_array((400, 530), density=0.02, rng=generator, format="csr")
    matrix = scipy.sparse.csr_array(matrix.astype(np.float32))
    truth = 4 * generator.normal(size=(530, 3))
    labels = np.argmax(matrix @ truth + generator.gumbel(size=(400, 3)), axis=1).astype(np.int32)
    split = Split(SparseRows(matrix) if sparse else matrix.toarray(), labels)
    spec = Spec((530,), "float32", ("a", "b", "c"))
    return Dataset("made", spec, split, split)


def history(dataset):
    recipe = resolve(Recipe(l2=L2, learning_rate=1.0, epochs=1), dataset)
    measured = dict.fromkeys(EpochMetrics.__dataclass_fields__, 0.5)
    return History(recipe, [EpochMetrics(**{**measured, "epoch": 1, "steps": 7})])


def minimum(dataset):
    """W and b at the minimum, by L-BFGS in float64."""
    X = dataset.train.features[:].astype(np.float64)
    Y = np.eye(3)[dataset.train.labels]

    def loss(theta):
        W, b = theta[:-3].reshape(530, 3), theta[-3:]
        logs = log_softmax(X @ W + b, axis=1)
        slope = (np.exp(logs) - Y) / len(X)
        value = -(Y * logs).sum() / len(X) + L2 / 2 * np.square(W).sum()
        return value, np.concatenate([(X.T @ slope + L2 * W).ravel(), slope.sum(axis=0)])

    found = scipy.optimize.minimize(
        loss,
        np.zeros(530 * 3 + 3),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 50_000, "ftol": 0, "gtol": 1e-9},
    )
    return found.fun, found.x[:-3].reshape(530, 3), found.x[-3:]


@pytest.fixture(scope="module")
def best():
    return minimum(rows(sparse=False))


def reports(best, away):
    _, W, b = best
    for sparse in (True, False):
        dataset = rows(sparse)
        model = SoftmaxRegression(dataset.spec)
        model.W.assign(W * (1 - away))
        model.b.assign(b)
        yield diagnose(model, dataset, history(dataset))


@pytest.mark.slow
@pytest.mark.parametrize("away", [0.0, 0.3])
@pytest.mark.parametrize("entries", [200, 2**17])
def test_loss_and_gradient_are_exact_and_the_gap_about_right(best, away, entries, monkeypatch):
    monkeypatch.setattr("tfsoftmax.data.sparse_rows._BLOCK_ENTRIES", entries)
    found, expected = reports(best, away)
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    assert found.gradient_norm == pytest.approx(expected.gradient_norm, rel=1e-3, abs=1e-5)
    gap = found.loss - best[0]
    assert found.loss_gap == pytest.approx(gap, rel=0.3, abs=1e-5)
    assert found.verdict == expected.verdict


def test_no_zeros_are_filled_in(best, monkeypatch):
    dataset = rows(sparse=True)
    model = SoftmaxRegression(dataset.spec)
    model.W.assign(best[1])

    def read(*_):
        raise AssertionError("filled in the zeros")

    monkeypatch.setattr(SparseRows, "read", read)
    assert diagnose(model, dataset, history(dataset)).verdict
