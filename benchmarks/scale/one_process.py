"""What one process takes: to read, to measure, to pass through rows, and to reach a log-loss."""

from __future__ import annotations

import time
from typing import Any

import made_sparse
import numpy as np
from shared import Cost, cost_of

import tfsoftmax
from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split
from tfsoftmax.distributed.workers import ALONE, Workers

# Runs are tried in this order until one reaches the log-loss.
_EPOCHS = (1, 2, 4, 8, 16, 32, 64, 128)


def read(source: str) -> Cost:
    """What it costs to read a byte of a source's features, once all that it takes is imported."""
    datasets = [tfsoftmax.load_dataset(source)]
    cost = cost_of(lambda: datasets.append(tfsoftmax.load_dataset(source)))
    return cost.over(sum(split.features.nbytes for split in datasets[0].splits().values()))


def evaluation(model: SoftmaxRegression, rows: Split) -> Cost:
    """What it costs to measure a model on a number of a row."""
    tfsoftmax.evaluate(model, rows)
    cost = cost_of(lambda: tfsoftmax.evaluate(model, rows))
    return cost.over(len(rows) * rows.features.shape[1])


def steps_to(
    source: str,
    log_loss: float,
    batch: int,
    l2: float,
    every: int = 1,
    workers: Workers = ALONE,
) -> tuple[int | None, float]:
    """The steps of the shortest run that reaches a log-loss on test rows, and the best log-loss.

    Steps that several workers take together are those of one process with as many rows a step.
    """
    dataset, best = tfsoftmax.load_dataset(source), np.inf
    for epochs in _EPOCHS:
        recipe = Recipe(batch_size=batch, epochs=epochs, l2=l2, sync_every=every)
        history = tfsoftmax.fit(dataset, recipe, workers=workers).history
        best = min(best, history.last.test_log_loss)
        if best <= log_loss:
            return history.last.steps, best
    return None, best


def newton(source: str, l2: float, tol: float, workers: Workers = ALONE) -> dict[str, Any]:
    """Newton's passes after an epoch of SGD: how many, and what they cost a number of a row.

    The second run is counted: the first one compiles.
    """
    dataset, recipe = tfsoftmax.load_dataset(source), Recipe(solver="newton", l2=l2, tol=tol)
    for _ in range(2):
        times = [(time.perf_counter(), time.process_time())]

        def note(_: Any, times: Any = times) -> None:
            times.append((time.perf_counter(), time.process_time()))

        history = tfsoftmax.fit(dataset, recipe, on_epoch=note, workers=workers).history
    first, last = times[history.recipe.epochs], times[-1]
    numbers = len(dataset.train) * dataset.train.features[:1].size
    passes = history.proof.passes
    cost = Cost(last[0] - first[0], last[1] - first[1]).over(passes * numbers)
    return {
        "rows": len(dataset.train),
        "passes": passes,
        "cost": cost,
        "log_loss": history.last.test_log_loss,
        "gap": history.proof.relative_gap,
    }


def sparse(rows: int, columns: int, entries: int, batches: list[int]) -> dict[str, Any]:
    """What steps of two classes cost on sparse rows, by the numbers in them, and measuring one."""
    from tfsoftmax.data.sparse_rows import SparseRows
    from tfsoftmax.training.prepare import prepare
    from tfsoftmax.training.trainer import Trainer

    matrix, labels = made_sparse.click_log(rows, columns, entries, n_classes=2)
    split = Split(SparseRows(matrix), labels)
    made = Dataset("made", Spec((columns,), "float32", ("0", "1")), split, split.take(np.arange(2)))
    steps = []
    for batch in batches:
        asked = Recipe(batch_size=batch, epochs=2, l2=1e-6)
        dataset, recipe = prepare(made, asked)
        trainer = Trainer(SoftmaxRegression(dataset.spec), dataset.train, recipe)
        list(trainer.loop.run_epoch())
        cost = cost_of(lambda loop=trainer.loop: list(loop.run_epoch()))
        steps.append((batch * entries, cost.over(trainer.feed.steps)))
    measuring = evaluation(trainer.model, dataset.train).times(columns / entries)
    return {"steps": steps, "evaluation": measuring}
