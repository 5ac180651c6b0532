"""Optima of many weightings of the same rows, in float32, where models are sure of every row."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import log_softmax, softmax

from tfsoftmax.training.newton.side_by_side import optima
from tfsoftmax.training.newton.weighted_rows import WeightedRows

N = 300


@pytest.fixture(scope="module")
def separable():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=N).astype(np.int32)
    X = rng.normal(size=(N, 6)) + 4 * np.eye(3, 6)[y]
    weightings = (rng.random((2, N)) < 0.8).astype(np.float64)
    return np.column_stack([X - X.mean(axis=0), np.ones(N)]), y, weightings


def weighted(separable, dtype, l2):
    X, y, weightings = separable
    return WeightedRows(partial(blocks, X, y, dtype), weightings.astype(dtype), l2)


def blocks(X, y, dtype):
    for part in (slice(0, 200), slice(200, None)):
        yield X[part].astype(dtype), y[part], np.ones(len(y[part]), dtype)


def test_float32_keeps_the_digits_of_rows_that_a_model_is_sure_of(separable):
    V = 6 * (np.eye(3, 7)[1:] - np.eye(1, 7))
    many, direction = np.stack([V, V * 1.5]), np.random.default_rng(1).normal(size=(2, 2, 7))
    found = []
    for dtype in (np.float32, np.float64):
        rows = weighted(separable, dtype, l2=1e-12)
        here = rows.at(many)
        score, P = rows.score(here)
        found.append((here.values, score, rows.curved(P, direction)))
    assert np.abs(found[1][0]).max() < 0.01 * N
    for single, double in zip(*found, strict=True):
        assert np.abs(single - double).max() <= 1e-5 * np.abs(double).max()


@pytest.mark.parametrize("enough", [2e-4, 1e-6])
def test_weak_penalties_end_near_the_optimum(separable, enough):
    """By ``||gradient||^2 / (2 l2)``, in float64, of all classes' weights."""
    X, y, weightings = separable
    strengths = np.logspace(-2, -9, 8)
    rows = partial(blocks, X, y, np.float32)
    path = optima(rows, weightings.astype(np.float32), 3, 6, strengths.tolist(), enough)
    own = y[:, None] == np.arange(3)
    for l2, of_all in zip(strengths, path, strict=True):
        for w, V in zip(weightings, of_all, strict=True):
            W = np.concatenate([np.zeros((1, 7)), V])
            W -= W.mean(axis=0)
            logits = X @ W.T
            penalised = np.where(np.arange(7) < 6, W, 0)
            objective = -w @ log_softmax(logits, axis=1)[own] / N + l2 / 2 * (penalised**2).sum()
            slope = ((softmax(logits, axis=1) - own) * w[:, None]).T @ X / N + l2 * penalised
            assert (slope[:, :-1] ** 2).sum() / (2 * l2) <= enough * objective


def test_threads_change_no_bit(separable):
    X, y, weightings = separable

    def cut():
        for first in range(0, N, 7):
            part = slice(first, first + 7)
            yield X[part].astype(np.float32), y[part], np.ones(len(y[part]), np.float32)

    given = cut, weightings.astype(np.float32), 3, 6, [1e-1, 1e-2, 1e-3, 1e-4], 1e-6
    alone = list(optima(*given))
    with ThreadPoolExecutor(3) as threads:
        for one, other in zip(alone, optima(*given, threads), strict=True):
            assert_array_equal(one, other)
