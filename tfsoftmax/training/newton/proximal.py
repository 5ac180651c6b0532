"""The minimum of a quadratic model and l1 beside it, where the Hessian is in memory.

References: Lee, Sun and Saunders, Proximal Newton-type methods for minimizing composite functions
(2014); Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm (2009); O'Donoghue and
Candes, Adaptive restart for accelerated gradient schemes (2015).
"""

from __future__ import annotations

import numpy as np

from tfsoftmax.training.newton.preconditioner import largest_eigenvalue

_MOST_ITERATIONS = 1000
# Between looks at how far it is, and what it may leave of the slope it began with.
_BETWEEN = 10
_LEFT = 1e-3
# Power iterations come out below the largest eigenvalue.
_ABOVE = 1.1


def shortest_slope(smooth: np.ndarray, at: np.ndarray, l1: float | np.ndarray) -> np.ndarray:
    """The shortest subgradient of a function plus ``l1 |x|``.

    Args:
      smooth: the function's gradient.
      at: where, of the same shape.
      l1: strength of the penalty, of all or of each.

    >>> shortest_slope(np.array([0.5, 3.0, -3.0]), np.array([0.0, 0.0, 2.0]), 1.0).tolist()
    [0.0, 2.0, -2.0]
    """
    shortened = np.sign(smooth) * np.maximum(np.abs(smooth) - l1, 0.0)
    return np.where(at == 0, shortened, smooth + l1 * np.sign(at))


def minimum(
    hessian: np.ndarray, gradient: np.ndarray, start: np.ndarray, l1: np.ndarray
) -> np.ndarray:
    """About the x at which ``g (x - start) + (x - start) H (x - start) / 2 + l1 |x|`` is least.

    Args:
      hessian: H, positive, float32 ``[n, n]``.
      gradient: g, ``[n]``.
      start: where g is from, ``[n]``.
      l1: strength of the penalty on each, ``[n]``.

    >>> H, g = np.diag([1.0, 2.0, 4.0]).astype(np.float32), np.array([-3.0, 0.5, -8.0])
    >>> (minimum(H, g, np.zeros(3), np.array([1.0, 1.0, 0.0])).round(2) + 0).tolist()
    [2.0, 0.0, 2.0]
    """
    # Scaled to a diagonal of ones: fewer iterations.
    scale = 1 / np.sqrt(np.diag(hessian).astype(np.float64))
    H = hessian * np.outer(scale, scale).astype(np.float32)
    gradient, begin, held = gradient * scale, start / scale, l1 * scale
    step = 1 / (_ABOVE * largest_eigenvalue(H.T, np.random.default_rng(0)))

    def smooth_at(x: np.ndarray) -> np.ndarray:
        return gradient + H @ (x - begin).astype(np.float32)

    x = ahead = begin
    momentum, enough = 1.0, _LEFT * np.linalg.norm(shortest_slope(gradient, begin, held))
    for iteration in range(_MOST_ITERATIONS):
        if iteration % _BETWEEN == 0:
            left = np.linalg.norm(shortest_slope(smooth_at(x), x, held))
            if left <= enough:
                break
        down = ahead - step * smooth_at(ahead)
        moved = np.sign(down) * np.maximum(np.abs(down) - step * held, 0.0)
        if (ahead - moved) @ (moved - x) > 0:
            momentum, ahead = 1.0, moved
        else:
            before, momentum = momentum, (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = moved + (before - 1) / momentum * (moved - x)
        x = moved
    return x * scale
