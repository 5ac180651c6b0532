"""Converts what a caller passes in to rows and labels for a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfsoftmax.data.dataset import Split, check_finite
from tfsoftmax.data.encoded import cells_of_frame, features_of_cells
from tfsoftmax.data.exact_numbers import convert_exactly
from tfsoftmax.data.features import Features, FeaturesLike
from tfsoftmax.data.frames import frame_of, numbers_of_frame
from tfsoftmax.data.matrices import is_matrix, rows_of_matrix
from tfsoftmax.data.unknown_categories import UnknownCategories
from tfsoftmax.errors import DataError, ModelError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

_REMEDY = "train with " + setting("missing", "mean") + ", whose models fill it in themselves"


def rows_for(
    spec: Spec,
    given: Any,
    where: str = "rows",
    first_row: int = 0,
    unknown: UnknownCategories | None = None,
) -> FeaturesLike:
    """Converts a table, an array or a list to rows in the form that a model takes.

    The columns of a table are matched by name with the model's features: their order does not
    matter, and other columns are ignored. If the table's columns or the model's features have no
    names, columns are matched by position, and there must be as many. So are those of arrays
    and lists.

    Args:
      spec: of the model.
      given: a pandas or polars frame, a structured array, a dictionary of columns, a list of
        dictionaries, one for each row; a sparse matrix of SciPy's, whose entries of one place
        are added up; or whatever `numpy.asarray` takes, ``[n_samples, n_features]`` or
        ``[n_samples, *example_shape]``, which are features already where a model encodes its
        columns; or a `Split`.
      where: what to call the rows in an error.
      first_row: number of the first row in an error.
      unknown: counts categories that the model does not know.

    Returns:
      ``[n_samples, n_features]`` in the spec's dtype; shares the memory of `given` if possible.

    Raises:
      ModelError: if columns or shape are not those of the model.
      DataError: naming row and feature of a value that is not a number, is infinite or out of
        the range of the model's dtype, or is missing although the model does not impute.

    >>> import pandas as pd
    >>> spec = Spec((2,), "float32", ("no", "yes"), feature_names=("x", "y"))
    >>> rows_for(spec, pd.DataFrame({"y": [1], "id": [7], "x": [2]})).tolist()
    [[2.0, 1.0]]
    """
    table = frame_of(given)
    if table is not None and spec.encoding is not None:
        remedy = None if spec.missing else _REMEDY
        cells = cells_of_frame(spec.encoding, table, where, first_row, remedy)
        encoded = features_of_cells(spec.encoding, cells)
        if unknown is not None:
            unknown.add(cells, encoded)
        rows: FeaturesLike = encoded
    elif table is not None:
        rows = numbers_of_frame(spec, table, where, first_row)
    else:
        array = given.features if isinstance(given, Split) else given
        rows = _of_array(spec, array, where, first_row)
    if rows.dtype != spec.dtype:
        rows = convert_exactly(where, rows[:], spec, first_row)
        _check_brightness(spec, rows, where)
    check_finite(where, rows, spec, first_row, remedy=_REMEDY)
    return rows


def labels_for(spec: Spec, labels: Any, where: str = "labels") -> np.ndarray:
    """Converts labels to the indices of the model's classes.

    Args:
      spec: of the model.
      labels: ``[n_samples]``, integers, strings or booleans: the names of classes, not their
        indices.
      where: what to call the labels in an error.

    Returns:
      int32 ``[n_samples]`` in ``[0, n_classes)``.

    Raises:
      ModelError: if the model does not have a class.
      DataError: naming the row of a label that is missing.

    >>> labels_for(Spec((2,), "float32", ("3", "7")), [7, 7.0, 3]).tolist()
    [1, 1, 0]
    """
    from tfsoftmax.data.labels import ClassNames

    found = ClassNames(where)
    codes = found.codes(np.asarray(labels))
    return positions_of(found.sorted(np.arange(len(set(codes.tolist())))), spec, where)[codes]


def positions_of(names: Sequence[str], spec: Spec, where: str) -> np.ndarray:
    """The index of each of these classes among the model's, int32.

    Raises:
      ModelError: if the model does not have one.
    """
    ours = {name: index for index, name in enumerate(spec.class_names)}
    unknown = next((name for name in names if name not in ours), None)
    if unknown is not None:
        raise ModelError(
            f"{where}: the model does not know class {unknown!r}; its classes are "
            f"{', '.join(spec.class_names[:10])}{', ...' if spec.n_classes > 10 else ''}"
        )
    return np.array([ours[name] for name in names], np.int32)


def _of_array(spec: Spec, given: Any, where: str, first_row: int) -> FeaturesLike:
    each = spec.n_features
    if is_matrix(given):
        _check_shape(spec, given.shape, where)
        return rows_of_matrix(given, where, first_row)
    if isinstance(given, Features):
        _check_shape(spec, given.shape, where)
        return given
    array = _to_array(given, where)
    if array.ndim == 1 and (each == 1 or not array.size):
        return array.reshape(-1, each)
    _check_shape(spec, array.shape, where)
    return array.reshape(len(array), each)


def _check_brightness(spec: Spec, rows: FeaturesLike, where: str) -> None:
    """Rejects rows of 0 to 1 for a model that takes 0 to 255, for which they are almost black."""
    low, high = spec.value_range or (0.0, 1.0)
    if high > 1 and np.max(rows, initial=0) == 1:
        raise ModelError(
            f"{where}: the largest value is 1, and the model takes {low:g} to {high:g}: multiply "
            f"the rows by {high:g}, or give them as {spec.dtype} if they are so dark"
        )


def _check_shape(spec: Spec, shape: tuple[int, ...], where: str) -> None:
    wanted = tuple(dict.fromkeys((spec.example_shape, (spec.n_features,))))
    if len(shape) > 1 and _squeeze(shape[1:]) in map(_squeeze, wanted):
        return
    if shape in wanted:
        raise ModelError(
            f"{where}: found one example, of shape {shape}; the model takes rows of them: "
            "x[None] makes one row of an array, frame.iloc[[0]] of a table"
        )
    if len(shape) == 2 and len(spec.example_shape) == 1:
        raise ModelError(
            f"{where}: the model takes {spec.n_features} features a row, not {shape[1]}"
        )
    shapes = " or ".join(str(("n", *one)).replace("'", "") for one in wanted)
    raise ModelError(f"{where}: the model takes rows of shape {shapes}, not {shape}")


def _squeeze(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _to_array(given: Any, where: str) -> np.ndarray:
    """Converts `given` to an array of numbers or booleans."""
    try:
        array = np.ma.filled(given.astype(np.float64), np.nan) if _is_masked(given) else given
        array = np.asanyarray(array)
        if array.dtype.kind == "O" and array.ndim:
            texts = [isinstance(value, str | bytes) for value in array.flat]
            if any(texts):
                found = array.flat[texts.index(True)]
                raise DataError(f"{where}: found the text {found!r}; the model takes numbers")
            array = array.astype(np.float64)  # None becomes NaN
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{where}: expected rows of numbers, all of one length ({str(error).splitlines()[0]})"
        ) from error
    if array.dtype.kind not in "iufb":
        raise DataError(f"{where}: found values of type {array.dtype}; the model takes numbers")
    return array


def _is_masked(given: Any) -> bool:
    return isinstance(given, np.ma.MaskedArray)
