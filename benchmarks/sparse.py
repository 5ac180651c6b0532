"""What sparse rows cost, and how good the models are, beside those who train on sparse rows, too.

    pip install vowpalwabbit
    python benchmarks/sparse.py [--quick] [--without NAME]

measures generated click logs and the TF-IDF weights of generated documents (made_sparse.py), and
the cost against the number of columns, and writes docs/sparse.md.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import made_sparse
import numpy as np
from shared import Cost, table_head, table_row, write_page
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import log_loss
from sparse_competitors import COMPETITORS, Rows

_STRENGTHS = (1e-7, 1e-6, 1e-5, 1e-4)
_EPOCHS = (2, 6)
_ROUNDS = 3
_COLUMNS = (
    "",
    "s an epoch",
    "CPU s an epoch",
    "ours / its",
    "best log-loss",
    "accuracy",
    "l2",
    "epochs",
    "s to it",
    "CPU s to it",
)


class Task(NamedTuple):
    """Rows to train on and rows to be measured on."""

    title: str
    train: Rows
    test: Rows
    n_classes: int


def click_log(scale: float) -> Task:
    """100,000 rows of 75 hashed categories, and 10,000 to be measured on."""
    n_rows, n_tests = int(100_000 * scale), int(10_000 * scale)
    matrix, labels = made_sparse.click_log(n_rows + n_tests, 100_000)
    return _task("Hashed categories", matrix, labels, n_rows)


def documents(scale: float) -> Task:
    """TF-IDF of 16,000 documents, and of 4,000 to be measured on."""
    n_rows, n_tests = int(16_000 * scale), int(4_000 * scale)
    texts, labels = made_sparse.documents(n_rows + n_tests)
    weights = TfidfVectorizer(dtype=np.float32).fit(texts[:n_rows]).transform(texts)
    return _task("TF-IDF of documents", weights, labels, n_rows)


def _task(title: str, matrix: Any, labels: np.ndarray, n_rows: int) -> Task:
    matrix = matrix.tocsr()
    matrix.sort_indices()
    train, test = (matrix[:n_rows], labels[:n_rows]), (matrix[n_rows:], labels[n_rows:])
    return Task(title, train, test, int(labels.max()) + 1)


def compared(task: Task, names: list[str], quick: bool) -> dict[str, dict[str, Any]]:
    """Each one's best of the grid, and the cost of its epochs, in turns."""
    contestants = {name: COMPETITORS[name](task.train, task.n_classes) for name in names}
    strengths, lengths = (_STRENGTHS[1:2], _EPOCHS[:1]) if quick else (_STRENGTHS, _EPOCHS)
    found: dict[str, dict[str, Any]] = {name: {"log_loss": np.inf} for name in names}
    for l2 in strengths:
        for epochs in lengths:
            for name, contestant in contestants.items():
                cost = contestant.fit(l2, epochs)
                answers, classes = contestant.probabilities(task.test[0]), range(task.n_classes)
                tried = {
                    "log_loss": float(log_loss(task.test[1], answers, labels=classes)),
                    "accuracy": float((answers.argmax(axis=1) == task.test[1]).mean()),
                    "l2": l2,
                    "epochs": epochs,
                    "cost": cost,
                }
                click.echo(f"  {name}: {tried}", err=True)
                found[name] = min(found[name], tried, key=lambda each: each["log_loss"])
    rounds: dict[str, list[Cost]] = {name: [] for name in names}
    for _ in range(1 if quick else _ROUNDS):
        for name, contestant in contestants.items():
            l2 = found[name]["l2"]
            less, more = contestant.fit(l2, 2), contestant.fit(l2, 4)
            rounds[name].append((more - less).over(2))
    for name, costs in rounds.items():
        found[name]["epoch"] = Cost(
            statistics.median(cost.wall for cost in costs),
            statistics.median(cost.cpu for cost in costs),
        )
    return found


