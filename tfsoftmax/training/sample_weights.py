"""How much each training row counts."""

from __future__ import annotations

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting
from tfsoftmax.training.recipe import ClassWeight


def row_weights(
    split: Split, class_names: tuple[str, ...], class_weight: ClassWeight
) -> np.ndarray | None:
    """The rows' weights, their own times their class's, with mean 1.

    Because their mean is 1, the learning rate and the penalties of the `Objective` mean the same
    with weights as without.

    Args:
      split: training rows.
      class_names: of all classes.
      class_weight: a weight for each class by name, 1 for those not named; or
        ``"balanced"``, which makes all classes count the same, however many rows each has:
        ``n_samples / (n_classes * rows of the class)``, rows counted by their own weights.

    Returns:
      float32 ``[n_samples]``, or None where all count the same.

    Raises:
      UsageError: if `class_weight` names an unknown class, or is 0 for every class with rows.

    Reference: King and Zeng, Logistic regression in rare events data (2001), eq. 8, for
    ``"balanced"``, as scikit-learn has it.

    >>> split = Split(np.zeros((4, 1)), np.array([0, 1, 1, 1], np.int32))
    >>> row_weights(split, ("rare", "common"), "balanced").tolist()
    [2.0, 0.6666666865348816, 0.6666666865348816, 0.6666666865348816]
    """
    weights = _exact_weights(split, class_names, class_weight)
    return None if weights is None else weights.astype(np.float32)


def _exact_weights(
    split: Split, class_names: tuple[str, ...], class_weight: ClassWeight
) -> np.ndarray | None:
    if class_weight is None and split.weights is None:
        return None
    labels = np.asarray(split.labels)
    own = np.ones(len(labels)) if split.weights is None else split.weights.astype(np.float64)
    weights = own * _of_classes(labels, own, class_names, class_weight)[labels]
    if not weights.any():
        raise UsageError(setting("class_weight") + " is 0 for every class that has rows")
    return weights / weights.mean()


def full_row_weights(
    split: Split, class_names: tuple[str, ...], class_weight: ClassWeight
) -> np.ndarray:
    """`row_weights` in float64, with a 1 for every row where all count the same."""
    weights = _exact_weights(split, class_names, class_weight)
    return np.ones(len(split)) if weights is None else weights


def _of_classes(
    labels: np.ndarray, own: np.ndarray, names: tuple[str, ...], class_weight: ClassWeight
) -> np.ndarray:
    if class_weight is None:
        return np.ones(len(names))
    if isinstance(class_weight, str):
        totals = np.bincount(labels, own, minlength=len(names))
        return np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    unknown = [name for name in class_weight if name not in names]
    if unknown:
        raise UsageError(
            setting("class_weight") + f" names a class {unknown[0]!r} that is not there; there are "
            f"{', '.join(names[:10])}"
        )
    return np.array([class_weight.get(name, 1.0) for name in names], np.float64)
