"""Runs every solver, in turns, each in a process of its own."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
from cases import OWN, Case
from figures import OTHERS, SCIKIT, arrival

from tfsoftmax import Dataset, SoftmaxRegression

# Whoever takes longer runs once.
_LONG = 20.0
# Of scikit-learn's solvers and of the others, whoever takes so much longer than the best before it
# is stopped, but not before so many seconds.
_PATIENCE, _LEAST = 1.5, 2.0
# The best that is known is sought for to this gap.
EXACT = 1e-10


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
    script = str(Path(__file__).parent / "solve.py")
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
    facts = {**penalties, "gap": EXACT, "best": None, "seconds": 2 * seconds}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store(folder, dataset, facts)
        exact = solved(folder, OWN, sys.executable)
        best = min(point[2] for point in exact["points"])
        click.echo(f"  least objective {best:.10g}, proven to {exact['proven']}", err=True)
        facts |= {"gap": case.gap, "best": best}
        for _ in range(rounds):
            for name in names:
                if runs[name] and (not runs[name][-1]["points"] or longest(runs[name]) > _LONG):
                    continue
                state(folder, {**facts, "seconds": allowed(case, name, runs, best, seconds)})
                python = python_of_others if name in OTHERS else sys.executable
                runs[name].append(solved(folder, name, python))
                points = runs[name][-1]["points"]
                click.echo(f"  {name}: {points[-1] if points else runs[name][-1]}", err=True)
    shape = (*dataset.train.features.reshape(len(dataset.train), -1).shape, dataset.spec.n_classes)
    return {"shape": shape, "proven": exact["proven"], "best": best, "runs": runs}


def allowed(
    case: Case, name: str, runs: dict[str, list[dict[str, Any]]], best: float, seconds: float
) -> float:
    """The processor seconds that a solver may take, after what those before it took."""
    kin = next((group for group in (SCIKIT, OTHERS) if name in group), ())
    each = [arrival(run["points"], best, case.gap) for one in kin for run in runs.get(one, [])]
    enough = [max(_LEAST, _PATIENCE * found[1]) for found in each if found]
    return min([seconds, *enough])


def longest(runs: list[dict[str, Any]]) -> float:
    """Wall seconds of the longest of some runs."""
    return max(run["points"][-1][0] for run in runs)
