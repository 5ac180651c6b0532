"""Optima that several workers find, beside that of one process."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import log_softmax

from support.workers import in_threads
from tfsoftmax import fit


def objective_of(dataset, model, recipe):
    """The mean loss and the penalties, in NumPy's float64; rows count the same."""
    W, b = (parameter.numpy().astype(np.float64) for parameter in model.parameters)
    logs = log_softmax(np.asarray(dataset.train.features, np.float64) @ W + b, axis=1)
    loss = -logs[np.arange(len(logs)), dataset.train.labels].mean()
    return loss + recipe.l2 / 2 * np.square(W).sum() + recipe.l1 * np.abs(W).sum()


def fit_in_threads(count, dataset, recipe, **others):
    """What `fit` returns to the first of several workers; all get the same."""
    found = in_threads(count, lambda workers: fit(dataset, recipe, workers=workers, **others))
    for each in found:
        if isinstance(each, BaseException):
            raise each
    for other in found[1:]:
        for own, chiefs in zip(other.model.parameters, found[0].model.parameters, strict=True):
            assert_array_equal(own.numpy(), chiefs.numpy())
        assert other.history.proof == found[0].history.proof
        assert other.history.last == found[0].history.last
    return found[0]


def assert_same_optimum(dataset, recipe, count, **others):
    """Compares what several workers find with what one does, and both with NumPy's objective."""
    alone, found = fit(dataset, recipe, **others), fit_in_threads(count, dataset, recipe, **others)
    assert found.history.proof.relative_gap <= recipe.tol
    own, one = (objective_of(dataset, each.model, recipe) for each in (found, alone))
    assert own == pytest.approx(one, rel=1e-9)
    assert found.history.proof.objective == pytest.approx(own, rel=1e-9)
    last = found.history.last, alone.history.last
    assert last[0].train_accuracy == last[1].train_accuracy
    assert last[0].train_log_loss == pytest.approx(last[1].train_log_loss, abs=1e-6)
    return found
