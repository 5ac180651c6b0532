"""What one process takes: to read, to measure, to pass through rows, and to reach a log-loss."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import made_sparse
import numpy as np
from shared import Cost, cost_of

import tfsoftmax
from tfsoftmax import Dataset, Recipe, SoftmaxRegression, Spec, Split
from tfsoftmax.distributed.workers import ALONE, Workers

# Runs are tried in this order until one reaches the log-loss.
_EPOCHS = (1, 2, 4, 8, 16, 32, 64, 128)
# What `Passes` are asked for: numbers of each row, which stay where it is, or sums over all rows.
_OF_ROWS = ("logits", "between", "shifted")
_SUMS = ("at", "loss_along", "entropy", "of_bias")
# How often all are asked or add something up while rows are drawn for products with the Hessian.
_MESSAGES_A_DRAWING = 4


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
    """Newton's passes after an epoch of SGD: how many, and what they cost, by what it is for.

    The second run is counted: the first one compiles. Rows so few that NumPy goes through them
    (`SmallPasses`) count as what the solver does beside them.
    """
    from tfsoftmax.training.newton.drawn import DrawnPasses
    from tfsoftmax.training.newton.passes import Passes
    from tfsoftmax.training.newton.preconditioner import Draw

    dataset, recipe = tfsoftmax.load_dataset(source), Recipe(solver="newton", l2=l2, tol=tol)
    for _ in range(2):
        times = [Cost(time.perf_counter(), time.process_time())]

        def note(_: Any, times: Any = times) -> None:
            times.append(Cost(time.perf_counter(), time.process_time()))

        with (
            _spent(Passes, _OF_ROWS) as of_rows,
            _spent(Passes, _SUMS) as of_sums,
            _spent(DrawnPasses, ["curved"]) as of_products,
            _spent(DrawnPasses, ["curving"]) as of_drawings,
            _spent(Draw, ["inverse"]) as of_inverses,
        ):
            history = tfsoftmax.fit(dataset, recipe, on_epoch=note, workers=workers).history
    spent = times[-1] - times[history.recipe.epochs]
    numbers, passes = len(dataset.train) * dataset.train.features[:1].size, history.proof.passes
    of_sums += of_products
    every = of_rows + of_sums + of_drawings
    rows, inverse = (sum(costs, Cost(0.0, 0.0)) for costs in (every, of_inverses))
    # What is asked for is a message, and so is a sum.
    messages = len(of_rows) + 2 * len(of_sums) + _MESSAGES_A_DRAWING * len(of_drawings)
    return {
        "rows": len(dataset.train),
        "passes": passes,
        "spent": spent,
        "cost": rows.over(passes * numbers),
        "inverse": inverse,
        "messages": messages / passes,
        "leading": (spent - rows - inverse).over(passes),
        "log_loss": history.last.test_log_loss,
        "gap": history.proof.relative_gap,
    }


@contextmanager
def _spent(owner: type, names: Sequence[str]) -> Iterator[list[Cost]]:
    """What each call of a class's methods costs in the block; they do not call each other."""
    costs: list[Cost] = []

    def counted(method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            found: list[Any] = []
            costs.append(cost_of(lambda: found.append(method(*arguments, **named))))
            return found[0]

        return call

    with ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(owner, name, counted(getattr(owner, name))))
        yield costs


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