def table(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The lines of a comparison."""
    yield from table_head(_COLUMNS)
    own = found["tfsoftmax"]["epoch"].wall
    for name, best in found.items():
        yield table_row(
            [
                name,
                f"{best['epoch'].wall:.2f}",
                f"{best['epoch'].cpu:.2f}",
                f"{own / best['epoch'].wall:.2f}",
                f"{best['log_loss']:.4f}",
                f"{best['accuracy']:.4f}",
                f"{best['l2']:g}",
                str(best["epochs"]),
                f"{best['cost'].wall:.2f}",
                f"{best['cost'].cpu:.2f}",
            ]
        )


_GROWTH = """
import json, os, sys, time
from tfsoftmax.system.startup import import_tensorflow
import_tensorflow()
import tensorflow as tf
tf.constant(1.0) + 1
status = lambda: dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = lambda: int(status()["VmHWM"].split()[0]) * 1024
sys.path.insert(0, sys.argv[1])
from made_sparse import click_log
from sparse_competitors import Ours
n_rows, n_columns, l2 = int(sys.argv[2]), int(sys.argv[3]), 1e-5
matrix, labels = click_log(n_rows, n_columns)
held = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
# What compiling takes is no part of what rows take.
Ours(click_log(1_000, 1_000), 20).fit(l2, 2)
open("/proc/self/clear_refs", "w").write("5")
own = int(status()["VmRSS"].split()[0]) * 1024 - held
ours = Ours((matrix, labels), 20)
cost = ours.fit(l2, 4)
print(json.dumps({"epoch": cost.wall / 4, "csr": held, "added": peak() - own,
                  "parameters": 4 * 20 * n_columns}))
"""


_PEER_GROWTH = """
import json, sys
sys.path.insert(0, sys.argv[1])
from made_sparse import click_log
from sparse_competitors import COMPETITORS
n_rows, n_columns, name, l2 = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], 1e-5
peer = COMPETITORS[name](click_log(n_rows, n_columns), 20)
print(json.dumps((peer.fit(l2, 4) - peer.fit(l2, 2)).over(2).wall))
"""
_GROWING_PEERS = ("SGDClassifier", "LogisticRegression, saga")


def growth(n_rows: int, columns: list[int]) -> Iterator[str]:
    """The lines of cost and memory against the number of columns, a process each."""
    peers = [part for name in _GROWING_PEERS for part in (name, "over its least")]
    heads = ("columns", "s an epoch", "over the least", *peers, "CSR, MB", "W, MB", "peak, MB")
    yield from table_head([*heads, "peak / CSR"])
    found, others = [], []
    for count in columns:
        for _ in range(2):  # The second one finds the compiled loop on disk.
            own = _said_by(_GROWTH, n_rows, count)
        found.append(own)
        others.append([_said_by(_PEER_GROWTH, n_rows, count, name) for name in _GROWING_PEERS])
        click.echo(f"  {count} columns: {found[-1]}, {others[-1]}", err=True)
    for row, count in enumerate(columns):
        one = found[row]
        epochs = [[each["epoch"] for each in found], *map(list, zip(*others, strict=True))]
        costs = [(each[row], each[row] / min(each)) for each in epochs]
        yield table_row(
            [
                f"{count:,}",
                *(f"{figure:.2f}" for cost in costs for figure in cost),
                *(f"{one[name] / 1e6:.0f}" for name in ("csr", "parameters", "added")),
                f"{one['added'] / one['csr']:.1f}",
            ]
        )


def _said_by(program: str, *arguments: int | str) -> Any:
    """What a Python program prints last, as JSON."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", program, here, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


_INTRODUCTION = """# What sparse rows cost

Written by `python benchmarks/sparse.py`; do not edit.

All train on the same rows, in turns in one process, with their own defaults except for the l2
penalty (on the mean loss) and the number of epochs, which are the best for the log-loss of the test
rows out of the same small grid: l2 of 1e-7, 1e-6, 1e-5 and 1e-4, and 2 and 6 epochs. An epoch is
the median of three, from the difference between runs of different length; one of ours has no
compiling in it, and one of Vowpal Wabbit reads its own binary file. SGDClassifier is on one core by
default, and on all with n_jobs=-1, to the same weights. Log-loss is in nats.
"""


@click.command()
@click.option("--quick", is_flag=True, help="A twentieth of the rows, and no page.")
@click.option("--without", multiple=True, type=click.Choice(list(COMPETITORS)))
def main(quick: bool, without: tuple[str, ...]) -> None:
    """Measure everything and write docs/sparse.md."""
    names = [name for name in COMPETITORS if name not in without]
    scale, lines = 0.05 if quick else 1.0, [_INTRODUCTION]
    for make in (click_log, documents):
        task = make(scale)
        (n_rows, n_columns), per_row = task.train[0].shape, task.train[0].nnz / len(task.train[1])
        lines += [
            f"## {task.title}",
            "",
            f"{n_rows:,} rows, {n_columns:,} columns, {per_row:.0f} entries a row, "
            f"{task.n_classes} classes; {len(task.test[1]):,} test rows.",
            "",
            *table(compared(task, names, quick)),
            "",
        ]
        click.echo("\n".join(lines[-len(names) - 4 :]))
    rows, columns = (1_000, [10**3, 10**4]) if quick else (100_000, [10**3, 10**4, 10**5, 10**6])
    lines += [
        "## Against the number of columns",
        "",
        f"{rows:,} rows of 75 entries, 20 classes, one process each, whose loop an earlier one "
        "has compiled. The peak is the memory that the process has beyond what it had, once it "
        "had trained on a few rows, without these: theirs, that of W and that of the optimizer's "
        "state. Nobody's epoch stays the same: the more columns, the fewer entries of a row find "
        "their weights in a cache.",
        "",
        *growth(rows, columns),
    ]
    click.echo("\n".join(lines[-len(columns) - 2 :]))
    if not quick:
        write_page("sparse.md", lines)


if __name__ == "__main__":
    main()
