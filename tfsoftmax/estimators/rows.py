"""From what an estimator is given to fit, ``X, y, sample_weight``, to a dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array, column_or_1d, validate_data

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.exact_numbers import WholeNumbers
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.frames import frame_of
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.matrices import is_matrix, rows_of_matrix
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.in_memory import from_frame
from tfsoftmax.data.sparse_rows import rows_of_entries
from tfsoftmax.data.unknown_categories import UnknownCategories
from tfsoftmax.errors import ArgumentError
from tfsoftmax.estimators.advice import advice_in_pandas
from tfsoftmax.estimators.labels import plain_labels
from tfsoftmax.estimators.notes import notes_once
from tfsoftmax.estimators.unknown import warn_of_unknown
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


class Labelled(NamedTuple):
    """Checked rows to train on.

    Attributes:
      X: numbers ``[n_samples, n_features]``, dense or in compressed rows; or a frame of columns
        of several kinds.
      y: the class of each row.
      weights: what each row counts, float64, above 0.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray


def is_mixed(X: Any) -> bool:
    """Whether this is a table with columns that are no numbers, which become features first."""
    if not (hasattr(X, "columns") and (frame := frame_of(X)) is not None):
        return False
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return not all(is_numeric_dtype(kind) or is_bool_dtype(kind) for kind in frame.dtypes)


def checked_rows(estimator: BaseEstimator, X: Any, *y: Any, reset: bool) -> Any:
    """X, or X and y, as scikit-learn checks them; it sets or checks the estimator's features.

    Args:
      estimator: gets `n_features_in_` and `feature_names_in_`, or has them.
      X: rows; of a mixed table only the columns' names are checked here.
      y: their classes, where they are to be trained on.
      reset: whether the estimator gets its features from these rows.
    """
    y = tuple(map(plain_labels, y))
    if is_mixed(X):
        _check_table(X, empty=not y)
        checked = validate_data(estimator, X, *y, skip_check_array=True, reset=reset)
    else:
        how = {"accept_sparse": "csr", "dtype": (np.float64, np.float32), "reset": reset}
        try:
            checked = validate_data(estimator, X, *y, **how)
        except ValueError as error:
            if not hasattr(X, "columns") and (found := _text_in(X)):
                raise ArgumentError(found) from error
            raise
    if not y:
        return checked
    X, labels = checked
    labels = column_or_1d(labels, warn=True)
    if labels.dtype.kind == "f":
        labels = check_array(labels, ensure_2d=False, dtype=None, input_name="y")
    check_classification_targets(labels)
    return X, labels


def _check_table(X: Any, empty: bool) -> None:
    """Checks a mixed table, in which scikit-learn looks at the names of the columns alone.

    Raises:
      ArgumentError: if it has no rows, unless it may be empty, or columns of several levels.
    """
    if getattr(X.columns, "nlevels", 1) > 1:
        raise ArgumentError(
            "X has columns of several levels: give each one name, as in "
            'X.set_axis(["_".join(map(str, each)) for each in X.columns], axis=1)'
        )
    if not empty and not len(X):
        raise ArgumentError("X has no rows; at least one of each class is needed")


def _text_in(X: Any) -> str | None:
    """What to say of the first text among rows that should be numbers; None if there is none."""
    cells = np.asarray(X, object)
    if cells.ndim != 2:
        return None
    for row, column in np.ndindex(cells.shape):
        if isinstance(text := cells[row, column], str):
            try:
                float(text)
            except ValueError:
                return (
                    f"X, row {row}, column {column}: {str(text)!r} is not a number; give "
                    "a DataFrame, whose columns of text are taken as categories"
                )
    return None


