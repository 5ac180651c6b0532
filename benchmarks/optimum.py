"""How long it takes to the optimum, beside others who look for the same.

    pip install jax optax cyanure
    python benchmarks/optimum.py [--mnist DATASET] [--only SET] [--without NAME] [--quick]

measures every set, or those named, and writes docs/optimum.md, optimum.json and the picture.
"""

from __future__ import annotations

import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import optimum_path
from made_large import LARGE
from optimum_solvers import SOLVERS
from shared import DOCS, table_head, table_row, write_page

from tfsoftmax import DataError, Dataset, SoftmaxRegression, Spec, Split, load_dataset

_OWN = "tfsoftmax"
_SCIKIT = ("newton-cholesky", "newton-cg", "lbfgs", "lbfgs, float32", "saga")
_OTHERS = ("JAX L-BFGS", "cyanure")
# Those that take l1.
_OF_L1 = (_OWN, "saga", "cyanure")
_ROUNDS = 3
# Whoever takes longer runs once.
_LONG = 20.0
# Of scikit-learn's solvers and of the others, whoever takes so much longer than the best before it
# is stopped, but not before so many seconds.
_PATIENCE, _LEAST = 1.5, 2.0
# The best that is known is sought for to this gap.
_EXACT = 1e-10
_HEADS = ("", "s", "CPU s", "ours / its, s", "ours / its, CPU s", "gap at the end")


class Case(NamedTuple):
    """A set and what is asked of it.

    Attributes:
      source: a dataset's name, or one of `LARGE`.
      C: strength as scikit-learn has it: ``1 / (C n)`` on the mean loss.
      gap: the relative gap to reach.
      bound: ours / the best of scikit-learn's, at most.
      seconds: of the processor's time that each of the others may take.
      passes: ours, at most.
      whole: whether compiling counts.
      l1: whether the penalty is on magnitudes.
    """

    source: str
    C: float
    gap: float
    bound: float
    seconds: float = 60.0
    passes: int | None = None
    whole: bool = False
    l1: bool = False

    @property
    def solvers(self) -> list[str]:
        """Who can solve it."""
        return [name for name in SOLVERS if not self.l1 or name in _OF_L1]


CASES = {
    "MNIST, C = 0.01": Case("mnist", 0.01, 1e-6, 0.1, seconds=100, passes=30),
    "MNIST, C = 1": Case("mnist", 1.0, 1e-6, 0.1, seconds=200, passes=130),
    "tall": Case("tall", 1.0, 1e-6, 0.15),
    "covtype-like": Case("covtype-like", 1.0, 1e-3, 0.15),
    "embeddings": Case("embeddings", 1.0, 1e-3, 0.15),
    "wide": Case("wide", 1.0, 1e-6, 1.0, seconds=120),
    "digits": Case("digits", 1.0, 1e-6, 1.0, whole=True),
    "mnist5k": Case("mnist5k", 1.0, 1e-6, 1.0, whole=True),
    "mnist5k, l1": Case("mnist5k", 0.25, 1e-3, 0.4, seconds=150, l1=True),
}

# And the path, which is no set.
_PATH, _PATH_SECONDS = "path", 300.0
TITLES = (*CASES, _PATH)
_PICTURE = "pictures/optimum.png"


def dataset_of(case: Case, mnist: str, scale: float) -> Dataset:
    """The rows of a case; a generated set's test rows are a few of them."""
    if case.source not in LARGE:
        return load_dataset(mnist if case.source == "mnist" else case.source)
    features, labels = LARGE[case.source](scale)
    names = tuple(str(k) for k in range(int(labels.max()) + 1))
    rows = Split(features, labels)
    spec = Spec(features.shape[1:], "float32", names)
    return Dataset(case.source, spec, rows, rows.take(np.arange(100)))


def store(folder: Path, dataset: Dataset, facts: dict[str, Any]) -> None:
    """Puts a problem where all solvers find it, scaled as ours scales it."""
    flat = dataset.train.features.reshape(len(dataset.train), -1)
    inputs = SoftmaxRegression(dataset.spec).scaled(flat).numpy()
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "labels.npy", np.asarray(dataset.train.labels))
    (folder / "dataset").write_bytes(pickle.dumps(dataset))
    state(folder, facts)


def state(folder: Path, facts: dict[str, Any]) -> None:
    """What is asked of all solvers."""
    (folder / "facts.json").write_text(json.dumps(facts))


