"""The optimum at every l2, fold by fold: from strong to weak, each from where the last one was.

What `cross_validation.train` does for candidates that SGD trains, this does for Newton's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.training.learning_rate import center_of
from tfsoftmax.training.newton.newton import Newton
from tfsoftmax.training.newton.passes import Joint
from tfsoftmax.training.newton.phase import check_rows
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.small import passes_over
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.resolved_recipe import ResolvedRecipe

# Scores do not change once the objective is so near its minimum, as a share of it.
_ENOUGH = 1e-6
_MOST_STEPS = 50


def train(
    dataset: Dataset,
    recipes: Sequence[ResolvedRecipe],
    weights: np.ndarray,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[tf.Tensor], np.ndarray]:
    """Finds the optimum for every recipe and fold.

    Args:
      dataset: its training rows.
      recipes: with the same choices but for l2 and l1, not both 0.
      weights: of the rows, ``[n_samples, folds]``.
      on_progress: called after every optimum with the number of those found, and of all.

    Returns:
      As `cross_validation.train`.

    Raises:
      DataError: if rows cannot be read from the file they are in.
      UsageError: if rows are sparse, and too many (`check_rows`).
    """
    model, recipe = SoftmaxRegression(dataset.spec), recipes[0]
    check_rows(model, dataset.train)
    objective = Objective.of(model, recipe, center_of(model, dataset.train, recipe))
    n_classes, n_inputs = dataset.spec.n_classes, dataset.spec.n_inputs
    rows = Rows(dataset.train, weights[:, 0], n_classes, recipe.memory_limit)
    passes = passes_over(objective, rows, recipe.xla)
    strong_to_weak = np.lexsort([[-one.l2 for one in recipes], [-one.l1 for one in recipes]])
    folds = weights.shape[1]
    found = np.zeros((folds, len(recipes), n_classes, n_inputs + 1))
    for fold in range(folds):
        own = passes.weighing(weights[:, fold])
        draw = Draw(objective, own.rows, recipe.seed)
        at = np.zeros((n_classes, n_inputs + 1))
        for done, index in enumerate(strong_to_weak):
            one = recipes[index]
            newton = Newton(own, draw, one.l2, at, one.l1)
            at = found[fold, index] = _optimum(newton, recipe.tol)
            if on_progress:
                on_progress(fold * len(recipes) + done + 1, folds * len(recipes))
    parameters = [tf.constant(part, tf.float32) for part in (found[..., :-1], found[..., -1:])]
    finite = np.asarray(np.isfinite(found).all(axis=(-2, -1)))
    return objective.from_centered(parameters), finite


def _optimum(newton: Newton, tol: float) -> Joint:
    enough = max(tol, _ENOUGH)
    for _ in range(_MOST_STEPS):
        if newton.gap <= enough * newton.objective or not newton.step(enough):
            break
    return newton.state.parameters
