"""``UnknownCategories``: what a model is asked about and was never, or too rarely, trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfsoftmax.columns.column import Column, Encoding
from tfsoftmax.data.encoded import Cells
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.messages import counted

_MOST_EXAMPLES = 3
_MOST_COLUMNS = 5


class UnknownCategories:
    """Counts rows with categories that a model does not know, part after part.

    Args:
      encoding: of the model; None if it encodes no table, and so knows no categories.

    >>> from tfsoftmax.columns.column import Input
    >>> from tfsoftmax.data.encoded import features_of_cells
    >>> encoding = Encoding((Input("sex", "string"),), (
    ...     Column("sex", "category", ("sex",), ("f", "m")),))
    >>> found, cells = UnknownCategories(encoding), {"sex": np.array(["m", "x", ""], object)}
    >>> found.add(cells, features_of_cells(encoding, cells))
    >>> print(found.sentence)
    1 of 3 rows has a category that the model does not know: 'x' in column 'sex' (1 row)
    """

    def __init__(self, encoding: Encoding | None):
        self._columns: list[tuple[int, Column]] = []
        if encoding is not None:
            columns = zip(encoding.offsets, encoding.columns, strict=False)
            # The second feature of a category is that it is unknown.
            self._columns = [
                (first + 1, each) for first, each in columns if each.kind == "category"
            ]
        self._n_rows = self._n_unknown = 0
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, cells: Cells, features: np.ndarray | SparseFeatures) -> None:
        """Counts some rows.

        Args:
          cells: for each input of the encoding ``[n_samples]``.
          features: what they become, ``[n_samples, n_features]``.
        """
        self._n_rows += len(features)
        if not self._columns or not len(features):
            return
        unknown = _columns_of(features, [index for index, _ in self._columns])
        if not unknown.any():
            return
        self._n_unknown += int(unknown.any(axis=1).sum())
        for (_, column), rows in zip(self._columns, unknown.T, strict=True):
            if rows.any():
                self._counts[column.name] = self._counts.get(column.name, 0) + int(rows.sum())
                examples = self._examples.setdefault(column.name, [])
                new = dict.fromkeys([*examples, *map(str, cells[column.inputs[0]][rows])])
                examples[:] = list(new)[: _MOST_EXAMPLES + 1]

    @property
    def sentence(self) -> str | None:
        """How many rows, of which columns and such as what; None if there are none."""
        if not self._n_unknown:
            return None
        parts = []
        for name, count in sorted(self._counts.items(), key=lambda each: -each[1])[:_MOST_COLUMNS]:
            shown = ", ".join(f"{each[:40]!r}" for each in self._examples[name][:_MOST_EXAMPLES])
            more = ", ..." if len(self._examples[name]) > _MOST_EXAMPLES else ""
            parts.append(f"{shown}{more} in column {name!r} ({counted(count, 'row')})")
        if len(self._counts) > _MOST_COLUMNS:
            parts.append(f"and in {len(self._counts) - _MOST_COLUMNS:,} more columns")
        have = "has" if self._n_unknown == 1 else "have"
        return (
            f"{self._n_unknown:,} of {counted(self._n_rows, 'row')} {have} a category that the "
            f"model does not know: {'; '.join(parts)}"
        )

    def to_json(self) -> list[dict[str, Any]]:
        """For each column that has some: its name, rows and examples; JSON-ready."""
        return [
            {"column": name, "rows": count, "examples": self._examples[name][:_MOST_EXAMPLES]}
            for name, count in self._counts.items()
        ]


def _columns_of(features: np.ndarray | SparseFeatures, indices: list[int]) -> np.ndarray:
    """Which rows have which of some features, bool ``[n_samples, len(indices)]``."""
    if not isinstance(features, SparseFeatures):
        return np.asarray(features[:, indices]) != 0
    matrix = features.read_sparse([slice(None)]).tocoo()
    place = np.full(matrix.shape[1], -1)
    place[indices] = np.arange(len(indices))
    own = place[matrix.col] >= 0
    found = np.zeros((matrix.shape[0], len(indices)), bool)
    found[matrix.row[own], place[matrix.col[own]]] = True
    return found
