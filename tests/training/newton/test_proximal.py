"""Quadratic models with l1: their least is where no subgradient is left."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from tfsoftmax.training.newton.newton import _nearest_0
from tfsoftmax.training.newton.proximal import minimum, shortest_slope


@pytest.mark.parametrize("condition", [1.0, 1e3])
def test_the_minimum_has_no_slope(condition):
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    H = (axes * np.geomspace(1, 1 / condition, 40)) @ axes.T
    g, start = rng.normal(size=40), rng.normal(size=40) * (rng.random(40) < 0.5)
    l1 = np.full(40, 0.4)
    l1[-3:] = 0.0
    found = minimum(H.astype(np.float32), g, start, l1)
    before, left = (
        np.linalg.norm(shortest_slope(g + H @ (x - start), x, l1)) for x in (start, found)
    )
    assert left <= 2e-3 * before
    assert 0 < np.count_nonzero(found) < 40

    def value(x):
        return (x - start) @ (g + H @ (x - start) / 2) + l1 @ np.abs(x)

    assert value(found) < min(value(start), value(np.zeros(40)))


@pytest.mark.parametrize("n_classes", [3, 4])
def test_what_is_taken_off_all_classes_changes_no_probability(n_classes):
    rng = np.random.default_rng(1)
    joint, X = rng.normal(size=(n_classes, 6)), rng.normal(size=(9, 5))
    joint[:, :2] += 3  # Whose median is far from 0.
    moved = _nearest_0(joint)
    assert_array_equal(moved[:, -1], joint[:, -1])
    before, after = (softmax(X @ each[:, :-1].T + each[:, -1], axis=1) for each in (joint, moved))
    assert_allclose(after, before, atol=1e-12)
    least = np.abs(joint - np.median(joint, axis=0))[:, :-1].sum()
    assert np.abs(moved[:, :-1]).sum() == pytest.approx(least)
