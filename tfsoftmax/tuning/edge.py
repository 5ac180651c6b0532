"""What to say of a choice at the edge of its grid: better values may lie beyond."""

from __future__ import annotations

from collections.abc import Iterable

from tfsoftmax.messages import setting

# Each a decade further than the one before.
_FURTHER = (1, 10, 100)


def beyond_the_grid(best: float, tried: Iterable[float]) -> str | None:
    """A sentence on the l2 that was chosen, and on what to try next.

    Args:
      best: the l2 that was chosen.
      tried: all that were tried.

    Returns:
      None if there was a smaller and a larger one, or no other one, or it is 0.

    >>> print(beyond_the_grid(0.1, [0.001, 0.01, 0.1])[-27:])
    d: try l2=[0.1, 1.0, 10.0].
    """
    least, most = min(tried := list(tried)), max(tried)
    if least < best < most or least == most or best == 0:
        return None
    largest = best == most
    further = sorted(float(f"{best * n if largest else best / n:.3g}") for n in _FURTHER)
    return (
        f"The l2 that was chosen, {best:g}, is the {'largest' if largest else 'smallest'} that was "
        "tried, so a better one may lie beyond: try " + setting("l2", further) + "."
    )
