"""The coefficients of a model by original column and category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfsoftmax.errors import UsageError
from tfsoftmax.explanation import class_index
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

Sort = Literal["column", "magnitude"]
INTERCEPT = "(intercept)"
# Kinds of columns whose features are hash buckets, behind one for a missing or empty cell.
_HASHED = ("hashed", "cross", "text")


def coefficients(
    model: Any,
    *,
    classes: Sequence[str] | None = None,
    top: int | None = None,
    sort: Sort | None = None,
    centred: bool = False,
) -> pd.DataFrame:
    """The coefficients of a model, a row for each feature and class.

    Softmax has a coefficient more than it needs: adding the same number to a feature's
    coefficients in all classes changes no probability, so only their differences mean something.
    Training that starts at zero with an l2 penalty, or none, keeps their sum 0; l1 and other
    starts do not. Of two classes, the log odds of the second have the difference of the two,
    which is twice the coefficient of the second where the sum is 0.

    With ``x`` a raw feature and ``missing`` 1 where a feature that has a missing-value indicator
    is missing, else 0, the logit of a class is::

        intercept + sum(coefficient * (x - offset) * scale) + sum(coefficient * missing)
        = raw intercept + sum(raw coefficient * x) + sum(raw coefficient * missing)
        raw coefficient = coefficient * scale
        raw intercept = intercept - sum(raw coefficient * offset)

    where offset and scale are those of ``model.spec.scaled_by``. A missing ``x`` counts as its
    ``fill``. If it has a ``limit``, the second line holds as far as all scaled features are
    between -limit and limit.

    Hash buckets whose coefficients are 0 in every class are left out (`unused_buckets`).

    Args:
      model: a `SoftmaxRegression`, or what has one and returns it with ``model()``, as a loaded
        SavedModel.
      classes: to be listed; None lists all.
      top: how many coefficients of each class to list, those of the largest magnitude and
        without the intercept; None lists all.
      sort: by ``"column"``, as the model has them, or by ``"magnitude"``, the largest first; the
        intercepts stand first. None is by magnitude with `top`, else by column.
      centred: whether the mean over all classes is subtracted from a feature's coefficients, and
        from the intercepts, which makes their sums 0.

    Returns:
      A frame with the columns ``column`` (of the table; of rows without names, the feature),
      ``feature`` (which names its category, hash bucket or part of a date, too), ``class``,
      ``coefficient`` (of the scaled feature, as W has it) and ``raw_coefficient`` (for each unit
      of the raw feature).

    Raises:
      UsageError: if the model has no such class, or `top` or `sort` is out of range.

    >>> import tfsoftmax
    >>> spec = tfsoftmax.Spec((2,), "float32", ("no", "yes"), feature_names=("age", "fare"),
    ...     scaling=tfsoftmax.Scaling((30.0, 0.0), (0.1, 1.0)))
    >>> model = tfsoftmax.SoftmaxRegression(spec)
    >>> _ = model.W.assign([[-1.0, 1.0], [-2.0, 2.0]])
    >>> print(coefficients(model, classes=["yes"]).to_string(index=False))
         column     feature class  coefficient  raw_coefficient
    (intercept) (intercept)   yes          0.0             -3.0
            age         age   yes          1.0              0.1
           fare        fare   yes          2.0              2.0
    """
    import pandas as pd

    model = model if hasattr(model, "W") else model.model()
    spec: Spec = model.spec
    check_chosen(spec, classes, top, sort)
    W, b = (parameter.numpy().astype(np.float64) for parameter in model.parameters)
    kept = np.flatnonzero(~_unused(spec, W))
    if centred:
        W -= W.mean(axis=1, keepdims=True)
        b -= b.mean()
    raw_W, raw_b = _raw(spec, W, b)
    shown = [spec.class_names.index(name) for name in classes or spec.class_names]
    sort = sort or ("magnitude" if top else "column")
    inputs, labels = _chosen(np.abs(W[kept][:, shown]), top, sort)
    inputs, labels = kept[inputs], np.array(shown)[labels]
    names = {index: (column_name(spec, index), spec.feature_name(index)) for index in set(inputs)}
    rows = pd.DataFrame(
        {
            "column": [names[index][0] for index in inputs],
            "feature": [names[index][1] for index in inputs],
            "class": np.array(spec.class_names, object)[labels],
            "coefficient": W[inputs, labels],
            "raw_coefficient": raw_W[inputs, labels],
        }
    )
    if top:
        return rows
    intercepts = pd.DataFrame(
        {
            "column": INTERCEPT,
            "feature": INTERCEPT,
            "class": np.array(spec.class_names, object)[shown],
            "coefficient": b[shown],
            "raw_coefficient": raw_b[shown],
        }
    )
    return pd.concat([intercepts, rows], ignore_index=True)


def unused_buckets(model: Any) -> int:
    """How many hash buckets of a model have the coefficient 0 in every class.

    Nothing in the training rows fell into them, or l1 made them 0.

    Args:
      model: as for `coefficients`.
    """
    model = model if hasattr(model, "W") else model.model()
    return int(_unused(model.spec, model.W.numpy()).sum())


def _unused(spec: Spec, W: np.ndarray) -> np.ndarray:
    """Which inputs are hash buckets whose coefficients are all 0, bool ``[n_inputs]``."""
    hashed = np.zeros(len(W), bool)
    if spec.encoding is not None:
        for first, column in zip(spec.encoding.offsets, spec.encoding.columns, strict=False):
            if column.kind in _HASHED:
                hashed[first + 1 : first + column.n_features] = True
    return hashed & ~W.any(axis=1)


def check_chosen(
    spec: Spec, classes: Sequence[str] | None, top: int | None, sort: Sort | None
) -> None:
    """Checks what `coefficients` is asked for, whose arguments these are; without TensorFlow.

    Raises:
      UsageError: if the model has no such class, or `top` or `sort` is out of range.
    """
    for name in classes or ():
        class_index(spec, name)
    if top is not None and top < 1:
        raise UsageError(setting("top") + f" must be at least 1, not {top}")
    if sort not in (None, "column", "magnitude"):
        raise UsageError(setting("sort") + f" must be column or magnitude, not {sort!r}")


def _raw(spec: Spec, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same coefficients and intercepts for features that are not scaled."""
    # As the model has them, in float32.
    offset, scale = (
        np.broadcast_to(np.asarray(numbers, np.float32), spec.n_features).astype(np.float64)
        for numbers in (spec.scaled_by.offset, spec.scaled_by.scale)
    )
    features = W[: spec.n_features] * scale[:, None]
    return np.concatenate([features, W[spec.n_features :]]), b - offset @ features


def _chosen(magnitudes: np.ndarray, top: int | None, sort: Sort) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the coefficients to list, in order: their rows and their columns."""
    n_inputs, n_classes = magnitudes.shape
    found = np.arange(n_inputs * n_classes)
    if top and top < n_inputs:
        largest = np.argpartition(-magnitudes, top - 1, axis=0)[:top]
        found = np.sort((largest * n_classes + np.arange(n_classes)).ravel())
    if sort == "magnitude":
        found = found[np.argsort(-magnitudes.ravel()[found], kind="stable")]
    inputs, labels = np.divmod(found, n_classes)
    return inputs, labels


def column_name(spec: Spec, index: int) -> str:
    """The column of the table that an input of the model is made of."""
    if index >= spec.n_features:
        index = spec.scaled_by.indicators[index - spec.n_features]
    if spec.encoding is not None:
        return spec.encoding.column_of(index).name
    return spec.feature_name(index)
