"""Systems of linear equations solved by preconditioned conjugate gradients, side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Of each system, with the shape of the parameters: ``[m, n_classes, n_inputs + 1]``.
Many = np.ndarray


def conjugate_gradients(
    product: Callable[[Many], Many],
    precondition: Callable[[Many], Many],
    right: Many,
    iterations: int,
    share: float,
    enough: float = 0.0,
) -> tuple[Many, np.ndarray]:
    """Solves ``product(x) = right`` for x, about, where the product is positive.

    With r what is left of the right side and M the preconditioner, a system's ``r' M^-1 r``
    is about twice what the quadratic form ``x' product(x) / 2 - right' x`` could still fall.

    Args:
      product: of each system.
      precondition: an approximate inverse of each, positive.
      right: of each.
      iterations: at most.
      share: a system is solved once ``r' M^-1 r`` is no more than this share of the first one.
      enough: or once it is no more than this.

    Returns:
      x of each, and its first ``r' M^-1 r``, ``[m]``.

    Reference: Nocedal and Wright, Numerical optimization (2006), algorithm 5.3.

    >>> H = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> right = np.array([[[1.0, 2.0]]])
    >>> x, _ = conjugate_gradients(lambda v: v @ H, lambda v: v / 4, right, 9, 1e-9)
    >>> (11 * x).round(6).tolist()
    [[[1.0, 7.0]]]
    """
    found, rest = np.zeros_like(right), right
    direction = ahead = precondition(rest)
    length = first = _dot(rest, ahead)
    limit = np.maximum(share * first, enough)
    for _ in range(iterations):
        going = length > limit
        if not going.any():
            break
        curved = product(direction)
        # What is solved stays as it is while others go on.
        size = _each(np.where(going, length, 0.0) / _dot(direction, curved, going))
        found, rest = found + size * direction, rest - size * curved
        ahead, before = precondition(rest), length
        length = np.where(going, _dot(rest, ahead), length)
        direction = ahead + _each(length / np.where(going, before, 1.0)) * direction
    return found, first


def _dot(one: Many, other: Many, going: np.ndarray | bool = True) -> np.ndarray:
    """The systems' scalar products; 1 for those that have ended."""
    return np.where(going, (one * other).sum(axis=(-2, -1)), 1.0)


def _each(numbers: np.ndarray) -> np.ndarray:
    return numbers[..., None, None]
