"""Trains many models side by side, each without its fold, and scores it on that fold.

Every recipe on every fold is a model of its own, and all of them take the same steps on the
same rows in one compiled loop. A fold is a column of weights, 0 for the rows it holds out, so
its models are what `fit` would train on rows with these weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfsoftmax.columns.entries import Entries, entries_of
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.sparse_rows import sparse_blocks, taken_sparse
from tfsoftmax.device import device_blocks
from tfsoftmax.errors import DataError
from tfsoftmax.messages import counted
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Spec
from tfsoftmax.training.build import build_loop, start_of
from tfsoftmax.training.learning_rate import sample_rows
from tfsoftmax.training.newton import path
from tfsoftmax.training.objective import CLASSES, Objective, Parameters
from tfsoftmax.training.occurring import Occurring
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.sample_weights import full_row_weights

# A stream of random numbers beside those of `feed`.
_FOLDS_STREAM = 2
# Logits in a part, 4 MB.
_LOGITS = 2**20
# Weights of all models that are trained side by side: 256 MB, and as much again for each number
# that the update rule keeps beside a weight, and for the result.
_WEIGHTS = 2**26


def scores(
    dataset: Dataset,
    recipes: Sequence[ResolvedRecipe],
    folds: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Mean loss and accuracy of every recipe on the rows of each fold, trained on the others.

    Args:
      dataset: its training rows, with their scaling.
      recipes: with the same choices but for l2, l1 and the learning rate.
      folds: how many.
      on_progress: called with the number of steps taken, and of all.

    Returns:
      Log-losses in nats and accuracies, float64 ``[2, folds, n_recipes]``; NaN in every fold of a
      recipe whose training diverged in one.

    Raises:
      DataError: if a class has fewer rows than there are folds, or rows cannot be read.
      UsageError: if the recipes' weights leave nothing, or newton does not take the rows.
    """
    held_out = held_out_rows(dataset, folds, recipes[0].seed)
    found = []
    for rows, parameters, finite in _trained(dataset, recipes, held_out, on_progress):
        found.append((finite, *score(rows, parameters, held_out)))
        del parameters  # Before those of the next group are made.
    finite, log_losses, accuracies = (np.concatenate(f, axis=1) for f in zip(*found, strict=True))
    # One fold's model that diverged says enough of its candidate.
    diverged = ~(finite & np.isfinite(log_losses)).all(axis=0)
    return np.where(diverged, np.nan, [log_losses, accuracies])


