"""Groups rows by what they have in a column of their table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfsoftmax.columns.column import Column
from tfsoftmax.data.chosen_columns import ChosenColumns
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

MISSING, OTHER = "(missing)", "(other)"
# A column of numbers with more values than this is cut into quarters of its rows.
_MOST_NUMBERS = 10
_QUARTERS = (0.25, 0.5, 0.75)


class Groups(NamedTuple):
    """Rows in groups.

    Attributes:
      names: of the groups: a value, a range of numbers, ``(missing)``, or ``(other)`` for
        categories that are not in the vocabulary.
      codes: the group of each row, int ``[n_samples]``.
    """

    names: list[str]
    codes: np.ndarray


def column_groups(name: str, spec: Spec, features: FeaturesLike) -> Groups:
    """Groups rows by a column of categories or numbers.

    Numbers of up to 10 different values are grouped by value, others by the quarters of these
    rows.

    Args:
      name: of the column.
      spec: of the rows.
      features: ``[n_samples, n_features]``.

    Raises:
      DataError: if there is no such column, or it is neither of categories nor of numbers.

    >>> spec = Spec((1,), "float32", ("no", "yes"), feature_names=("age",))
    >>> column_groups("age", spec, np.float32([[3], [4], [3]]))
    Groups(names=['3', '4', '(missing)'], codes=array([0, 1, 0]))
    """
    column, first = find_column(name, spec)
    if column.kind in ("number", "boolean"):
        return _number_groups(name, ChosenColumns(features, [first])[:][:, 0])
    if column.kind not in ("category", "buckets"):
        raise DataError(
            f"column {name!r} is read as {column.kind}; rows are grouped by columns of categories "
            "or numbers"
        )
    own = ChosenColumns(features, np.arange(first, first + column.n_features))[:]
    if column.kind == "category":
        return Groups([MISSING, OTHER, *column.vocabulary], own.argmax(axis=1))
    names = [MISSING, *(column.feature_name(index) for index in range(1, column.n_features))]
    return Groups(names, own.argmax(axis=1))


def find_column(name: str, spec: Spec) -> tuple[Column, int]:
    """A column of the table that a model's features come from, and the first of its features.

    Raises:
      DataError: if there is none of that name.
    """
    columns, first = columns_of_spec(spec), 0
    for column in columns:
        if column.name == name:
            return column, first
        first += column.n_features
    raise DataError(f"no column {name!r} among {', '.join(column.name for column in columns[:20])}")


def columns_of_spec(spec: Spec) -> tuple[Column, ...]:
    """The columns in the order of the features; features without names are called as `Spec` does.

    >>> [column.name for column in columns_of_spec(Spec((2,), "float32", ("no", "yes")))]
    ['feature 0', 'feature 1']
    """
    if spec.encoding is not None:
        return spec.encoding.columns
    names = [spec.feature_name(index) for index in range(spec.n_features)]
    return tuple(Column(name, "number", (name,)) for name in names)


def _number_groups(name: str, numbers: np.ndarray) -> Groups:
    present = ~np.isnan(numbers)
    values = np.unique(numbers[present])
    if len(values) <= _MOST_NUMBERS:
        names = [f"{value:g}" for value in values]
        codes = np.searchsorted(values, numbers)
    else:
        cuts = np.unique(np.quantile(numbers[present], _QUARTERS)).astype(numbers.dtype)
        ranges = Column(name, "buckets", (name,), boundaries=tuple(map(float, cuts)))
        names = ranges.feature_names()[1:]
        codes = np.searchsorted(cuts, numbers, side="right")
    return Groups([*names, MISSING], np.where(present, codes, len(names)))
