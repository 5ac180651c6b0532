"""Training a model: the plain loop over epochs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

from tfsoftmax.choices import with_choices
from tfsoftmax.data.dataset import Dataset, check_dataset
from tfsoftmax.data.moved_rows import in_each
from tfsoftmax.data.profile import Profile
from tfsoftmax.data.record import DataRecord
from tfsoftmax.data.sharded_rows import workers_with
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.training.begun import Begun
from tfsoftmax.training.build import start_of
from tfsoftmax.training.checkpoint import Checkpoints, read_latest
from tfsoftmax.training.history import EpochMetrics, History
from tfsoftmax.training.penalty import ChosenL2, choose_l2, parts_to_hold_out
from tfsoftmax.training.prepare import prepare, resolve
from tfsoftmax.training.recipe import Recipe, recipe_of
from tfsoftmax.training.record import RunRecord
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.resume import identity_of, saving, scaled_as_saved
from tfsoftmax.training.run import Run
from tfsoftmax.training.together import (
    agreed,
    begin_together,
    check_divisible,
    check_shared,
    end_together,
    stopping_together,
)
from tfsoftmax.training.trainer import Progress
from tfsoftmax.training.training_bar import TrainingBar, training_bar


class _ModelAndHistory(NamedTuple):
    model: SoftmaxRegression
    history: History


class FitResult(_ModelAndHistory):
    """What `fit` returns; it unpacks as a pair: ``model, history = fit(...)``.

    Attributes:
      model: the trained model.
      history: the figures of every epoch.
      record: how the model was made, for its card; also ``model.record``.
      dataset: the dataset with the validation rows and the scaling that training used.
    """

    record: RunRecord
    dataset: Dataset

    def __new__(
        cls, model: SoftmaxRegression, history: History, record: RunRecord, dataset: Dataset
    ) -> FitResult:
        """Makes the pair, and sets the other two as attributes, so that it unpacks as two."""
        result = super().__new__(cls, model, history)
        result.record, result.dataset = record, dataset
        return result

    def __repr__(self) -> str:
        return f"FitResult(model={self.model!r}, history={self.history!r})"

    def _repr_html_(self) -> str:
        return self.model._repr_html_() + self.history._repr_html_()


@with_choices(recipe=Recipe)
def fit(
    dataset: Dataset,
    recipe: Recipe | str = "default",
    *,
    start: SoftmaxRegression | None = None,
    checkpoints: Checkpoints | None = None,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_choosing: Callable[[int, int], None] | None = None,
    workers: Workers = ALONE,
    progress_bar: bool = True,
) -> FitResult:
    """Trains a model by stochastic gradient descent on the cross-entropy.

    The same dataset and recipe give the same bytes in W and b on the same machine. Every
    row is used once an epoch, in a new random order; a last batch that is short counts for the
    rows it has. An l2 that the recipe leaves open is chosen by cross-validation where that is
    quick (`choose_l2`), unless there is a model to start from.

    With several `workers` each calls it, with the same arguments; the chief alone measures on the
    test rows and saves the run, and all return its model. With ``sync_every=1`` they take every
    step together, each with its own rows of the batch: the model is that of a single process, but
    for the rounding of sums, if the training rows fit into one's memory limit. Else each trains by
    itself on its share of the rows, and the means of the weights depend on how many workers there
    are.

    Args:
      dataset: the training rows, and the test rows to measure on after every epoch.
      recipe: how to train: a recipe, or the name of one of `RECIPES`.
      start: a model of the dataset's spec to start from, instead of what the recipe's
        initializer gives; it is not changed (`warm_start` matches one to a dataset).
      checkpoints: where to save the run as it goes, and whether to resume one that is
        saved there, which gives the same bytes as if it had never stopped. It may be given
        another number of epochs, nothing else.
      on_epoch: called with each epoch's figures.
      on_progress: called after every call of the compiled loop, at least once an epoch. A
        KeyboardInterrupt that it raises is let through once the run is saved.
      on_choosing: called while l2 is chosen, with the number of steps taken and of all.
      workers: the processes that train together (`join_workers`); by default this one alone.
      progress_bar: whether a bar is shown below the cell, in a notebook; elsewhere none is.

    Returns:
      The trained model and the history of all epochs, with two more attributes (`FitResult`).

    Raises:
      CheckpointError: if a run is saved that cannot be resumed.
      OSError: if checkpoints cannot be written to their folder.
      DivergenceError: at the step where the loss stopped being a number.
      DataError: if a class has too few rows to hold some out for validation.
      PeerError: if another worker is gone, or was interrupted.
      UsageError: if there is no such recipe, or it names a class that does not exist; if the saved
        run is another one, or `resume` is false.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model, history = fit(dataset, tfsoftmax.Recipe(epochs=5))
    >>> history.last.test_accuracy > 0.9
    True
    """
    dataset, recipe = check_dataset(dataset), recipe_of(recipe)
    check_shared(dataset, workers)
    shown = progress_bar and workers.is_chief
    with workers.peer_errors(), training_bar(shown, recipe) as bar:
        callbacks = _Callbacks(on_epoch, on_progress, on_choosing, workers, bar)
        return _fit(dataset, recipe, start, checkpoints, callbacks, workers)


class _Callbacks(NamedTuple):
    """What `fit` calls, after its bar; what one of them interrupts ends in all workers."""

    epoch: Callable[[EpochMetrics], None] | None
    progress: Callable[[Progress], None] | None
    choosing: Callable[[int, int], None] | None
    workers: Workers
    bar: TrainingBar

    def on_epoch(self, metrics: EpochMetrics) -> None:
        with stopping_together(self.workers):
            self.bar.on_epoch(metrics)
            if self.epoch:
                self.epoch(metrics)

    def on_progress(self, progress: Progress) -> None:
        with stopping_together(self.workers):
            self.bar.on_progress(progress)
            if self.progress:
                self.progress(progress)

    def on_choosing(self, step: int, total_steps: int) -> None:
        self.workers.check_peers()  # The chief chooses alone.
        self.bar.on_choosing(step, total_steps)
        if self.choosing:
            self.choosing(step, total_steps)


def _fit(
    dataset: Dataset,
    asked: Recipe,
    start: SoftmaxRegression | None,
    checkpoints: Checkpoints | None,
    callbacks: _Callbacks,
    workers: Workers,
) -> FitResult:
    chosen = begun = None
    if workers.is_chief and checkpoints and checkpoints.resume:
        begun = read_latest(checkpoints.folder, Begun.of)
    described = DataRecord.of(dataset)
    checksum = dataset.sha256() if checkpoints or workers.count > 1 else ""
    dataset = scaled_as_saved(dataset, checksum, begun, workers)
    dataset, resolved = prepare(dataset, asked, workers.count)
    check_divisible(resolved, workers)
    callbacks.bar.begin()
    whole = _with_rows_to_choose_by(dataset, asked, start)
    if workers.is_chief:
        chosen = _chosen_l2(whole, asked, start, begun, callbacks.on_choosing)
    if chosen:
        resolved = resolve(asked.but(l2=chosen.l2), whole, workers=workers.count)
    if begun:
        resolved = _with_saved_rate(resolved, asked, begun)
    resolved = agreed(resolved, workers)
    model = start_of(dataset.spec, resolved)
    if start is not None:
        _start_from(model, start)
    run = Run(model, dataset, resolved, workers)
    run.history.chosen_l2 = chosen
    identity = identity_of(run, asked, checksum, dataset.spec.scaling) if checksum else {}
    saved = checkpoints if workers.is_chief else None
    with saving(run, saved, identity) if saved else nullcontext() as on_step:
        begin_together(run, identity, workers, checkpoints)

        def after_call(progress: Progress) -> None:
            # In the middle of a step of Newton's there is nothing to go on from.
            if on_step and not run.newton and run.trainer.loop.can_be_saved:
                on_step()
            callbacks.on_progress(progress)

        while not workers.chiefs(run.ended):
            metrics = run.epoch(after_call)
            if on_step and run.newton:
                on_step()
            callbacks.on_epoch(metrics)
    run.end()
    end_together(run, model, workers)
    model.record = RunRecord.of(model, run.history, asked, described, dataset.train, run.test)
    if model.record.profile:
        model.profile = Profile.from_json(model.record.profile)
    return FitResult(model, run.history, model.record, dataset)


def _with_rows_to_choose_by(
    dataset: Dataset, asked: Recipe, start: SoftmaxRegression | None
) -> Dataset:
    """The dataset with all training rows in each worker, if l2 may be chosen by them."""
    if asked.l2 is None and start is not None:
        return dataset
    if workers_with(dataset.train.features).count == 1 or not parts_to_hold_out(dataset, asked)[1]:
        return dataset
    why = setting("l2", asked.l2) + " is chosen by all training rows in one process"
    return replace(dataset, train=in_each(dataset.train, why))


def _chosen_l2(
    dataset: Dataset,
    asked: Recipe,
    start: SoftmaxRegression | None,
    begun: Begun | None,
    on_choosing: Callable[[int, int], None] | None,
) -> ChosenL2 | None:
    """How l2 is chosen, or was when a run that is resumed began; None where it is not."""
    if asked.l2 not in (None, "auto"):
        return None
    if asked.l2 is None and start is not None:
        # A few new rows alone do not tell how far to keep to what was learnt from others.
        return None
    return begun.chosen_l2 if begun else choose_l2(dataset, asked, on_choosing)


def _with_saved_rate(resolved: ResolvedRecipe, asked: Recipe, begun: Begun) -> ResolvedRecipe:
    """The recipe with the learning rate that the saved run began with.

    In local steps 'auto' suits a worker's share of the batch, and there may be more of them now.
    """
    if asked.learning_rate != "auto" or asked.sync_every == 1 or begun.learning_rate is None:
        return resolved
    return replace(resolved, learning_rate=begun.learning_rate)


def _start_from(model: SoftmaxRegression, start: SoftmaxRegression) -> None:
    if not isinstance(start, SoftmaxRegression):
        raise UsageError(
            "start must be a model in memory, not a "
            f"{type(start).__name__}; load_predictor(folder).model() loads that of a SavedModel"
        )
    if start.spec != model.spec:
        raise UsageError("the model to start from is not of the dataset's spec; use warm_start")
    for parameter, value in zip(model.parameters, start.parameters, strict=True):
        parameter.assign(value)
