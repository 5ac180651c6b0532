"""What to say of a choice at the edge of its grid: better values may lie beyond."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfsoftmax.messages import setting

# Each a decade further than the one before.
_FURTHER = (1, 10, 100)
# A step to a smaller l2 that gains less than this share of a standard error gains nothing.
_LEVEL = 0.1


def beyond_the_grid(tuning: Mapping[str, Any]) -> str | None:
    """A sentence on the l2 that was chosen, and on what to try next.

    Args:
      tuning: what was measured, as `Tuning.to_json` has it.

    Returns:
      None if there was a smaller and a larger one, or no other one, or it is 0; and if smaller
      ones no longer made a difference.

    >>> tried = [{"l2": l2, "l1": 0.0, "log_loss": 1 - l2, "diverged": False} for l2 in (0.01, 0.1)]
    >>> best = {**tried[1], "log_loss_error": 0.01}
    >>> tuning = {"scoring": "log_loss", "best": best, "candidates": tried}
    >>> print(beyond_the_grid(tuning)[-27:])
    d: try l2=[0.1, 1.0, 10.0].
    """
    best = tuning["best"]["l2"]
    tried = [candidate["l2"] for candidate in tuning["candidates"]]
    least, most = min(tried), max(tried)
    if least < best < most or least == most or best == 0:
        return None
    largest = best == most
    if not largest and _levels_off(tuning):
        return None
    further = sorted(float(f"{best * n if largest else best / n:.3g}") for n in _FURTHER)
    return (
        f"The l2 that was chosen, {best:g}, is the {'largest' if largest else 'smallest'} that was "
        "tried, so a better one may lie beyond: try " + setting("l2", further) + "."
    )


def _levels_off(tuning: Mapping[str, Any]) -> bool:
    """Whether the smallest l2 is hardly better than the next larger one."""
    best, score = tuning["best"], tuning["scoring"]
    larger = [
        candidate
        for candidate in tuning["candidates"]
        if candidate["l2"] > best["l2"]
        and candidate["l1"] == best["l1"]
        and not candidate["diverged"]
    ]
    if not larger:
        return False
    next_l2 = min(candidate["l2"] for candidate in larger)
    gains = [abs(each[score] - best[score]) for each in larger if each["l2"] == next_l2]
    return min(gains) <= _LEVEL * best[f"{score}_error"]
