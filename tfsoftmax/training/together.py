"""What several workers agree on before they train one model, and what they tell each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.sharded_rows import workers_with
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError, PeerError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.training.checkpoint import Checkpoints, Snapshot
from tfsoftmax.training.newton.proof import Proof
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.resume import restore, snapshot_of
from tfsoftmax.training.run import Run


def check_shared(dataset: Dataset, workers: Workers) -> None:
    """Checks that workers who each have read their own parts of a source train on it together.

    Raises:
      UsageError: if others train.
    """
    readers = workers_with(dataset.train.features)
    if readers.count > 1 and readers is not workers:
        raise UsageError(
            f"{dataset.name} was read by {readers.count} workers, each its own parts of it: give "
            "the same " + setting("workers") + " to fit, or read all in each process"
        )


def check_divisible(recipe: ResolvedRecipe, workers: Workers) -> None:
    """Checks that more than one worker can train by a recipe.

    Raises:
      UsageError: if a worker would get no row of a batch.
    """
    if recipe.sync_every != 1 and recipe.batch_size < workers.count:
        raise UsageError(
            setting("batch_size", recipe.batch_size)
            + f" has less than a row for each of {workers.count} workers: raise it, or take every "
            "step together with " + setting("sync_every", 1)
        )


def agreed(recipe: ResolvedRecipe, workers: Workers) -> ResolvedRecipe:
    """The chief's numbers for what a recipe leaves open: other machines may round otherwise."""
    names = ("epochs", "batch_size", "l2", "learning_rate")
    found = workers.chiefs([getattr(recipe, name) for name in names])
    return replace(recipe, **dict(zip(names, found, strict=True)))


def begin_together(
    run: Run, identity: dict[str, Any], workers: Workers, checkpoints: Checkpoints | None
) -> None:
    """Brings all workers to where the chief is: at the start, or where a saved run ended.

    Args:
      run: of this worker.
      identity: what a run must have in common with one that it resumes (`identity_of`).
      workers: all.
      checkpoints: where the chief saves the run.

    Raises:
      DataError: if a worker has other rows, another recipe or another start than the chief.
    """
    if workers.count == 1:
        return
    differs = np.zeros(workers.count, np.int32)
    differs[workers.index] = identity != workers.chiefs(identity)
    (differs,) = workers.sum([differs])
    if np.any(differs):
        other = int(np.argmax(differs))
        raise DataError(
            f"worker {other} of {workers.count} has other rows, other options or another model to "
            "start from than the chief, worker 0: start all with the same command and the same data"
        )
    content = workers.chiefs_bytes(snapshot_of(run, identity).to_bytes())
    if not workers.is_chief:
        restore(run, Snapshot.from_bytes(content))
    if checkpoints:
        run.trainer.loop.pause_every = checkpoints.every_steps


def end_together(run: Run, model: Any, workers: Workers) -> None:
    """Gives all workers the chief's model, which its other rows may have changed in the end."""
    if workers.count == 1:
        return
    history = run.history
    proof = history.proof and history.proof.to_json()
    history.best_epoch, history.temperature, proof = workers.chiefs(
        [history.best_epoch, history.temperature, proof]
    )
    history.proof = proof and Proof(**proof)
    for parameter in model.parameters:
        content = workers.chiefs_bytes(parameter.numpy().tobytes())
        parameter.assign(np.frombuffer(content, np.float32).reshape(parameter.shape))


@contextmanager
def stopping_together(workers: Workers) -> Iterator[None]:
    """Ends all workers at the same step if one of them is interrupted in the block.

    Raises:
      KeyboardInterrupt: in the one that was.
      PeerError: in the others.
    """
    interrupt = None
    try:
        yield
    except KeyboardInterrupt as error:
        interrupt = error
    asked = np.zeros(workers.count, np.int32)
    asked[workers.index] = interrupt is not None
    (asked,) = workers.sum([asked])
    if interrupt:
        raise interrupt
    if np.any(asked):
        raise PeerError(
            f"worker {int(np.argmax(asked))} of {workers.count} was asked to stop, so all stopped "
            "at the same step; start all of them again, and they go on from the chief's last "
            "checkpoint if there is one"
        )
