"""The optimum at 50 strengths of l2, scored on held-out rows: ours and scikit-learn's.

    python path.py DATASET NAME

prints what one of the two takes for all of five folds, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

from shared import table_head, table_row

from tfsoftmax import Recipe, SoftmaxRegression, load_dataset
from tfsoftmax.training import cross_validation
from tfsoftmax.training.prepare import prepare

# As LogisticRegressionCV has them for Cs=50.
STRENGTHS = np.logspace(-4, 4, 50)
_FOLDS = 5
# Ours over scikit-learn's, at most, and how far scores may be apart.
_BOUND, _APART = 0.1, 1e-3

Found = dict[str, Any]


def ours(dataset: Any, held_out: list[np.ndarray]) -> Found:
    """By the path that `tune` takes with Newton's method."""
    n_fitted = len(dataset.train) - len(held_out[0])
    asked = [Recipe(solver="newton", l2=1 / (C * n_fitted), standardize="off") for C in STRENGTHS]
    recipes = [prepare(dataset, one)[1] for one in asked]
    losses = cross_validation.held_out_losses(dataset, recipes, held_out)
    return {"scores": losses.mean(axis=1).tolist()}


def scikit(dataset: Any, held_out: list[np.ndarray]) -> Found:
    """By ``LogisticRegressionCV(Cs=50)``, as it is."""
    from sklearn.linear_model import LogisticRegressionCV

    flat = dataset.train.features.reshape(len(dataset.train), -1)
    inputs = SoftmaxRegression(dataset.spec).scaled(flat).numpy().astype(np.float64)
    everything = np.arange(len(inputs))
    model = LogisticRegressionCV(
        Cs=STRENGTHS,
        cv=[(np.setdiff1d(everything, fold), fold) for fold in held_out],
        scoring="neg_log_loss",
        refit=False,
        use_legacy_attributes=False,
    ).fit(inputs, dataset.train.labels)
    shares = [len(fold) / len(inputs) for fold in held_out]
    scores = -np.average(model.scores_, axis=0, weights=shares)
    # One that ends at once, where the last value ended, has not looked for the minimum either.
    within = (model.n_iter_ > 0) & (model.n_iter_ < model.max_iter)
    return {"scores": scores.tolist(), "at_minimum": within.all(axis=0).tolist()}


SOLVERS: dict[str, Callable[[Any, list[np.ndarray]], Found]] = {
    "tfsoftmax": ours,
    "LogisticRegressionCV": scikit,
}


def measured(source: str, seconds: float) -> dict[str, Found | None]:
    """What each takes, in a process of its own; None for who is not done in so many seconds."""
    return {name: _solved(source, name, seconds) for name in SOLVERS}


def _solved(source: str, name: str, seconds: float) -> Found | None:
    command = [sys.executable, __file__, source, name]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def section(found: dict[str, Found | None], seconds: float) -> Iterator[str]:
    """The lines of the page."""
    yield from ["## 50 strengths of l2", ""]
    yield (
        "The optimum for 50 values of C from 1e-4 to 1e4, each scored on the rows that five folds "
        "hold out in turn, of the 5,000 digits; compiling counts. `LogisticRegressionCV` is as it "
        "is, with at most 100 iterations for a value."
    )
    yield ""
    yield from table_head(("", "s", "CPU s"))
    for name, one in found.items():
        late = f"not in {seconds:g}"
        yield table_row(
            [name, *(f"{part:.1f}" for part in one["took"])] if one else [name, late, ""]
        )
    yield ""
    own, other = found["tfsoftmax"], found["LogisticRegressionCV"]
    if own:
        took = other["took"] if other else [seconds, seconds]
        compared = [a / b for a, b in zip(own["took"], took, strict=True)]
        below = "" if other else "less than "
        met = "met" if max(compared) <= _BOUND else "**not met**"
        yield (
            f"Ours takes {below}{compared[0]:.3f} of its seconds and {below}{compared[1]:.3f} of "
            f"its CPU seconds; the target is {_BOUND:g}: {met}."
        )
    if own and other:
        apart = np.abs(np.subtract(own["scores"], other["scores"]))
        kept = np.array(other["at_minimum"])
        met = "met" if apart[kept].max(initial=0.0) <= _APART else "**not met**"
        yield (
            f"Log-losses are at most {apart[kept].max(initial=0.0):.1e} apart for the "
            f"{kept.sum()} values at which it ends within its iterations; the target is "
            f"{_APART:g}: {met}. For all they are at most {apart.max():.1e} apart."
        )
    yield ""


def main() -> None:
    """Finds one path and prints what it took."""
    warnings.simplefilter("ignore")  # What has not arrived says so in a warning.
    dataset, _ = prepare(load_dataset(sys.argv[1]), Recipe(standardize="off"))
    held_out = cross_validation.held_out_rows(dataset, _FOLDS, seed=0)
    wall, cpu = time.perf_counter(), time.process_time()
    found = SOLVERS[sys.argv[2]](dataset, held_out)
    took = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({**found, "took": took}))


if __name__ == "__main__":
    main()
