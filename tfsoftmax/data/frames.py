"""Tables in memory: a pandas or polars frame, or a structured array, as columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.choices import did_you_mean
from tfsoftmax.data.matrices import is_matrix, rows_of_matrix
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.errors import ModelError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import pandas as pd


def frame_of(given: Any) -> pd.DataFrame | None:
    """Converts data with named columns to a pandas frame; returns None for other data.

    A dictionary of columns and a list of dictionaries, one for each row, have names, too.

    Raises:
      ModelError: if a dictionary's columns are not all of one length.
    """
    if hasattr(given, "iloc") and hasattr(given, "columns"):
        return given
    if is_matrix(given):  # One of its formats is a dictionary.
        return None
    if isinstance(given, Mapping) or _are_rows(given):
        return _frame_of_mappings(given)
    polars = hasattr(given, "get_column") and hasattr(given, "columns")
    names = given.columns if polars else getattr(getattr(given, "dtype", None), "names", None)
    if not names:
        return None
    import pandas as pd

    return pd.DataFrame({name: np.asarray(given[name]) for name in names})


def _are_rows(given: Any) -> bool:
    listed = isinstance(given, list | tuple) and bool(given)
    return listed and all(isinstance(row, Mapping) for row in given)


def _frame_of_mappings(given: Any) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.DataFrame(given)
    except UnicodeEncodeError:  # a damaged text, which is refused once its row is known
        return pd.DataFrame(given, dtype=object)
    except ValueError as error:
        raise ModelError(
            "a dictionary has a list of equal length for each column, or it is one row of a list "
            f"of rows: [row] ({error})"
        ) from error


def names_of(frame: pd.DataFrame) -> tuple[str, ...] | None:
    """The names of a frame's columns; None if they are only numbered, 0, 1, 2, ..."""
    columns = list(frame.columns)
    return None if columns == list(range(len(columns))) else tuple(map(str, columns))


def numbers_of_frame(
    spec: Spec, frame: pd.DataFrame, where: str, first_row: int
) -> np.ndarray | SparseRows:
    """The columns that a spec names, in the spec's order, as numbers; NaN for a missing value.

    Columns that pandas keeps without their zeros become sparse rows.

    Args:
      spec: of the model.
      frame: has the model's columns; without names, as many columns as the model has features.
      where: what to call the rows in an error.
      first_row: number of the first row in an error.

    Raises:
      ModelError: if a column is missing or occurs twice, or the number of columns is wrong.
      DataError: naming row and column of a cell that is not a number.
    """
    found = names_of(frame)
    if spec.feature_names is None or found is None:
        if len(frame.columns) != spec.n_features:
            raise ModelError(f"{where}: {_wrong_number_of_columns(spec, len(frame.columns))}")
        names = spec.feature_names or found or tuple(map(spec.feature_name, range(spec.n_features)))
        return _numbers_in(frame, names, where, first_row)
    return _numbers_in(
        columns_by_name(spec.feature_names, frame, where), spec.feature_names, where, first_row
    )


def columns_by_name(wanted: Sequence[str], frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The columns of a frame that a model takes, in its order.

    Args:
      wanted: their names.
      frame: may have more columns, in any order.
      where: what to call the rows in an error.

    Raises:
      ModelError: if a column is missing or occurs twice.
    """
    found = tuple(map(str, frame.columns))
    index_of = {name: index for index, name in enumerate(found)}
    for name in wanted:
        if name not in index_of:
            raise ModelError(
                f"{where}: no column {name!r}, which the model takes; "
                f"{did_you_mean(name, found)}it takes {_listed(wanted)}"
            )
        if found.count(name) > 1:
            raise ModelError(f"{where}: two columns are called {name!r}; rename one")
    return frame.iloc[:, [index_of[name] for name in wanted]].set_axis(list(wanted), axis=1)


def _numbers_in(
    frame: pd.DataFrame, names: Sequence[str], where: str, first_row: int
) -> np.ndarray | SparseRows:
    """All columns of a frame as numbers; errors call the columns by these names."""
    if len(frame.columns) and all(_leaves_out_zeros(dtype) for dtype in frame.dtypes):
        return rows_of_matrix(frame.sparse.to_coo(), where, first_row)
    kinds = {dtype.kind if isinstance(dtype, np.dtype) else "O" for dtype in frame.dtypes}
    if kinds <= set("iuf") or kinds == {"b"}:
        return frame.to_numpy()
    from tfsoftmax.data.tables.reader import NumbersReader

    # Columns are renamed because two of them may share a name.
    renamed = frame.set_axis(list(map(str, names)), axis=1)
    # Missing values become NaN here: what to do about them is the model's decision.
    options = SourceOptions(missing="mean")
    reader = NumbersReader(where, list(renamed.columns), options, model=True, marks_known=False)
    return reader.rows(renamed, first_row)[0]


def _leaves_out_zeros(dtype: Any) -> bool:
    return hasattr(dtype, "fill_value") and dtype.kind in "iufb" and dtype.fill_value == 0


def _wrong_number_of_columns(spec: Spec, found: int) -> str:
    if spec.feature_names is None:
        return (
            "the model has no names for its features, so columns are taken in their order, and "
            f"there must be {spec.n_features:,} of them, not {found:,}"
        )
    return (
        f"the {found:,} columns have no names, so they are taken in their order, and there must "
        f"be {spec.n_features:,} of them; or name them: the model takes "
        f"{_listed(spec.feature_names)}"
    )


def _listed(names: Sequence[str]) -> str:
    from tfsoftmax.data.tables.columns import listed

    return listed(names)