def solved(folder: Path, name: str, python: str) -> dict[str, Any]:
    """What a solver finds, in a process of its own that has kept nothing."""
    script = str(Path(__file__).parent / "optimum_solvers.py")
    with tempfile.TemporaryDirectory() as kept:
        done = subprocess.run(
            [python, script, str(folder), name],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": kept},
        )
    if done.returncode:
        raise click.ClickException(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measured(
    case: Case,
    dataset: Dataset,
    names: list[str],
    seconds: float,
    rounds: int,
    python_of_others: str,
) -> dict[str, Any]:
    """Every solver's curves, in turns."""
    strength = 1 / (case.C * len(dataset.train))
    penalties = {"l2": 0.0, "l1": strength} if case.l1 else {"l2": strength, "l1": 0.0}
    facts = {**penalties, "gap": _EXACT, "best": None, "seconds": 2 * seconds}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store(folder, dataset, facts)
        exact = solved(folder, _OWN, sys.executable)
        best = min(point[2] for point in exact["points"])
        click.echo(f"  least objective {best:.10g}, proven to {exact['proven']}", err=True)
        facts |= {"gap": case.gap, "best": best}
        for _ in range(rounds):
            for name in names:
                if runs[name] and (not runs[name][-1]["points"] or longest(runs[name]) > _LONG):
                    continue
                state(folder, {**facts, "seconds": allowed(case, name, runs, best, seconds)})
                python = python_of_others if name in _OTHERS else sys.executable
                runs[name].append(solved(folder, name, python))
                points = runs[name][-1]["points"]
                click.echo(f"  {name}: {points[-1] if points else runs[name][-1]}", err=True)
    shape = (*dataset.train.features.reshape(len(dataset.train), -1).shape, dataset.spec.n_classes)
    return {"shape": shape, "proven": exact["proven"], "best": best, "runs": runs}


def allowed(
    case: Case, name: str, runs: dict[str, list[dict[str, Any]]], best: float, seconds: float
) -> float:
    """The processor seconds that a solver may take, after what those before it took."""
    kin = next((group for group in (_SCIKIT, _OTHERS) if name in group), ())
    each = [arrival(run["points"], best, case.gap) for one in kin for run in runs.get(one, [])]
    enough = [max(_LEAST, _PATIENCE * found[1]) for found in each if found]
    return min([seconds, *enough])


def longest(runs: list[dict[str, Any]]) -> float:
    """Wall seconds of the longest of some runs."""
    return max(run["points"][-1][0] for run in runs)


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


def costs(case: Case, found: dict[str, Any]) -> dict[str, tuple[float, float] | None]:
    """Of each solver, the median seconds to the gap; ours are a whole run, to its proof."""
    reached = {}
    for name, runs in found["runs"].items():
        if name == _OWN:
            each = [_own_cost(case, run) for run in runs if run["proven"] is not None]
        else:
            each = [arrival(run["points"], least(found), case.gap) for run in runs]
        whole = [one for one in each if one]
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
    own = reached[_OWN]
    others = {name: reached[name] for name in names if reached.get(name)}
    fastest = min(others, key=lambda name: others[name][0]) if others else None
    stopped = [
        run["points"][-1] for name in names for run in found["runs"].get(name, []) if run["points"]
    ]
    if not own or not (others or stopped):
        return None
    its = others[fastest] if fastest else [min(point[part] for point in stopped) for part in (0, 1)]
    return Compared(own[0] / its[0], own[1] / its[1], fastest)


def target_rows(results: dict[str, Any]) -> Iterator[str]:
    """The lines of what is asked for."""
    yield from table_head(("ours / the best of", "gap", "s", "CPU s", "the best", "target", ""))
    for title, found in results.items():
        case = CASES[title]
        for label, names, bound in (
            ("scikit-learn's", _SCIKIT, case.bound),
            ("the others", _OTHERS, 1.0),
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
            own = found["runs"][_OWN][-1]["passes"]
            row = [f"{title}: passes", f"{case.gap:g}", "", "", f"{own:g}", f"<= {case.passes}"]
            yield table_row([*row, _verdict(own <= case.passes)])


def _verdict(met: bool) -> str:
    return "met" if met else "**not met**"


def section(title: str, found: dict[str, Any]) -> Iterator[str]:
    """The lines of a set."""
    case, best, reached = CASES[title], least(found), costs(CASES[title], found)
    n_rows, n_columns, n_classes = found["shape"]
    own_runs, own = found["runs"][_OWN], reached[_OWN]
    first, compiling = (
        [statistics.median(run[key][part] for run in own_runs) for part in (0, 1)]
        for key in ("first", "compiling")
    )
    proven, penalty = own_runs[-1]["proven"], "l1" if case.l1 else "l2"
    yield from [f"## {title}", ""]
    yield (
        f"{n_rows:,} rows, {n_columns:,} columns, {n_classes} classes, {penalty}, "
        f"C = {case.C:g}; to a gap of {case.gap:g}. The least objective is {best:.9g}, which ours "
        f"proves to {found['proven']:.1e} when asked for {_EXACT:g}. Here it takes "
        f"{own_runs[-1]['passes']} passes "
        + ("and proves nothing" if proven is None else f"and proves {proven:.1e}")
        + f". Its first run takes {first[0]:.2f} s ({first[1]:.2f} CPU s), its second compiles for "
        f"{compiling[0]:.2f} s ({compiling[1]:.2f}), which {'is' if case.whole else 'is not'} "
        "in the table."
    )
    yield ""
    yield from table_head(_HEADS)
    for name, runs in found["runs"].items():
        points, cost = runs[-1]["points"], reached[name]
        if not points:
            yield table_row([name, runs[-1]["why"], "", "", "", ""])
            continue
        gap = max(min(point[2] for point in points) / best - 1, 0.0)
        if cost is None:
            late = [f"not in {points[-1][part]:.3g}" for part in (0, 1)]
            yield table_row([name, *late, "", "", f"{gap:.1e}"])
            continue
        beside = [f"{a / b:.3f}" for a, b in zip(own, cost, strict=True)] if own else ["", ""]
        yield table_row([name, *(f"{part:.2f}" for part in cost), *beside, f"{gap:.1e}"])
    yield ""


def draw(results: dict[str, Any], path: Path) -> None:
    """A picture of every set's curves."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(-(-len(results) // 2), 2, squeeze=False, layout="constrained")
    figure.set_size_inches(9, 3 * len(axes))
    for axis in axes.flat[len(results) :]:
        axis.remove()
    for axis, (title, found) in zip(axes.flat, results.items(), strict=False):
        best = least(found)
        for place, name in enumerate(SOLVERS):
            points = np.array([run["points"] for run in found["runs"].get(name, [])][-1:])
            if points.size:
                gaps = np.maximum(points[0, :, 2] / best - 1, 1e-12)
                axis.loglog(points[0, :, 0], gaps, color=f"C{place}", label=name, marker=".")
        axis.axhline(CASES[title].gap, color="gray", linewidth=0.8)
        axis.set(title=title, xlabel="seconds", ylabel="relative gap")
    shown = {line.get_label(): line for axis in figure.axes for line in axis.get_lines()}
    names = [name for name in SOLVERS if name in shown]
    axes.flat[0].legend([shown[name] for name in names], names, fontsize=7)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


_INTRODUCTION = """# Seconds to the optimum

Written by `python benchmarks/optimum.py`; do not edit. `pip install jax optax cyanure` brings the
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
arrived, the ratio is to the shortest N.
"""


def page(results: dict[str, Any]) -> Iterator[str]:
    """The lines of docs/optimum.md."""
    yield _INTRODUCTION
    cases = {title: found for title, found in results.items() if title in CASES}
    yield from target_rows(cases)
    yield from ["", f"![gap against seconds]({_PICTURE})", ""]
    for title, found in cases.items():
        yield from section(title, found)
    if _PATH in results:
        yield from optimum_path.section(results[_PATH], _PATH_SECONDS)


def save(results: dict[str, Any], quick: bool) -> None:
    """Writes everything, after every set: the next may be stopped."""
    if quick:
        return
    ordered = {one: results[one] for one in TITLES if one in results}
    (DOCS / "optimum.json").write_text(json.dumps(ordered) + "\n", encoding="utf-8")
    draw({one: found for one, found in ordered.items() if one in CASES}, DOCS / _PICTURE)
    write_page("optimum.md", page(ordered))


@click.command()
@click.option("--mnist", default="mnist", show_default=True, help="As for tfsoftmax-train.")
@click.option("--only", multiple=True, type=click.Choice(TITLES), help="Measure these again.")
@click.option("--without", multiple=True, type=click.Choice(list(SOLVERS)))
@click.option(
    "--seconds", type=float, help="CPU seconds that each may take, instead of each set's."
)
@click.option(
    "--python-of-others",
    type=click.Path(exists=True, dir_okay=False),
    default=sys.executable,
    help="The Python that has jax, optax and cyanure, if this one has not.",
)
@click.option("--quick", is_flag=True, help="A hundredth of the generated rows, and no page.")
def main(
    mnist: str,
    only: tuple[str, ...],
    without: tuple[str, ...],
    seconds: float | None,
    python_of_others: str,
    quick: bool,
) -> None:
    """Measure everything, or some of it again, and write docs/optimum.md."""
    path = DOCS / "optimum.json"
    results = json.loads(path.read_text()) if only and path.exists() and not quick else {}
    for title in only or TITLES:
        click.echo(f"measuring: {title}", err=True)
        if title == _PATH:
            most = 60.0 if quick else _PATH_SECONDS
            results[title] = optimum_path.measured("digits" if quick else "mnist5k", most)
            save(results, quick)
            continue
        case = CASES[title]
        try:
            dataset = dataset_of(case, mnist, 0.01 if quick else 1.0)
        except DataError as error:
            click.echo(f"  left out: {error}", err=True)
            continue
        names = [name for name in case.solvers if name == _OWN or name not in without]
        rounds, most = (1, 20.0) if quick else (_ROUNDS, seconds or case.seconds)
        results[title] = measured(case, dataset, names, most, rounds, python_of_others)
        save(results, quick)
    if quick:
        click.echo("\n".join(page(results)))


if __name__ == "__main__":
    main()
