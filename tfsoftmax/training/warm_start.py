"""Continues from a trained model, on new rows and with classes that are new to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.record import DataRecord
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.errors import ModelError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Spec
from tfsoftmax.training.same_columns import with_same_columns

NewClasses = Literal["error", "add", "ignore"]
# How far below the mean of the others a new class's logit starts: its probability is then at
# most a millionth of their mean.
_MARGIN = np.log(1e6)


def warm_start(
    model: SoftmaxRegression, dataset: Dataset, new_classes: NewClasses = "error"
) -> tuple[SoftmaxRegression, Dataset]:
    """Matches a trained model and a new dataset to each other, for `fit`.

    Columns of a table are matched by name, and the model's weights follow the dataset's order. Of
    an encoded table the model keeps its columns and categories; those that only the dataset has
    are added, with the weights of unknown ones, so every row is predicted as before and nothing
    learnt is lost.
    Classes are matched by name, too, and those that the model knows keep their order. A class that
    is added gets the mean of all columns of W and of b, less 14 in b. A mean is never above the
    largest, so every row is predicted as before, and no probability changes by more than a
    millionth.

    Args:
      model: trained before; it is not changed.
      dataset: to continue training on.
      new_classes: what to do with rows of classes the model does not know: raise an
        ``"error"``, ``"add"`` the class, or ``"ignore"`` the rows.

    Returns:
      The model to start from, and the dataset with labels as the model has them.

    Raises:
      ModelError: if the model does not take the dataset's examples, naming a column that only
        one of them has; or on a new class.
      UsageError: if `new_classes` is none of the three.
      DataError: if ignoring leaves no rows.

    >>> import tfsoftmax
    >>> rows = Split(np.eye(3, dtype=np.float32), np.int32([0, 1, 2]))
    >>> dataset = Dataset("now", tfsoftmax.Spec((3,), "float32", ("a", "c", "d")), rows, rows)
    >>> before = SoftmaxRegression(tfsoftmax.Spec((3,), "float32", ("a", "b", "c")))
    >>> start, aligned = warm_start(before, dataset, "add")
    >>> start.spec.class_names, aligned.train.labels.tolist()
    (('a', 'b', 'c', 'd'), [0, 2, 3])
    """
    if new_classes not in ("error", "add", "ignore"):
        raise UsageError(
            setting("new_classes") + f" must be error, add or ignore, not {new_classes!r}"
        )
    origin = DataRecord.of(dataset)
    model, dataset = with_same_columns(model, dataset)
    _check_examples(model, dataset)
    known = model.spec.class_names
    new = tuple(name for name in dataset.spec.class_names if name not in known)
    if new and new_classes == "error":
        raise ModelError(
            f"the model to start from does not know class {new[0]!r} of {dataset.name}; "
            "add it with "
            + setting("new_classes", "add")
            + ", or leave its rows out with "
            + setting("new_classes", "ignore")
        )
    names = known + new if new_classes == "add" else known
    ours = {name: index for index, name in enumerate(names)}
    new_labels = np.array([ours.get(name, -1) for name in dataset.spec.class_names])
    spec = replace(model.spec, class_names=names)
    aligned = replace(
        dataset,
        spec=spec,
        train=_relabel(dataset.train, new_labels),
        test=_relabel(dataset.test, new_labels),
        validation=dataset.validation and _relabel(dataset.validation, new_labels),
        origin=origin,
    )
    return _add_classes(model, spec), aligned


def _check_examples(model: SoftmaxRegression, dataset: Dataset) -> None:
    ours, theirs = (
        (spec.example_shape, spec.dtype, spec.value_range) for spec in (model.spec, dataset.spec)
    )
    if ours != theirs:
        remedy, wanted = "", model.spec.n_features
        if isinstance(dataset.train.features, SparseFeatures) and dataset.spec.n_features < wanted:
            remedy = ": read it with " + setting("n_features", wanted)
        raise ModelError(
            f"the model to start from takes examples of shape, type and range {ours}, but "
            f"{dataset.name} has {theirs}" + remedy
        )


def _relabel(split: Split, new_labels: np.ndarray) -> Split:
    labels = new_labels[split.labels].astype(np.int32)
    if (labels >= 0).all():
        return replace(split, labels=labels)
    return replace(split, labels=labels).take(np.flatnonzero(labels >= 0))


def _add_classes(model: SoftmaxRegression, spec: Spec) -> SoftmaxRegression:
    count = spec.n_classes - model.spec.n_classes
    grown = SoftmaxRegression(spec)
    W, b = (parameter.numpy().astype(np.float64) for parameter in model.parameters)
    grown.W.assign(np.column_stack([W, *[W.mean(axis=1)] * count]))
    grown.b.assign(np.append(b, [b.mean() - _MARGIN] * count))
    return grown
