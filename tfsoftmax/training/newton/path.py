"""The optimum at every l2, for every fold: from strong to weak, each from where the last one was.

What `cross_validation.train` does for candidates that SGD trains, this does for Newton's: all folds
side by side where l2 alone varies and the rows are in memory, else fold by fold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.features import features_of
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.system.threads import one_thread
from tfsoftmax.training.learning_rate import center_of
from tfsoftmax.training.newton.newton import Newton
from tfsoftmax.training.newton.passes import Joint
from tfsoftmax.training.newton.phase import check_rows
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.side_by_side import optima
from tfsoftmax.training.newton.which_inverse import draw_for
from tfsoftmax.training.newton.which_passes import passes_over
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.resolved_recipe import ResolvedRecipe

# What a last step may gain, as a share of the objective. Scores are then within 1e-3 of the
# optimum's (measured on 5,000 digits, C from 1e-4 to 1e4); or the objective is within 1e-7.
_FOR_SCORES, _EXACT = 2e-4, 1e-6
_MOST_STEPS = 50
# Inputs of which a matrix with all others is inverted in a fraction of a second.
_MOST_INPUTS = 2500
# Arrays of all rows and models that are in memory side by side, and numbers in a block of one.
_ARRAYS = 8
_BLOCK_NUMBERS = 2**17

# What blocks are dealt to.
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

Progress = Callable[[int, int], None] | None


def train(
    dataset: Dataset,
    recipes: Sequence[ResolvedRecipe],
    weights: np.ndarray,
    on_progress: Progress = None,
    exact: bool = False,
) -> tuple[list[tf.Tensor], np.ndarray]:
    """Finds the optimum for every recipe and fold.

    Args:
      dataset: its training rows.
      recipes: with the same choices but for l2 and l1, not both 0.
      weights: of the rows, ``[n_samples, folds]``; penalties are those beside the mean loss of rows
        that count 1.
      on_progress: called with the number of optima that were found, and of all.
      exact: whether to go on until the objective is within the recipe's `tol` of its least, or
        1e-6, where float32 can tell; else all folds side by side only until their scores hardly
        change.

    Returns:
      As `cross_validation.train`.

    Raises:
      DataError: if rows cannot be read from the file they are in.
      UsageError: if rows are sparse, and too many (`check_rows`).
    """
    model, recipe = SoftmaxRegression(dataset.spec), recipes[0]
    check_rows(model, dataset.train)
    objective = Objective.of(model, recipe, center_of(model, dataset.train, recipe))
    one_by_one = any(one.l1 for one in recipes) or recipe.label_smoothing
    enough = max(recipe.tol, _EXACT)
    if one_by_one or not _fit(dataset, recipe, weights):
        found = _fold_by_fold(dataset, objective, recipes, weights, on_progress, enough)
    else:
        enough = enough if exact else max(enough, _FOR_SCORES)
        found = _side_by_side(dataset, objective, recipes, weights, on_progress, enough)
    parameters = [tf.constant(part, tf.float32) for part in (found[..., :-1], found[..., -1:])]
    finite = np.asarray(np.isfinite(found).all(axis=(-2, -1)))
    return objective.from_centered(parameters), finite


def _fit(dataset: Dataset, recipe: ResolvedRecipe, weights: np.ndarray) -> bool:
    """Whether rows, and what is kept of them for all folds, are in memory as a whole."""
    n_samples, folds = weights.shape
    inputs = dataset.spec.n_inputs
    numbers = n_samples * (inputs + _ARRAYS * folds * dataset.spec.n_classes)
    in_memory = numbers * np.float32().itemsize <= recipe.memory_limit
    return in_memory and inputs <= _MOST_INPUTS


def _side_by_side(
    dataset: Dataset,
    objective: Objective,
    recipes: Sequence[ResolvedRecipe],
    weights: np.ndarray,
    on_progress: Progress,
    enough: float,
) -> np.ndarray:
    """W and b of every fold and recipe, float64 ``[folds, n_recipes, n_classes, n_inputs + 1]``."""
    n_samples, folds = weights.shape
    n_classes, n_inputs = dataset.spec.n_classes, dataset.spec.n_inputs
    raw = features_of(dataset.train.features)[np.arange(n_samples)]
    inputs = objective.scaled(tf.constant(raw)).numpy()
    if objective.center is not None:
        inputs = inputs - objective.center
    # A constant needs no weight beside the bias.
    varying = np.flatnonzero(np.ptp(inputs, axis=0) > 0)
    X = np.column_stack([inputs[:, varying], np.ones(n_samples, np.float32)])
    labels = np.asarray(dataset.train.labels)
    ones = np.ones(n_samples, np.float32)
    size = max(1, _BLOCK_NUMBERS // (folds * n_classes))
    done, strengths = 0, np.unique([one.l2 for one in recipes])[::-1]

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        if on_progress:
            on_progress(done * len(recipes) // len(strengths) * folds, len(recipes) * folds)
        for first in range(0, n_samples, size):
            part = slice(first, first + size)
            yield X[part], labels[part], ones[part]

    found = np.zeros((folds, len(recipes), n_classes, n_inputs + 1))
    columns = [*varying, n_inputs]
    # Each core has blocks of its own: of one product all but one would wait longer than they work.
    with one_thread(), ThreadPoolExecutor(_CORES) as pool:
        threads = pool if n_samples > size else None
        shape = n_classes, len(varying)
        along = optima(blocks, weights.T, *shape, strengths.tolist(), enough, threads)
        for at in along:
            of_all = np.concatenate([np.zeros_like(at[:, :1]), at], axis=1)
            of_all -= of_all.mean(axis=1, keepdims=True)
            for index, one in enumerate(recipes):
                if one.l2 == strengths[done]:
                    found[:, index, :, columns] = of_all.transpose(2, 0, 1)
            done += 1
    if on_progress:
        on_progress(len(recipes) * folds, len(recipes) * folds)
    return found


def _fold_by_fold(
    dataset: Dataset,
    objective: Objective,
    recipes: Sequence[ResolvedRecipe],
    weights: np.ndarray,
    on_progress: Progress,
    enough: float,
) -> np.ndarray:
    """As `_side_by_side`."""
    recipe, folds = recipes[0], weights.shape[1]
    n_classes, n_inputs = dataset.spec.n_classes, dataset.spec.n_inputs
    sparse = taken_sparse(dataset.train.features, dataset.spec)
    rows = Rows(dataset.train, weights[:, 0], n_classes, recipe.memory_limit, sparse=sparse)
    passes = passes_over(objective, rows, recipe.xla)
    most_l1 = max(one.l1 for one in recipes)
    strong_to_weak = np.lexsort([[-one.l2 for one in recipes], [-one.l1 for one in recipes]])
    found = np.zeros((folds, len(recipes), n_classes, n_inputs + 1))
    for fold in range(folds):
        own = passes.weighing(weights[:, fold])
        draw = draw_for(objective, own, n_inputs, most_l1, recipe.seed)
        at = np.zeros((n_classes, n_inputs + 1))
        for done, index in enumerate(strong_to_weak):
            one = recipes[index]
            newton = Newton(own, draw, one.l2, at, one.l1)
            at = found[fold, index] = _optimum(newton, enough)
            if on_progress:
                on_progress(fold * len(recipes) + done + 1, folds * len(recipes))
    return found


def _optimum(newton: Newton, enough: float) -> Joint:
    for _ in range(_MOST_STEPS):
        if newton.gap <= enough * newton.objective or not newton.step(enough):
            break
    return newton.state.parameters
