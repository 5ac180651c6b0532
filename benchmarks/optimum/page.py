"""The page of solvers, docs/optimum.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

import path
from cases import CASES, OWN
from figures import OTHERS, SCIKIT, arrivals, compared, costs, least
from measure import EXACT
from picture import PICTURE
from shared import table_head, table_row

_HEADS = ("", "s", "CPU s", "ours / its, s", "ours / its, CPU s", "gap at the end")
# The path is no set of its own.
PATH, PATH_SECONDS = "path", 300.0

_INTRODUCTION = """# Seconds to the optimum

Written by `python benchmarks/optimum`; do not edit. `pip install jax optax cyanure` brings the
others.

All minimise the mean loss plus `l2 / 2 ||W||^2` with l2 = 1 / (C n), or `l1 ||W||_1` with l1 = 1 /
(C n), the bias free, over the same rows, scaled the same. A gap is a share of the objective above
the least that anyone found, ours to 1e-10 among them; one float64 function measures it for all,
while the clock stands still. Each solver runs in a process of its own, in turns; figures are
medians of three runs, of one where that takes more than 20 s. Ours counts from the call to the end
of the proof, measured on training and test rows after every step as `fit` does; of others, what
they would do once they have arrived is not counted. scikit-learn has float64 rows unless it says
otherwise; saga and Cyanure begin anew for each of their points, and only the run itself is counted.
Whoever has not arrived after half as long again as the best before it is stopped, and so is whoever
would clearly not arrive in the seconds that are allowed: "not in N" is when that was. Where none
arrived, the ratio is to the shortest N. Who has arrived in some turns only, the others having
ended by these rules, has the median of those, and their number beside its name.
"""


def page(results: dict[str, Any]) -> Iterator[str]:
    """The lines of docs/optimum.md."""
    yield _INTRODUCTION
    cases = {title: found for title, found in results.items() if title in CASES}
    yield from target_rows(cases)
    yield from ["", f"![gap against seconds]({PICTURE})", ""]
    for title, found in cases.items():
        yield from section(title, found)
    if PATH in results:
        yield from path.section(results[PATH], PATH_SECONDS)


def target_rows(results: dict[str, Any]) -> Iterator[str]:
    """The lines of what is asked for."""
    yield from table_head(("ours / the best of", "gap", "s", "CPU s", "the best", "target", ""))
    for title, found in results.items():
        case = CASES[title]
        for label, names, bound in (
            ("scikit-learn's", SCIKIT, case.bound),
            ("the others", OTHERS, 1.0),
        ):
            row = [f"{title}: {label}", f"{case.gap:g}"]
            ours = compared(case, found, names)
            if ours is None:
                yield table_row([*row, "", "", "", f"<= {bound:g}", ""])
                continue
            below = "" if ours.fastest else "< "
            figures = [f"{below}{part:.3f}" for part in (ours.wall, ours.cpu)]
            best = ours.fastest or "none arrived"
            yield table_row(
                [*row, *figures, best, f"<= {bound:g}", _verdict(max(ours[:2]) <= bound)]
            )
        if case.passes:
            own = found["runs"][OWN][-1]["passes"]
            row = [f"{title}: passes", f"{case.gap:g}", "", "", f"{own:.1f}", f"<= {case.passes}"]
            yield table_row([*row, _verdict(own <= case.passes)])


def _verdict(met: bool) -> str:
    return "met" if met else "**not met**"


def section(title: str, found: dict[str, Any]) -> Iterator[str]:
    """The lines of a set."""
    case, best, reached = CASES[title], least(found), costs(CASES[title], found)
    n_rows, n_columns, n_classes = found["shape"]
    own_runs, own = found["runs"][OWN], reached[OWN]
    first, compiling = (
        [statistics.median(run[key][part] for run in own_runs) for part in (0, 1)]
        for key in ("first", "compiling")
    )
    proven, penalty = own_runs[-1]["proven"], "l1" if case.l1 else "l2"
    yield from [f"## {title}", ""]
    yield (
        f"{n_rows:,} rows, {n_columns:,} columns, {n_classes} classes, {penalty}, "
        f"C = {case.C:g}; to a gap of {case.gap:g}. The least objective is {best:.9g}, which ours "
        f"proves to {found['proven']:.1e} when asked for {EXACT:g}. Here it takes "
        f"{own_runs[-1]['passes']:.1f} passes "
        + ("and proves nothing" if proven is None else f"and proves {proven:.1e}")
        + f". Its first run takes {first[0]:.2f} s ({first[1]:.2f} CPU s), its second compiles for "
        f"{compiling[0]:.2f} s ({compiling[1]:.2f}), which {'is' if case.whole else 'is not'} "
        "in the table."
    )
    yield ""
    yield from table_head(_HEADS)
    for name, runs in found["runs"].items():
        arrived = [one is not None for one in arrivals(case, found, name)]
        last = max((number for number, one in enumerate(arrived) if one), default=-1)
        points, cost = runs[last]["points"], reached[name]
        if not points:
            yield table_row([name, runs[-1]["why"], "", "", "", ""])
            continue
        gap = max(min(point[2] for point in points) / best - 1, 0.0)
        if cost is None:
            late = [f"not in {points[-1][part]:.3g}" for part in (0, 1)]
            yield table_row([name, *late, "", "", f"{gap:.1e}"])
            continue
        beside = [f"{a / b:.3f}" for a, b in zip(own, cost, strict=True)] if own else ["", ""]
        turns = "" if all(arrived) else f" (in {sum(arrived)} of {len(arrived)} turns)"
        yield table_row([name + turns, *(f"{part:.2f}" for part in cost), *beside, f"{gap:.1e}"])
    yield ""
