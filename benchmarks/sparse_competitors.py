"""Who trains on sparse rows: each fits softmax regression, or classes against the rest, its way.

All are told the strength of the l2 penalty on the mean loss, and the number of epochs; anything
else is as its own defaults have it. Each holds the rows in the form it likes best; bringing them
there is not timed, and neither is compiling.
"""

from __future__ import annotations

import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from shared import Cost, cost_of
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier

import tfsoftmax
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.occurring import Occurring
from tfsoftmax.training.prepare import prepare
from tfsoftmax.training.trainer import Trainer

Rows = tuple[csr_array, np.ndarray]


class Ours:
    """This package."""

    def __init__(self, train: Rows, n_classes: int):
        matrix, labels = train
        names = tuple(str(k) for k in range(n_classes))
        spec = tfsoftmax.Spec((matrix.shape[1],), "float32", names)
        split = tfsoftmax.Split(SparseRows(matrix), labels)
        self.dataset = tfsoftmax.Dataset("generated", spec, split, split.take(np.arange(100)))

    def fit(self, l2: float, epochs: int) -> Cost:
        """Trains from the start; returns the cost of the epochs, 2 or more, without compiling."""
        dataset, recipe = prepare(self.dataset, tfsoftmax.Recipe(l2=l2, epochs=epochs))
        self.model = tfsoftmax.SoftmaxRegression(dataset.spec)
        occurring = Occurring.of(self.model, dataset)
        trainer = Trainer(occurring.model, occurring.dataset.train, recipe)
        # The first epoch compiles, and counts as the others do.
        costs = [cost_of(partial(trainer.run_epoch, epoch)) for epoch in range(epochs)][1:]
        # Its state goes before the model is filled, as in `fit`.
        del trainer
        occurring.give_back()
        wall, cpu = (statistics.median(each) for each in zip(*costs, strict=True))
        return Cost(epochs * wall, epochs * cpu)

    def probabilities(self, rows: csr_array) -> np.ndarray:
        """Of each class, ``[n_rows, n_classes]``."""
        return self.model.predict_proba(rows)


class ScikitSGD:
    """SGDClassifier: one class against the rest, a row a step; on one core, as is its default."""

    n_jobs: int | None = None

    def __init__(self, train: Rows, n_classes: int):
        self.train, self.classes = train, np.arange(n_classes)

    def fit(self, l2: float, epochs: int) -> Cost:
        """As for `Ours`."""
        self.model = SGDClassifier(
            loss="log_loss", alpha=l2, max_iter=epochs, tol=None, n_jobs=self.n_jobs, random_state=0
        )
        return cost_of(lambda: self.model.fit(*self.train))

    def probabilities(self, rows: csr_array) -> np.ndarray:
        """As for `Ours`."""
        return self.model.predict_proba(rows)


class ScikitSGDOnAllCores(ScikitSGD):
    """The same model, its classes side by side."""

    n_jobs = -1


class ScikitSaga(ScikitSGD):
    """LogisticRegression(solver="saga"): softmax, a row a step, the last gradient of each kept."""

    def fit(self, l2: float, epochs: int) -> Cost:
        """As for `Ours`."""
        C = 1 / (l2 * len(self.train[1]))
        self.model = LogisticRegression(solver="saga", C=C, max_iter=epochs, tol=0, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return cost_of(lambda: self.model.fit(*self.train))


class VowpalWabbit:
    """Vowpal Wabbit: one class against the rest, its own adaptive steps, from a file of its own."""

    def __init__(self, train: Rows, n_classes: int):
        import vowpalwabbit

        self.workspace = vowpalwabbit.Workspace
        self.n_classes = n_classes
        self.bits = max(18, int(np.ceil(np.log2(train[0].shape[1] * n_classes))))
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "rows"
        # In a new order: it takes rows as they come.
        order = np.random.default_rng(0).permutation(len(train[1]))
        with self.file.open("w") as file:
            for line, label in zip(_lines(train[0][order]), train[1][order], strict=True):
                file.write(f"{label + 1} {line}\n")
        # What it reads from then on: the rows in its own binary form.
        self._run(1e-6, 1)

    def fit(self, l2: float, epochs: int) -> Cost:
        """As for `Ours`."""
        return cost_of(lambda: self._run(l2, epochs))

    def _run(self, l2: float, epochs: int) -> None:
        options = (
            f"--oaa {self.n_classes} --loss_function logistic --probabilities --l2 {l2} "
            f"-b {self.bits} --passes {epochs} --holdout_off -c --quiet --no_stdin"
        )
        self.model = self.workspace(f"{options} -d {self.file}")

    def probabilities(self, rows: csr_array) -> np.ndarray:
        """As for `Ours`."""
        found = np.array([self.model.predict(line) for line in _lines(rows)], np.float64)
        self.model.finish()
        return found / found.sum(axis=1, keepdims=True)


def _lines(rows: csr_array) -> Iterator[str]:
    """Rows as Vowpal Wabbit reads them."""
    for first, last in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        entries = zip(rows.indices[first:last], rows.data[first:last], strict=True)
        yield "| " + " ".join(f"{index}:{value:.6g}" for index, value in entries)


COMPETITORS: dict[str, Callable[[Rows, int], Any]] = {
    "tfsoftmax": Ours,
    "SGDClassifier": ScikitSGD,
    "SGDClassifier, n_jobs=-1": ScikitSGDOnAllCores,
    "LogisticRegression, saga": ScikitSaga,
    "Vowpal Wabbit": VowpalWabbit,
}
