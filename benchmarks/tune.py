"""What it saves to train a sweep side by side: its seconds against those of as many runs.

The runs are `fit` as it is, with what it compiles and measures after every epoch, and about as
many steps each as the sweep takes.

    python benchmarks/tune.py [--dataset DATASET]
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import click
import numpy as np
from shared import DatasetName

from tfsoftmax import RECIPES, Dataset, evaluate, fit
from tfsoftmax.training.cross_validation import held_out_rows
from tfsoftmax.tuning.tune import tune

FOLDS = 5
RECIPE = RECIPES["default"]
L2 = np.logspace(-6, 0, 20)
# The sweep is to take at most this part of the time of separate runs.
BOUND = 0.2


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fold_run(dataset: Dataset, fold: int, l2: float) -> None:
    """What a sweep would be made of otherwise: a fit on a fold's rows, scored on the others."""
    places = held_out_rows(dataset, FOLDS, seed=0)[fold]
    kept = np.setdiff1d(np.arange(len(dataset.train)), places)
    held = dataset.train.take(places)
    model = fit(replace(dataset, train=dataset.train.take(kept)), RECIPE.but(l2=l2)).model
    evaluate(model, held)


@click.command()
@click.option("--dataset", type=DatasetName(), default="mnist5k", show_default=True)
@click.option("--runs", default=5, show_default=True, help="Separate runs to measure, of 100.")
def main(dataset: Dataset, runs: int) -> None:
    """Measure both and print the ratio; exits with 1 if it is above the bound."""
    fit(dataset, RECIPE.but(epochs=1))  # TensorFlow's and scikit-learn's own start is neither's.
    held_out_rows(dataset, FOLDS, seed=0)
    strengths = L2[np.linspace(0, len(L2) - 1, runs).astype(int)]
    alone = [
        seconds(lambda run=run, l2=l2: fold_run(dataset, run % FOLDS, float(l2)))
        for run, l2 in enumerate(strengths)
    ]
    swept = seconds(lambda: tune(dataset, RECIPE, l2=L2, folds=FOLDS))
    models = len(L2) * FOLDS
    apart = float(np.mean(alone)) * models
    click.echo(f"{dataset.name}: {len(L2)} values of l2 x {FOLDS} folds, on {os.cpu_count()} cores")
    click.echo(f"separate runs  {', '.join(f'{one:.2f}' for one in alone)} s")
    click.echo(f"               mean {np.mean(alone):.2f} s, {models} times that is {apart:.1f} s")
    click.echo(f"sweep          {swept:.2f} s")
    click.echo(f"ratio          {swept / apart:.3f} (bound {BOUND})")
    raise SystemExit(swept > BOUND * apart)


if __name__ == "__main__":
    main()
