"""Weights for every strength of the penalty on every split of the rows, found side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.matrices import is_matrix
from tfsoftmax.estimators.recipes import recipe_for
from tfsoftmax.estimators.rows import Labelled, dataset_of, is_mixed, labelled_rows
from tfsoftmax.estimators.train import start_tensorflow
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from tfsoftmax.estimators.classifier import SoftmaxClassifier
    from tfsoftmax.training.resolved_recipe import ResolvedRecipe

# Weights of all models that are found side by side: 256 MB.
_WEIGHTS = 2**26


class Given(NamedTuple):
    """What is split.

    Attributes:
      X: rows, checked.
      y: their classes.
      sample_weight: what each row counts; None is 1.
      classes: of all rows that count, in order.
    """

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None
    classes: np.ndarray


class OfSplit(NamedTuple):
    """The weights for every strength on one split.

    Attributes:
      spec: of the models.
      W: ``[n_strengths, n_classes, n_inputs]``.
      b: ``[n_strengths, n_classes]``.
    """

    spec: Spec
    W: np.ndarray
    b: np.ndarray


def of_splits(
    classifiers: Sequence[SoftmaxClassifier], given: Given, fitted: Sequence[np.ndarray]
) -> Iterator[OfSplit | None]:
    """The weights that each classifier would have, were it fitted on each split by itself.

    Args:
      classifiers: with the same arguments but for `C`.
      given: all rows.
      fitted: indices of those that each split trains on.

    Yields:
      For each split the weights, within `tol` of the optimum, or 1e-6, as a share of the objective
      and where float32 can tell; or None where fits on their own are not the same: each has a
      scaling or a vocabulary of its own, or there is no row of a class; or where there is no path:
      without l2, beside an l1, or of sparse rows.
    """
    if not _have_a_path(classifiers, given.X):
        yield from [None] * len(fitted)
        return
    dataset, recipes = _prepared(classifiers, given)
    size = max(1, _WEIGHTS // (len(recipes) * len(given.classes) * given.X.shape[1]))
    for first in range(0, len(fitted), size):
        group = fitted[first : first + size]
        yield from _of_group(
            dataset, recipes, [_counts(classifiers[0].class_weight, given, own) for own in group]
        )


def _have_a_path(classifiers: Sequence[SoftmaxClassifier], X: Any) -> bool:
    plain = classifiers[0].scaling == "none" and not classifiers[0].l1_ratio
    numbers = not is_mixed(X) and not is_matrix(X)
    return plain and numbers and all(np.isfinite(one.C) for one in classifiers)


def _prepared(
    classifiers: Sequence[SoftmaxClassifier], given: Given
) -> tuple[Dataset, list[ResolvedRecipe]]:
    """All rows, and the recipes of a path over them."""
    start_tensorflow()
    from tfsoftmax.training.prepare import prepare

    X, y, _, classes = given
    # Any class will do for rows that never count.
    y = np.where(np.isin(y, classes), y, classes[0])
    dataset = dataset_of(Labelled(X, y, np.ones(len(y))), classes, None)
    # What rows count adds up to something else on every split, so the path has it as it is.
    asked = [recipe_for(one, len(classes), len(y)).but(epochs=0) for one in classifiers]
    prepared = [prepare(dataset, one) for one in asked]
    return prepared[0][0], [recipe for _, recipe in prepared]


def _counts(class_weight: Any, given: Given, fitted: np.ndarray) -> np.ndarray | None:
    """What each row counts on a split, ``[n_samples]``; None where a class does not count there."""
    indices = np.arange(len(given.y))[fitted]
    own = None if given.sample_weight is None else given.sample_weight[indices]
    rows = labelled_rows(indices, given.y[indices], own, class_weight)
    if len(np.unique(rows.y)) < len(given.classes):
        return None
    # Some splitters draw a row several times.
    return np.bincount(rows.X, rows.weights, len(given.y)).astype(np.float32)


def _of_group(
    dataset: Dataset, recipes: Sequence[ResolvedRecipe], counts: Sequence[np.ndarray | None]
) -> Iterator[OfSplit | None]:
    from tfsoftmax.training.newton import path

    whole = [own for own in counts if own is not None]
    if whole:
        (W, b), finite = path.train(dataset, recipes, np.stack(whole, axis=1), exact=True)
        found = zip(W.numpy(), b.numpy()[..., 0], np.asarray(finite.all(axis=1)), strict=True)
    for own in counts:
        weights = None if own is None else next(found)
        yield OfSplit(dataset.spec, *weights[:2]) if weights and weights[2] else None
