"""Runs `tfsoftmax.fit` for an estimator: quietly, and saying what it did not reach."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sklearn.exceptions import ConvergenceWarning

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.errors import UsageError
from tfsoftmax.system.bar import in_notebook
from tfsoftmax.system.startup import check_not_forked, import_tensorflow, quieten

if TYPE_CHECKING:
    from tfsoftmax.model import SoftmaxRegression
    from tfsoftmax.training.fit import FitResult
    from tfsoftmax.training.history import EpochMetrics
    from tfsoftmax.training.newton.proof import Proof
    from tfsoftmax.training.recipe import Recipe


def start_tensorflow() -> None:
    """Makes TensorFlow ready, without a log unless one was asked for.

    Raises:
      MachineError: in a process that was forked from one that uses TensorFlow already.
    """
    check_not_forked()
    quieten()
    import_tensorflow()


def train(
    dataset: Dataset,
    recipe: Recipe,
    *,
    any_solver: bool = False,
    start: SoftmaxRegression | None = None,
    verbose: int = 0,
) -> FitResult:
    """Trains by a recipe.

    Args:
      dataset: its training rows.
      recipe: how.
      any_solver: whether SGD will do where the rows are too many for newton.
      start: where to start, if its features and classes are those of the dataset.
      verbose: above 0 shows a bar in a notebook, and elsewhere prints a line for every epoch or
        step.
    """
    result, dataset = _train(dataset, recipe, any_solver, start, verbose)
    if shortfall := _shortfall(result, dataset, recipe):
        warnings.warn(shortfall, ConvergenceWarning, stacklevel=4)
    return result


def _train(
    dataset: Dataset,
    recipe: Recipe,
    any_solver: bool,
    start: SoftmaxRegression | None,
    verbose: int,
) -> tuple[FitResult, Dataset]:
    """The result, and the dataset as it was trained on."""
    start_tensorflow()
    from tfsoftmax.training.fit import fit
    from tfsoftmax.training.training_bar import training_bar

    if any_solver and recipe.solver == "newton" and not _newton_takes(dataset):
        usual = type(recipe)()
        recipe = recipe.but(solver="sgd", tol=usual.tol, max_steps=usual.max_steps)
    if start is not None and _fits(start, dataset):
        dataset = replace(dataset, spec=start.spec)
    else:
        start = None
    # Of test rows it has one, which is a training row.
    with training_bar(verbose > 0, recipe, tested=False) as bar:
        bar.begin()
        result = fit(
            dataset,
            recipe,
            start=start,
            on_epoch=bar.on_epoch if in_notebook() else _printing(verbose),
            on_progress=bar.on_progress,
            on_choosing=bar.on_choosing,
            progress_bar=False,
        )
    # Its figures of test rows would be those of a row that was trained on.
    result.model.record = None
    return result, dataset


def _shortfall(result: FitResult, dataset: Dataset, recipe: Recipe) -> str | None:
    """What to say of a result that is not known to be near the optimum; None if it is."""
    if proof := result.history.proof:
        return _too_few_steps(proof, recipe) if proof.relative_gap > recipe.tol else None
    # Who asks for early stopping asks for no optimum.
    return None if recipe.early_stopping else _not_converged(result, dataset)


def _too_few_steps(proof: Proof, recipe: Recipe) -> str:
    advice = []
    # It ends before where no step lowers the objective: more of them would not help.
    if proof.steps >= recipe.max_steps:
        advice.append(f"raise max_iter (now {recipe.max_steps:,})")
    if recipe.standardize != "on":
        advice.append("scale the features, as scaling='standard' does")
    advice.append("accept a larger tol")
    return (
        f"newton stopped after {proof.steps:,} steps, at most {proof.relative_gap:.1e} of the "
        f"objective above the optimum, which is more than tol={recipe.tol:g}: "
        + ", or ".join(advice)
    )


def _not_converged(result: FitResult, dataset: Dataset) -> str | None:
    """What to say where the loss that SGD reached could still fall by more than a little."""
    from tfsoftmax.report.convergence import diagnose
    from tfsoftmax.report.verdict import NEAR, SMALL

    model, history = result
    found = diagnose(model, dataset, history)
    if found.loss_gap <= NEAR * found.loss:
        return None
    # Without a penalty the loss of classes that can be separated falls for ever.
    if found.loss_gap >= found.loss and found.loss < SMALL * math.log(model.spec.n_classes):
        return None
    advice = [f"raise epochs (now {len(history.epochs):,})"]
    if history.recipe.standardize != "on" and not taken_sparse(dataset.train.features, model.spec):
        advice.insert(0, "scale the features (scaling='standard')")
    if _newton_takes(dataset):
        advice.append("give solver='newton' and a finite C, which goes to the optimum")
    return (
        f"SGD has not converged: the training loss, {found.loss:.3g}, could still fall by about "
        f"{found.loss_gap:.1g}: " + ", or ".join(advice)
    )


def one_more(
    dataset: Dataset, recipe: Recipe, slower: float, before: SoftmaxRegression | None, verbose: int
) -> FitResult:
    """Trains on more rows by SGD.

    Args:
      dataset: the rows; it may have classes that are new.
      recipe: how.
      slower: what a learning rate that is derived from the rows is divided by.
      before: the model to go on from; None begins one.
      verbose: as for `train`.
    """
    start_tensorflow()
    from tfsoftmax.training.prepare import prepare
    from tfsoftmax.training.warm_start import warm_start

    start = None
    if before is not None:
        start, dataset = warm_start(before, dataset, "add")
    if recipe.learning_rate == "auto":
        recipe = recipe.but(learning_rate=prepare(dataset, recipe)[1].rate / slower)
    result, _ = _train(dataset, recipe, False, start, verbose)
    # Of these rows alone, which are not all that it was trained on.
    result.model.profile = None
    return result


def _newton_takes(dataset: Dataset) -> bool:
    if not taken_sparse(dataset.train.features, dataset.spec):
        return True
    from tfsoftmax.model import SoftmaxRegression
    from tfsoftmax.training.newton.phase import check_rows
    from tfsoftmax.training.occurring import Occurring

    found = Occurring.of(SoftmaxRegression(dataset.model_spec), dataset)
    try:
        check_rows(found.model, found.dataset.train)
    except UsageError:
        return False
    return True


def _fits(model: SoftmaxRegression, dataset: Dataset) -> bool:
    ours, theirs = model.spec, dataset.spec
    return (
        ours.class_names == theirs.class_names
        and ours.n_features == theirs.n_features
        and ours.feature_names == theirs.feature_names
        and ours.encoding == theirs.encoding
    )


def _printing(verbose: int) -> Callable[[EpochMetrics], None] | None:
    if not verbose:
        return None

    def show(epoch: EpochMetrics) -> None:
        sys.stdout.write(
            f"{epoch.epoch:4d}  mean loss {epoch.moving_loss:.6f}  accuracy "
            f"{epoch.train_accuracy:.4f}  {epoch.seconds:.2f} s\n"
        )

    return show
