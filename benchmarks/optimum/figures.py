"""What follows from the curves of all solvers: who arrived when, and ours beside them."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple

import numpy as np
from cases import OWN, Case

SCIKIT = ("newton-cholesky", "newton-cg", "lbfgs", "lbfgs, float32", "saga")
OTHERS = ("JAX L-BFGS", "cyanure")


def least(found: dict[str, Any]) -> float:
    """The best objective that anyone found."""
    all_runs = [run for runs in found["runs"].values() for run in runs]
    return min(found["best"], *(point[2] for run in all_runs for point in run["points"]))


def arrival(points: list[list[float]], best: float, gap: float) -> tuple[float, float] | None:
    """Wall and processor seconds to a gap, between the looks before and after it; None: never.

    >>> arrival([[1.0, 2.0, 1.1], [3.0, 6.0, 1.001]], 1.0, 0.01)
    (2.0, 4.0)
    """
    before = None
    for wall, cpu, objective in points:
        now = max(objective / best - 1, 1e-16)
        if now <= gap:
            # As if the logarithm of the gap fell evenly in between.
            share = 1.0 if before is None else np.log(before[2] / gap) / np.log(before[2] / now)
            first = (wall, cpu) if before is None else before
            return _between(first[0], wall, share), _between(first[1], cpu, share)
        before = wall, cpu, now
    return None


def _between(start: float, end: float, share: float) -> float:
    return round(float(start + share * (end - start)), 6)


def arrivals(case: Case, found: dict[str, Any], name: str) -> list[tuple[float, float] | None]:
    """Of each of a solver's runs, the seconds to the gap; ours are a whole run, to its proof."""
    runs = found["runs"].get(name, [])
    if name == OWN:
        return [_own_cost(case, run) if run["proven"] is not None else None for run in runs]
    return [arrival(run["points"], least(found), case.gap) for run in runs]


def costs(case: Case, found: dict[str, Any]) -> dict[str, tuple[float, float] | None]:
    """Of each solver, the median seconds to the gap of those runs that arrived."""
    reached = {}
    for name in found["runs"]:
        whole = [one for one in arrivals(case, found, name) if one]
        reached[name] = (
            tuple(statistics.median(part) for part in zip(*whole, strict=True)) if whole else None
        )
    return reached


def _own_cost(case: Case, run: dict[str, Any]) -> tuple[float, float]:
    wall, cpu = run["points"][-1][:2]
    compiling = (0.0, 0.0) if case.whole else run["compiling"]
    return wall - compiling[0], cpu - compiling[1]


class Compared(NamedTuple):
    """Ours beside the best of some solvers.

    Attributes:
      wall, cpu: ours over its seconds; where none arrived, over the shortest that one was given.
      fastest: which that is; None if none arrived.
    """

    wall: float
    cpu: float
    fastest: str | None


def compared(case: Case, found: dict[str, Any], names: tuple[str, ...]) -> Compared | None:
    """Ours beside the best of some; None without ours, or where none of the others ran."""
    reached = costs(case, found)
    own = reached[OWN]
    others = {name: reached[name] for name in names if reached.get(name)}
    fastest = min(others, key=lambda name: others[name][0]) if others else None
    stopped = [
        run["points"][-1] for name in names for run in found["runs"].get(name, []) if run["points"]
    ]
    if not own or not (others or stopped):
        return None
    its = others[fastest] if fastest else [min(point[part] for point in stopped) for part in (0, 1)]
    return Compared(own[0] / its[0], own[1] / its[1], fastest)
