"""From the cells of a table to the rows of features that a model takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.bad_rows import BadRows, refuse
from tfsoftmax.data.frames import columns_by_name
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.system.startup import import_tensorflow

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

    from tfsoftmax.data.collector import Collector

# For each input of an encoding its cells ``[n]``: float32 with NaN for a missing one, int64, or
# texts as objects of type str, the empty one for a missing one.
Cells = dict[str, np.ndarray]
# A block of rows has at most so many rows, characters, and features with their zeros.
_BLOCK_ROWS = 2**14
_BLOCK_CHARACTERS = 2**21
_BLOCK_FEATURES = 2**22
# Kinds of columns whose texts must be readable, and what they have to be.
_EXPECTED = {
    "boolean": "yes or no, true or false, 1 or 0",
    "date": "a date such as 2024-05-31 or 2024-05-31T12:30:00+02:00",
}


class CellsReader:
    """Reads the cells that an encoding takes from a table, part after part.

    Args:
      source: for messages.
      encoding: says which columns, and their types.
      options: how cells are written; `missing` says whether numbers may be missing.
      model: whether they are read for a trained model.
      marks_known: whether the options say which columns have a mark.
      remedy: what can be done about a missing value; None for what can be done before training.

    Attributes:
      numbers: reads the columns of numbers.
    """

    def __init__(
        self,
        source: str,
        encoding: Encoding,
        options: SourceOptions,
        *,
        model: bool = False,
        marks_known: bool = True,
        remedy: str | None = None,
    ):
        from tfsoftmax.data.tables.reader import NumbersReader

        self._source, self._encoding, self._options = source, encoding, options
        self._model = model
        categories = [each for each in encoding.columns if model and each.kind == "category"]
        self._known = {each.inputs[0]: each.vocabulary for each in categories}
        numbers = [each.name for each in encoding.inputs if each.dtype == "float32"]
        self.numbers = NumbersReader(
            source, numbers, options, model=model, marks_known=marks_known, remedy=remedy
        )

    def read(
        self,
        frame: pd.DataFrame,
        first_row: int,
        collector: Collector | None = None,
        where: str | None = None,
        usable: np.ndarray | None = None,
    ) -> tuple[Cells, np.ndarray]:
        """Reads the next part.

        Args:
          frame: with the columns, in any order.
          first_row: number of its first row, for messages.
          collector: counts rows that cannot be used; None makes such rows an error.
          where: name of the source, or of a part of it, for messages.
          usable: bool ``[n]``, rows that are not known to be bad; None is all.

        Returns:
          The cells of all rows, and bool ``[n]``, which rows can be used.

        Raises:
          ModelError: if a column is missing or occurs twice.
          DataError: naming row and column of a cell that is not what the encoding takes.
        """
        where = where or self._source
        names = [each.name for each in self._encoding.inputs]
        frame = columns_by_name(names, frame, where)
        numbers, usable = self.numbers.rows(frame, first_row, collector, where, usable)
        bad = collector.bad_rows if collector else BadRows(self._source, skip=False)
        found = dict(zip(self.numbers.names, np.ascontiguousarray(numbers.T), strict=True))
        for each in self._encoding.inputs:
            if each.dtype != "float32":
                refusal = _Refusal(bad, usable, where, first_row, each.name)
                found[each.name] = self._column(each, frame[each.name], refusal)
        return {name: found[name] for name in names}, usable

    def _column(self, given: Input, column: pd.Series, refusal: _Refusal) -> np.ndarray:
        """The cells of a column that is not one of numbers."""
        from tfsoftmax.data.tables.texts import as_known, integers_of, texts_of

        if given.dtype == "int64":
            return integers_of(column, refusal, self._options.na_values)
        checked = [
            encoded
            for encoded in self._encoding.columns
            if encoded.kind in _EXPECTED and encoded.inputs == (given.name,)
        ]
        date = next((encoded for encoded in checked if encoded.kind == "date"), None)
        cells = texts_of(column, refusal, self._options.na_values, date)
        for encoded in checked:
            self._check_readable(given, encoded, cells, refusal)
        return as_known(cells, self._known.get(given.name, ()))

    def _check_readable(
        self, given: Input, column: Column, cells: np.ndarray, refusal: _Refusal
    ) -> None:
        """Checks that each text is one that a graph can read as a number."""
        from tfsoftmax.data.tables.reader import other_ways

        remedy = "" if self._model else other_ways(given.name, self._options)
        numbers = features_of_cells(Encoding((given,), (column,)), {given.name: cells})
        unreadable = np.isnan(numbers[:][:, 0]) & (cells != "")
        expected = _EXPECTED[column.kind]
        if column.date_format:
            expected = f"a date written as {column.date_format}"
        refusal(
            unreadable,
            f"with a text that is not {expected}",
            lambda row: f"expected {expected}, found {cells[row][:40]!r}; correct it" + remedy,
        )
        cells[unreadable] = ""


@dataclass(frozen=True)
class _Refusal:
    """Refuses rows for a cell of one column, as `refuse` does."""

    bad: BadRows
    usable: np.ndarray
    where: str
    first_row: int
    name: str

    def __call__(self, rows: np.ndarray, reason: str, problem: Callable[[int], str]) -> None:
        def located(row: int) -> str:
            return f"{self.where}, row {self.first_row + row}, column {self.name!r}: " + problem(
                row
            )

        refuse(self.bad, self.usable, rows, reason, located)


def cells_of_frame(
    encoding: Encoding,
    frame: pd.DataFrame,
    where: str = "rows",
    first_row: int = 0,
    remedy: str | None = None,
) -> Cells:
    """The cells of a table in memory, by the names of their columns.

    Args:
      encoding: says which columns, and their types.
      frame: may have more columns, in any order.
      where: what to call the rows in an error.
      first_row: number of the first row in an error.
      remedy: what can be done about a missing number; None if numbers may be missing.

    Raises:
      ModelError: if a column is missing or occurs twice.
      DataError: naming row and column of a cell that is not what the encoding takes.

    >>> import pandas as pd
    >>> encoding = Encoding((Input("sex", "string"),), (
    ...     Column("sex", "category", ("sex",), ("f", "m")),))
    >>> cells_of_frame(encoding, pd.DataFrame({"id": [7, 8], "sex": ["m", None]}))
    {'sex': array(['m', ''], dtype=object)}
    """
    options = SourceOptions(missing="mean" if remedy is None else "error")
    reader = CellsReader(where, encoding, options, model=True, marks_known=False, remedy=remedy)
    return reader.read(frame, first_row)[0]


def features_of_cells(encoding: Encoding, cells: Cells) -> np.ndarray | SparseRows:
    """The rows of features that cells become, not scaled.

    Args:
      encoding: how.
      cells: for each of its inputs ``[n_samples]``.

    Returns:
      float32 ``[n_samples, n_features]``, without the zeros if there are many features
      (`Encoding.sparse`); in sparse rows numbers are there even if they are 0.

    >>> encoding = Encoding((Input("sex", "string"),), (
    ...     Column("sex", "category", ("sex",), ("f", "m")),))
    >>> features_of_cells(encoding, {"sex": np.array(["m", ""], object)}).tolist()
    [[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]]
    """
    encode = _compiled(encoding)
    blocks = (
        encode({each.name: cells[each.name][block] for each in encoding.inputs})
        for block in _blocks(encoding, cells)
    )
    if not encoding.sparse:
        return np.concatenate([block.numpy() for block in blocks])
    from scipy.sparse import vstack

    return SparseRows(vstack([_matrix(encoding, block) for block in blocks], format="csr"))


@lru_cache(maxsize=16)
def _compiled(encoding: Encoding) -> Any:
    """The function from tensors of cells to features, traced once."""
    import_tensorflow()
    import tensorflow as tf

    from tfsoftmax.columns.encode import Encoder

    encoder = Encoder(encoding)

    def encode(cells: Any) -> Any:
        entries = encoder(cells)
        return entries if encoding.sparse else entries.dense(encoding.n_features)

    signature = {each.name: tf.TensorSpec([None], each.dtype) for each in encoding.inputs}
    return tf.function(encode).get_concrete_function(signature)


def _blocks(encoding: Encoding, cells: Cells) -> list[slice]:
    """Slices of rows that are encoded together, so that memory is bounded; at least one."""
    n_rows = len(cells[encoding.inputs[0].name])
    most = _BLOCK_ROWS if encoding.sparse else max(1, _BLOCK_FEATURES // encoding.n_features)
    characters = np.zeros(n_rows + 1, np.int64)
    for each in encoding.inputs:
        if each.dtype == "string":
            characters[1:] += np.fromiter(map(len, cells[each.name]), np.int64, n_rows)
    np.cumsum(characters, out=characters)
    blocks, start = [], 0
    while start < n_rows:
        enough = characters[start] + _BLOCK_CHARACTERS
        stop = int(np.searchsorted(characters, enough, side="right")) - 1
        stop = min(max(stop, start + 1), start + most, n_rows)
        blocks.append(slice(start, stop))
        start = stop
    return blocks or [slice(0, 0)]


def _matrix(encoding: Encoding, entries: Any) -> csr_array:
    from scipy.sparse import coo_array

    rows, features = (each.numpy().astype(np.int32) for each in entries[:2])
    shape = (int(entries.n_rows), encoding.n_features)
    matrix = coo_array((entries.values.numpy(), (rows, features)), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix
