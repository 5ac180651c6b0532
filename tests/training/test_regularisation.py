"""Penalised optima against scikit-learn's: the same objective, the same minimum, the same zeros."""

import warnings

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from support.marks import slow

from tfsoftmax import Dataset, SoftmaxRegression, Spec, Split
from tfsoftmax.training.objective import Objective, parameters_of
from tfsoftmax.training.sgd.batches import DenseBatches
from tfsoftmax.training.sgd.feed import Chunk
from tfsoftmax.training.sgd.loop import compile_steps
from tfsoftmax.training.sgd.rules import Descent
from tfsoftmax.training.sgd.step import Plan
from tfsoftmax.training.sgd.updates import Updates


def standardised(bunch):
    features = (bunch.data - bunch.data.mean(axis=0)) / bunch.data.std(axis=0)
    rows = Split(features.astype(np.float32), bunch.target.astype(np.int32))
    names = tuple(str(name) for name in bunch.target_names)
    return Dataset("table", Spec((features.shape[1],), "float32", names), rows, rows)


@pytest.fixture(params=["iris", "wine", slow("digits")], scope="module")
def dataset(request, digits):
    if request.param == "digits":
        return digits
    return standardised({"iris": load_iris, "wine": load_wine}[request.param]())


def numbers(dataset):
    scale = dataset.spec.value_range[1] if dataset.spec.value_range else 1.0
    return dataset.train.features.astype(np.float64) / scale


def objective(dataset, W, b, l2, l1):
    scores = numbers(dataset) @ W + b
    chosen = scores[np.arange(len(scores)), dataset.train.labels]
    loss = np.mean(scipy.special.logsumexp(scores, axis=1) - chosen)
    return loss + l2 / 2 * np.sum(W**2) + l1 * np.abs(W).sum()


def full_batch_optimum(dataset, updates, l2, l1, steps=6000):
    """All rows at every step, many steps in one call; steps that can never be too long."""
    n_samples = len(dataset.train)
    with_bias = np.column_stack([numbers(dataset), np.ones(n_samples)])
    curvature = np.linalg.norm(with_bias, 2) ** 2 / 2 / n_samples + l2
    model = SoftmaxRegression(dataset.spec)
    descended = Objective(model.scaled, l2=l2, l1=l1)
    rule, rows = Descent(updates, timed=False), dataset.train
    order = np.tile(np.arange(n_samples, dtype=np.int32), (steps, 1))
    counts = np.full(steps, n_samples, np.int32)
    tensors = tf.constant(rows.features), tf.constant(rows.labels)
    chunk = Chunk(*tensors, None, order, counts, counts, counts[:, None])
    rates = tf.fill([steps], tf.cast(1 / curvature, tf.float32))
    plan = Plan(rates, tf.zeros([steps]), None, None, descended.numbers)
    take = compile_steps(descended, rule, DenseBatches(descended.scaled), (), None, None, True)
    kept = tf.nest.map_structure(tf.Variable, rule.start(parameters_of(model)))
    take(kept, chunk.tensors, plan, tf.constant([0, steps]))
    W, b = (parameter.numpy().astype(np.float64) for parameter in kept.parameters)
    return W.T, b[:, 0]


@pytest.mark.parametrize(
    ("l2", "l1"), [slow(1e-2, 0.0), (1e-3, 0.0), slow(0.0, 1e-2), (0.0, 3e-3), (5e-3, 5e-3)]
)
def test_the_optimum_is_scikit_learns(dataset, l2, l1):
    """``l2 = (1 - l1_ratio) / (C n)`` and ``l1 = l1_ratio / (C n)``."""
    n_samples = len(dataset.train)
    C, l1_ratio = 1 / ((l1 + l2) * n_samples), l1 / (l1 + l2)
    solver = "saga" if l1 else "lbfgs"
    oracle = LogisticRegression(C=C, l1_ratio=l1_ratio, solver=solver, tol=1e-8, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(numbers(dataset), dataset.train.labels)
    W, b = full_batch_optimum(dataset, Updates(0.98, nesterov=True), l2, l1)
    ours = objective(dataset, W, b, l2, l1)
    theirs = objective(dataset, oracle.coef_.T, oracle.intercept_, l2, l1)
    assert ours == pytest.approx(theirs, rel=1e-4)
    if l1:
        same = (W == 0) == (oracle.coef_.T == 0)
        assert same.mean() >= 0.95
        assert (W == 0).any()