def names_of(estimator: BaseEstimator) -> tuple[str, ...] | None:
    """The names of the features that an estimator was given, if they have any."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else tuple(names.tolist())


def labelled_rows(X: Any, y: np.ndarray, sample_weight: Any, class_weight: Any) -> Labelled:
    """The rows that count something, and what they count.

    Args:
      X: rows, checked.
      y: their classes, checked.
      sample_weight: what each row counts; None is 1.
      class_weight: what the rows of each class count, as scikit-learn has it.

    Raises:
      ArgumentError: if no row counts anything.
      ValueError: from scikit-learn, of weights that do not suit the rows.
    """
    checked = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    weights = np.array(checked)
    if class_weight is not None:
        found, codes = np.unique(y, return_inverse=True)
        weights *= _of_classes(class_weight, found, codes, y, weights)[codes]
    counted = weights > 0
    if not counted.any():
        raise ArgumentError(
            "every sample weight is zero, once times class_weight: at least one must be a "
            "non-zero number"
        )
    if counted.all():
        return Labelled(X, y, weights)
    chosen = np.flatnonzero(counted)
    X = X.iloc[chosen] if hasattr(X, "iloc") else X[chosen]
    return Labelled(X, y[chosen], weights[chosen])


def _of_classes(
    class_weight: Any, classes: np.ndarray, codes: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    if class_weight == "balanced":
        totals = np.bincount(codes, weights, minlength=len(classes))
        counted = totals > 0
        each = weights.sum() / counted.sum()
        return np.divide(each, totals, out=np.zeros_like(totals), where=counted)
    return compute_class_weight(class_weight, classes=classes, y=y)


def classes_of(estimator: BaseEstimator, rows: Labelled) -> np.ndarray:
    """The classes of the rows, sorted.

    Raises:
      ArgumentError: if there is one alone.
    """
    classes = np.unique(rows.y)
    if len(classes) < 2:
        raise ArgumentError(
            f"{type(estimator).__name__} needs rows of at least 2 classes; all that count are of "
            f"one class, {classes.tolist()[0]!r}"
        )
    return classes


def names_of_classes(classes: np.ndarray) -> tuple[str, ...]:
    """The classes as texts, as exported models have them.

    >>> names_of_classes(np.array([1.0, 2.0])), names_of_classes(np.array(["a", "b"]))
    (('1', '2'), ('a', 'b'))
    """
    whole = classes.dtype.kind == "f" and (classes == np.floor(classes)).all()
    return tuple(map(str, (classes.astype(np.int64) if whole else classes).tolist()))


def dataset_of(
    rows: Labelled, classes: np.ndarray, names: tuple[str, ...] | None, like: Spec | None = None
) -> Dataset:
    """A dataset to train on.

    Args:
      rows: checked.
      classes: all, in order.
      names: of the features, if they have any.
      like: of a model whose features they become; None learns from a mixed table what its columns
        become.

    Raises:
      DataError: naming a value that is beyond float32, or a cell that cannot be read.
    """
    if not is_mixed(rows.X):
        features = features_of(rows.X)
        spec = Spec((features.shape[1],), "float32", (), feature_names=names)
        _note_rounded(rows.X, spec)
    elif like is not None:
        unknown = UnknownCategories(like.encoding)
        features, spec = rows_for(like, rows.X, "X", unknown=unknown), like
        warn_of_unknown(unknown, level=4)
    else:
        features, spec = _encoded(rows)
    spec = replace(spec, class_names=names_of_classes(classes))
    codes = np.searchsorted(classes, rows.y).astype(np.int32)
    same = (rows.weights == rows.weights[0]).all()
    train = Split(features, codes, None if same else rows.weights.astype(np.float32))
    # A dataset has test rows; nobody looks at what is measured on them here, so one is enough.
    return Dataset("X", spec, train, train.take(np.zeros(1, np.int64)))


def _note_rounded(X: Any, spec: Spec) -> None:
    """Notes columns whose values lose much in float32."""
    if not is_matrix(X):
        numbers = WholeNumbers("X")
        numbers.add_rows(spec, X)
        with notes_once():
            numbers.check()


def _encoded(rows: Labelled) -> tuple[FeaturesLike, Spec]:
    """A mixed table as features, and what its columns became."""
    table = frame_of(rows.X)
    assert table is not None
    frame = table.rename(columns=str)
    label = "label"
    while label in frame.columns:
        label += "_"
    codes = np.unique(rows.y, return_inverse=True)[1]
    labelled = frame.assign(**{label: np.char.add("class ", codes.astype(str))})
    options = SourceOptions(label_column=label)
    with advice_in_pandas(), notes_once():
        found = from_frame(labelled, name="X", options=options, hold_out=False)
    return found.train.features, found.spec


def features_of(X: Any) -> FeaturesLike:
    """Checked numbers as rows that are trained on, float32."""
    if is_matrix(X):
        return rows_of_entries(rows_of_matrix(X, "X").read_sparse([slice(None)]))
    with np.errstate(over="ignore"):  # What becomes infinite is found when it is checked.
        return np.ascontiguousarray(X, np.float32)
