"""What comes of the defaults on data of many kinds, beside scikit-learn's and guessing.

    python benchmarks/defaults.py [--mnist DATASET]

fits the default recipe, with nothing said, and scikit-learn's LogisticRegression behind the
scaler that its guide gives for the kind of data, to the same rows of twenty generated sets
(made.py), of those that docs/sources.md trains on, and of MNIST, and writes docs/defaults.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

import click
import made
import numpy as np
import sklearn.datasets
from shared import mnist_option, table_head, table_row, write_page
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler

import tfsoftmax

_COLUMNS = (
    "data",
    "training rows",
    "features",
    "classes",
    "guessing",
    "scikit-learn",
    "tfsoftmax",
    "ratio",
    "usual l2",
    "l2",
    "verdict",
)
# Longer than anybody waits for it: larger data is fitted for fewer iterations.
_PRODUCTS = 3e11


def theirs(dataset: tfsoftmax.Dataset, sparse: bool) -> float:
    """Test log-loss of scikit-learn's pipeline: the range scales pixels, the largest magnitude
    sparse columns, mean and deviation all others."""
    X, labels = dataset.train.features[:].astype(np.float64), dataset.train.labels
    if dataset.spec.value_range is not None:
        low, high = dataset.spec.value_range
        scaler = FunctionTransformer(lambda rows: (rows - low) / (high - low))
    else:
        scaler = MaxAbsScaler() if sparse else StandardScaler()
    iterations = int(np.clip(_PRODUCTS / (X.size * dataset.spec.n_classes), 100, 1000))
    pipeline = make_pipeline(scaler, LogisticRegression(max_iter=iterations))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(X, labels)
    answers = pipeline.predict_proba(dataset.test.features[:].astype(np.float64))
    return float(log_loss(dataset.test.labels, answers, labels=range(dataset.spec.n_classes)))


def guessing(dataset: tfsoftmax.Dataset) -> float:
    """Test log-loss of answering with the classes' shares in the training rows."""
    shares = np.bincount(dataset.train.labels) / len(dataset.train)
    return float(-np.log(shares[dataset.test.labels]).mean())


def row_of(dataset: tfsoftmax.Dataset, sparse: bool) -> tuple[str, bool, bool]:
    """A line of the table; whether ours is no worse than guessing, and near theirs."""
    model, history = tfsoftmax.fit(dataset)
    chosen = history.chosen_l2
    usual, times = history.last.test_log_loss, "not chosen"
    if chosen:
        times = f"{chosen.l2 / chosen.usual:.2g} x"
        usual = tfsoftmax.fit(dataset, tfsoftmax.Recipe(l2=chosen.usual)).history.last.test_log_loss
    ours, expected, chance = history.last.test_log_loss, theirs(dataset, sparse), guessing(dataset)
    cells = [
        dataset.name,
        f"{len(dataset.train):,}",
        f"{dataset.spec.n_features:,}",
        str(dataset.spec.n_classes),
        f"{chance:.4f}",
        f"{expected:.4f}",
        f"{ours:.4f}",
        f"{ours / expected:.3f}",
        f"{usual:.4f}",
        times,
        tfsoftmax.diagnose(model, dataset, history).verdict,
    ]
    return table_row(cells), ours <= chance, ours <= 1.05 * expected


def scaling_row(dataset: tfsoftmax.Dataset) -> str:
    """A line of the table of scalings: test log-loss with each choice."""
    losses = [
        tfsoftmax.fit(dataset, tfsoftmax.Recipe(standardize=choice)).history.last.test_log_loss
        for choice in ("off", "on", "auto")
    ]
    cells = [dataset.name, f"{guessing(dataset):.4f}", *(f"{loss:.4f}" for loss in losses)]
    return table_row(cells)


def real(mnist: tfsoftmax.Dataset) -> Iterator[tfsoftmax.Dataset]:
    """The sets of docs/sources.md, and MNIST's."""
    for name in ("iris", "wine", "breast_cancer"):
        bunch = getattr(sklearn.datasets, f"load_{name}")()
        yield tfsoftmax.from_arrays(bunch.data, bunch.target, name=name)
    yield tfsoftmax.load_dataset("digits")
    yield tfsoftmax.load_dataset("mnist5k")
    yield mnist


def table(found: list[tuple[str, bool, bool]]) -> list[str]:
    """The lines, and what they come to."""
    within, above = sum(row[2] for row in found), sum(not row[1] for row in found)
    return [
        *table_head(_COLUMNS),
        *(row[0] for row in found),
        "",
        f"Within 5 % of scikit-learn's, or better: {within} of {len(found)}. Above guessing: "
        f"{above}.",
        "",
    ]


_INTRODUCTION = """# What the defaults are worth

Written by `python benchmarks/defaults.py`; do not edit.

Test log-loss, in nats, of the default recipe with nothing said (scaling, learning rate and penalty
are found in the training rows), beside scikit-learn's `LogisticRegression()` on the same rows,
which are scaled as its guide says for the kind of data: pixels by their range, sparse columns by
`MaxAbsScaler`, all others by `StandardScaler`. Guessing answers every row with the classes'
shares in the training rows. The columns on l2 have our log-loss with the penalty that is used where
none is chosen, and the chosen one in units of it ([training.md](training.md)). The verdict is the
convergence report's.
"""

_SCALING = """## What scaling gains

Test log-loss of the generated tables with `--standardize off`, `on` and `auto`, which is the
default and scales each column by what suits its values ([data.md](data.md)).

| data | guessing | off | on | auto |
|---|---|---|---|---|"""


@click.command()
@mnist_option
def main(mnist: tfsoftmax.Dataset) -> None:
    """Measure everything and write docs/defaults.md."""
    lines = [_INTRODUCTION]
    generated, scaled = [], []
    for number in range(len(made.SETS)):
        one = made.made(number)
        dataset = tfsoftmax.from_arrays(one.features, one.labels, name=one.title)
        generated.append(row_of(dataset, one.sparse))
        click.echo(generated[-1][0])
        if dataset.spec.value_range is None:
            scaled.append(scaling_row(dataset))
            click.echo(scaled[-1])
    lines += ["## Twenty generated sets", "", *table(generated)]
    found = []
    for dataset in real(replace(mnist, name="MNIST")):
        found.append(row_of(dataset, sparse=False))
        click.echo(found[-1][0])
    lines += ["## Real data", "", *table(found)]
    lines += [_SCALING, *scaled]
    write_page("defaults.md", lines)


if __name__ == "__main__":
    main()