def held_out_losses(
    dataset: Dataset,
    recipes: Sequence[ResolvedRecipe],
    held_out: Sequence[np.ndarray],
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Every recipe's loss on each row that a fold holds out, trained on the rows it does not.

    Args:
      dataset: as for `scores`, and what is raised is the same.
      recipes: likewise.
      held_out: indices of rows, for each fold; not all rows need be in one.
      on_progress: as for `scores`.

    Returns:
      Float64 ``[n_recipes, n_held_out]``, not finite where training diverged.
    """
    found = []
    for rows, parameters, _ in _trained(dataset, recipes, held_out, on_progress):
        parts = [
            losses
            for indices, *fold in zip(held_out, *parameters, strict=True)
            for losses, _ in _results(rows, fold, indices)
        ]
        found.append(np.concatenate(parts, axis=1, dtype=np.float64))
        del parameters
    return np.concatenate(found)


def _trained(
    dataset: Dataset,
    recipes: Sequence[ResolvedRecipe],
    held_out: Sequence[np.ndarray],
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[Dataset, list[tf.Tensor], np.ndarray]]:
    """The rows as they were trained on, and what `train` returns, group by group."""
    recipe = recipes[0]
    weights = fold_weights(dataset, recipe, held_out)
    dataset = Occurring.of(start_of(dataset.spec, recipe), dataset).dataset
    newton = recipe.solver == "newton"
    # Newton's optima start where the last one was found.
    groups = [recipes] if newton else groups_of(dataset.spec, recipes, len(held_out))
    for done, group in enumerate(groups):
        rows = dataset, group, weights, on_progress and _of_group(on_progress, done, len(groups))
        yield dataset, *(path.train(*rows) if newton else train(*rows))


def _of_group(
    on_progress: Callable[[int, int], None], done: int, groups: int
) -> Callable[[int, int], None]:
    """Reports the progress of one of several groups as that of all; each has as many steps."""
    return lambda step, steps: on_progress(done * steps + step, groups * steps)


def held_out_rows(dataset: Dataset, folds: int, seed: int) -> list[np.ndarray]:
    """The indices of the training rows that each fold holds out, its share of every class.

    Args:
      dataset: its training rows are dealt out, each to one fold.
      folds: how many.
      seed: of the order they are dealt in.

    Raises:
      DataError: if a class has fewer rows than there are folds.

    >>> rows = Split(np.eye(6), np.repeat(np.int32([0, 1]), 3))
    >>> from tfsoftmax import Spec
    >>> dataset = Dataset("tiny", Spec((6,), "float64", ("no", "yes")), rows, rows)
    >>> [rows.labels[indices].tolist() for indices in held_out_rows(dataset, 3, seed=0)]
    [[0, 1], [0, 1], [0, 1]]
    """
    labels = np.asarray(dataset.train.labels)
    counts = np.bincount(labels, minlength=dataset.spec.n_classes)
    rarest = int(np.argmin(np.where(counts > 0, counts, len(labels) + 1)))
    if counts[rarest] < folds:
        raise DataError(
            f"{dataset.name}: class {dataset.spec.class_names[rarest]!r} has "
            f"{counted(int(counts[rarest]), 'training row')}, too few for {folds} folds, which "
            "each need one; take fewer folds or add rows"
        )
    drawn = int(np.random.default_rng([seed, _FOLDS_STREAM]).integers(2**32))
    dealt = _deal(labels, folds, np.random.RandomState(drawn))
    return [np.flatnonzero(dealt == fold) for fold in range(folds)]


def _deal(labels: np.ndarray, folds: int, generator: np.random.RandomState) -> np.ndarray:
    """The fold of each row, as scikit-learn's StratifiedKFold deals them; its import is slow."""
    _, first, found = np.unique(labels, return_index=True, return_inverse=True)
    classes = np.argsort(np.argsort(first))[found]  # Numbered as they appear.
    in_order, dealt = np.sort(classes), np.empty(len(labels), np.int32)
    shares = [np.bincount(in_order[fold::folds], minlength=len(first)) for fold in range(folds)]
    for number, counts in enumerate(np.transpose(shares)):
        of_class = np.repeat(np.arange(folds), counts)
        generator.shuffle(of_class)
        dealt[classes == number] = of_class
    return dealt


def fold_weights(dataset: Dataset, recipe: Recipe, held_out: Sequence[np.ndarray]) -> np.ndarray:
    """What the training rows count in each fold, with mean 1: 0 for those it holds out.

    Args:
      dataset: with rows that may have weights of their own.
      recipe: with weights for classes, which are those of the fold's rows.
      held_out: indices of rows, for each fold.

    Returns:
      float32 ``[n_samples, folds]``.

    Raises:
      DataError: if only rows that count nothing are left to a fold.
      UsageError: if the recipe's weights leave nothing.
    """
    train = dataset.train
    own = np.ones(len(train), np.float32) if train.weights is None else train.weights
    columns = []
    for indices in held_out:
        weights = own.copy()
        weights[indices] = 0
        if not weights.any():
            raise DataError(
                f"{dataset.name}: a fold holds out every row with a weight above 0, so there is "
                "nothing to train on; take fewer folds or weigh more rows"
            )
        rows = Split(train.features, train.labels, weights)
        columns.append(full_row_weights(rows, dataset.spec.class_names, recipe.class_weight))
    return np.stack(columns, axis=1, dtype=np.float32)


def groups_of(
    spec: Spec, recipes: Sequence[ResolvedRecipe], folds: int
) -> list[Sequence[ResolvedRecipe]]:
    """The recipes in groups whose models fit into memory side by side, at least one in each.

    Args:
      spec: of the models.
      recipes: to be trained.
      folds: how many models there are of each.

    >>> one = ResolvedRecipe(epochs=5, batch_size=64, l2=0.1, learning_rate=0.5)
    >>> wide = Spec((1_000_000,), "float32", ("no", "yes"))
    >>> [len(group) for group in groups_of(wide, [one] * 13, folds=5)]
    [5, 5, 3]
    """
    size = max(1, _WEIGHTS // (folds * spec.n_inputs * spec.n_classes))
    # Of about one size, so that few shapes are compiled.
    size = -(-len(recipes) // -(-len(recipes) // size))
    return [recipes[first : first + size] for first in range(0, len(recipes), size)]


def train(
    dataset: Dataset,
    recipes: Sequence[ResolvedRecipe],
    weights: np.ndarray,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[tf.Tensor], np.ndarray]:
    """Trains a model for every recipe and fold, all in the same steps.

    A model that diverges does not affect the others.

    Args:
      dataset: its training rows.
      recipes: with the same choices but for l2, l1 and the learning rate.
      weights: of the rows, ``[n_samples, folds]``.
      on_progress: called after every call of the loop with the number of steps taken, and
        of all.

    Returns:
      W ``[folds, n_recipes, n_classes, n_inputs]`` and b ``[folds, n_recipes, n_classes, 1]``;
      and where all losses on the way were finite, bool ``[folds, n_recipes]``.

    Raises:
      DataError: if rows cannot be read from the file they are in.
    """
    recipe = recipes[0]
    rows = Split(dataset.train.features, dataset.train.labels, weights)
    model = start_of(dataset.spec, recipe)
    models = (weights.shape[1], len(recipes))
    sparse = taken_sparse(rows.features, dataset.spec)
    center = _centers(model, rows, weights, recipe) if recipe.center and not sparse else None
    loop = build_loop(model, rows, recipes, center, models)
    total, finite = recipe.epochs * loop.feed.steps, np.ones(models, bool)
    for _ in range(recipe.epochs):
        for losses, _rates in loop.run_epoch():
            finite &= np.isfinite(losses).all(axis=0)
            if on_progress:
                on_progress(loop.done, total)
    return loop.result(), finite


def _centers(
    model: SoftmaxRegression, rows: Split, weights: np.ndarray, recipe: Recipe
) -> np.ndarray:
    """What each fold's models are centred on, ``[folds, 1, 1, n_inputs]``."""
    plain = replace(recipe, class_weight=None)  # The folds' weights have it already.
    folds = (Split(rows.features, rows.labels, column) for column in weights.T)
    centers = [sample_rows(model, fold, plain).center for fold in folds]
    return np.stack(centers, dtype=np.float32)[:, None, None]


def score(
    dataset: Dataset, parameters: Sequence[tf.Tensor], held_out: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean loss and accuracy of every model on the rows its fold held out.

    Args:
      dataset: the rows are its training rows, each counting the same.
      parameters: as `train` returns them.
      held_out: indices of rows, for each fold.

    Returns:
      Log-losses in nats, which are not finite where W or b are not, and accuracies, float64
      ``[folds, n_recipes]`` both.

    Raises:
      DataError: if rows cannot be read from the file they are in.
    """
    figures = []
    for indices, *fold in zip(held_out, *parameters, strict=True):
        sums = np.zeros((2, len(fold[1])))
        for losses, right in _results(dataset, fold, indices):
            sums += losses.sum(-1, dtype=np.float64), right.sum(-1)
        figures.append(sums / len(indices))
    log_losses, accuracies = np.stack(figures, axis=1)
    return log_losses, accuracies


def _results(
    dataset: Dataset, parameters: Parameters, indices: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Losses of training rows, and whether the prediction is right, ``[n_recipes, n]`` at a time.

    The loss is the plain one: without penalty and smoothing.
    """
    objective = Objective(SoftmaxRegression(dataset.spec).scaled)
    part_rows = max(1, _LOGITS // int(tf.size(parameters[1])))
    for features, labels in _parts(dataset.train.take(indices), dataset.spec, part_rows):
        logits = objective.logits(parameters, objective.scaled(features))
        right = tf.argmax(logits, axis=CLASSES, output_type=tf.int32) == labels
        yield objective.losses(logits, labels).numpy(), right.numpy()


def _parts(
    split: Split, spec: Spec, part_rows: int
) -> Iterator[tuple[tf.Tensor | Entries, tf.Tensor]]:
    """All rows on the device, at most so many at a time."""
    if taken_sparse(split.features, spec):
        for part, block in sparse_blocks(split.features, part_rows):
            yield entries_of(block), tf.constant(split.labels[part])
        return
    for features, labels in device_blocks(split, spec):
        for start in range(0, len(labels), part_rows):
            part = slice(start, start + part_rows)
            yield features[part], labels[part]
