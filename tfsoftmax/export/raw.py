"""Rows of a table as clients send them, to prove exported models on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfsoftmax.columns.column import Encoding, Input
from tfsoftmax.data.dataset import Split
from tfsoftmax.data.encoded import Cells, cells_of_frame, features_of_cells
from tfsoftmax.data.frames import frame_of
from tfsoftmax.export.tensors import any_row, first_rows
from tfsoftmax.spec import Spec

MOST_ROWS = 1000
# What no column has seen in training: another alphabet, a space, and a character beyond 16 bits.
_UNKNOWN = "\u672a\u77e5 \U0001f427"
# As many rows as make sure that a cell is met beside different others.
_ROWS_EACH = 3


def cells_of(spec: Spec, given: Any) -> Cells | None:
    """Some rows of the table that rows for a model come from; None if there is none.

    Args:
      spec: of the model.
      given: a table, or a `Split` with `Split.raw`, or other rows.
    """
    if spec.encoding is None:
        return None
    table = frame_of(given)
    if table is not None:
        rows = table.iloc[:MOST_ROWS]
        return cells_of_frame(spec.encoding, rows, "check_on") if len(rows) else None
    if isinstance(given, Split) and given.raw:
        return {name: column[:MOST_ROWS] for name, column in given.raw.items()}
    return None


def with_gaps(spec: Spec, cells: Cells | None) -> Cells:
    """Rows of a table, and the same with cells that are missing, empty or unknown.

    Args:
      spec: of a model that encodes its columns.
      cells: some rows; None where the table is not at hand.

    Returns:
      Only rows that the model answers: where it fills in no missing number, no row has one.
    """
    assert spec.encoding is not None
    cells = cells or dict(any_row(spec))
    inputs, some = spec.encoding.inputs, first_rows(cells, _ROWS_EACH)
    parts = [cells, {each.name: _cells([_odd_cells(each)[0]], each) for each in inputs}]
    for each in inputs:
        for odd in _odd_cells(each):
            parts.append({**some, each.name: _cells([odd] * _ROWS_EACH, each)})
    rows = {each.name: np.concatenate([part[each.name] for part in parts]) for each in inputs}
    numbers = tuple(column for column in spec.encoding.columns if column.n_numbers)
    if spec.scaled_by.fill is not None or not numbers:
        return rows
    encoded = features_of_cells(Encoding(inputs, numbers), rows)
    answered = np.isfinite(encoded[:]).all(axis=1)
    return {name: column[answered] for name, column in rows.items()}


def _cells(cells: list[Any], given: Input) -> np.ndarray:
    return np.array(cells, object if given.dtype == "string" else given.dtype)


def _odd_cells(given: Input) -> list[Any]:
    if given.dtype == "string":
        return ["", _UNKNOWN]
    return [np.nan] if given.dtype == "float32" else [np.iinfo(np.int64).max]
