"""Preconditioners: what they invert, whatever rounding left of it."""

import numpy as np

from tfsoftmax.training.newton.preconditioner import Factor


def test_a_matrix_that_rounding_left_indefinite_is_factored_with_more_on_its_diagonal():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(30, 60)) * np.logspace(-3, 3, 30)[:, None]
    H = (A @ A.T).astype(np.float32)
    right = rng.normal(size=(30, 2)).astype(np.float32)
    expected = np.linalg.solve(H.astype(np.float64), right)
    np.testing.assert_allclose(Factor(H.copy(), 1e-7).solve(right), expected, rtol=1e-3)
    # One direction of 3 is on none of its rows, and a little less than that by rounding.
    indefinite = np.ones((3, 3), np.float32) - np.float32(1e-3) * np.eye(3, dtype=np.float32)
    solved = Factor(indefinite.copy(), 1e-6).solve(np.ones(3, np.float32))
    assert np.isfinite(solved).all()
    np.testing.assert_allclose(solved, np.full(3, 1 / 3), rtol=0.1)
