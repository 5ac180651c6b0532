"""A learning rate derived from the rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.rows import aligned_empty, read_rows
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.recipes import Recipe

# The largest eigenvalue settles on few rows; on so many numbers it takes a blink.
_SAMPLED_NUMBERS, _FEWEST_ROWS, _ITERATIONS = 2**22, 64, 30
# How much longer than the step that can never be too long: at zero weights the loss of K
# classes curves by 1 / K where its bound is 1 / 2, so that K times as long is the longest
# that does not overshoot there; but not for ever more classes, and not if it never falls.
_BOLDEST, _CONSTANT = 10, 1
_SMALLEST = 1e-30
# As good as any for pixels from 0 to 1, and measured (docs/quality.md).
_OF_PIXELS = 0.5


def resolved(recipe: Recipe, dataset: Dataset, bound: Callable[[], float] | None = None) -> Recipe:
    """The recipe with its number of epochs, and a learning rate that is a number.

    ``"auto"`` is 1 / (curvature / K + l2), K the number of classes, at most 10, where the rate
    falls, and 1 where it is constant; times what momentum leaves of it, ``1 - momentum``.
    None is 0.5 where features are scaled by a range that is known, and else ``"auto"``.

    Args:
      recipe: as it was asked for.
      dataset: to train on.
      bound: what gives the curvature, where it may be known; None finds it.

    Raises:
      DataError: if features are so large that no learning rate suits them.
      UsageError: if l2 is so large.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("mnist5k")
    >>> recipe = resolved(Recipe(learning_rate="auto"), dataset)
    >>> recipe.epochs, recipe.learning_rate
    (24, 0.51)
    """
    recipe = recipe.but(epochs=recipe.epochs_for(len(dataset.train)))
    ranged = dataset.spec.value_range is not None and dataset.spec.scaling is None
    if recipe.learning_rate is None and ranged:
        return recipe.but(learning_rate=_OF_PIXELS)
    if recipe.learning_rate not in ("auto", None):
        return recipe
    falls = recipe.schedule != "constant"
    boldness = min(dataset.spec.n_classes, _BOLDEST) if falls else _CONSTANT
    found = bound() if bound else curvature(SoftmaxRegression(dataset.spec), dataset.train)
    rate = (1 - recipe.momentum) / (found / boldness + recipe.l2)
    if recipe.loss_reduction == "sum":
        rate /= min(recipe.batch_size, len(dataset.train))
    if not rate > _SMALLEST and recipe.l2 > found / boldness:
        raise UsageError(f"l2 {recipe.l2:g} is so strong that no learning rate suits it: lower it")
    if not rate > _SMALLEST:
        raise DataError(
            f"{dataset.name}: features are so large that no learning rate suits them; scale them "
            "to about 1"
        )
    # Two digits: the same on every machine, whatever the order of its sums.
    return recipe.but(learning_rate=float(f"{rate:.2g}"))


def curvature(model: SoftmaxRegression, split: Split) -> float:
    """A bound of the mean loss's curvature, whatever W and b are.

    It is half the largest eigenvalue of ``X' X / n``, X the scaled features with a column of
    ones for the bias; a step of 1 / curvature down the gradient of all rows never goes too
    far. Found by power iteration on a sample of evenly spaced rows.

    Args:
      model: for its scaling.
      split: training rows.

    Reference: Böhning, Multinomial logistic regression algorithm (1992), theorem 1.

    >>> from tfsoftmax import Spec
    >>> rows = Split(np.full((5, 1), 3.0, np.float32), np.zeros(5, np.int32))
    >>> curvature(SoftmaxRegression(Spec((1,), "float32", ("no", "yes"))), rows)
    5.0
    """
    n_samples, n_features = split.features.shape
    wanted = max(_FEWEST_ROWS, _SAMPLED_NUMBERS // n_features)
    places = np.unique(np.linspace(0, n_samples - 1, min(wanted, n_samples)).astype(np.int64))
    sample = aligned_empty((len(places), n_features), split.features.dtype)
    read_rows(split.features, [slice(place, place + 1) for place in places], sample)
    scaled = model.scaled(tf.constant(sample)).numpy().astype(np.float64)
    X = np.column_stack([scaled, np.ones(len(scaled))])
    direction, length = X.mean(axis=0), 0.0
    for _ in range(_ITERATIONS):
        direction = X.T @ (X @ (direction / np.linalg.norm(direction))) / len(X)
        length = float(np.linalg.norm(direction))
    return length / 2
