"""How many features sparse rows have, which name those that are not 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfsoftmax.data.collector import load_cached
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_rows import row_of_entries
from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Every feature up to the largest index takes memory, in the model and in reports, used or not:
# hashed indices leave many unused, but no more than this, or than so many for each value.
_ALWAYS_ALLOWED = 2**24
_PER_VALUE = 10


class FeatureCount:
    """Finds the number of features: up to the largest index, or as many as are expected.

    Args:
      source: of the rows; its options or its model may say how many features there are.
    """

    def __init__(self, source: Source):
        self._name, self._asked = source.name, source.options.n_features
        self._of_model = source.model.n_features if source.model else 0
        self._found, self._where, self._values = 0, "", 0

    def add(self, matrix: csr_array, where: str, unit: str, first: int) -> None:
        """Takes notice of rows.

        Args:
          matrix: their entries.
          where: what to call the rows in an error.
          unit: what to call a row in an error.
          first: number of the first of them.

        Raises:
          DataError: naming a row with an index beyond the number that the options say.
        """
        if not matrix.nnz:
            return
        self._values += matrix.nnz
        entry = matrix.indices.argmax(keepdims=True)
        found = int(matrix.indices[entry[0]]) + 1
        if found > self._found:
            row = first + int(row_of_entries(matrix, entry)[0])
            self._found, self._where = found, f"{where}, {unit} {row}"
        if self._asked is not None and self._found > self._asked:
            raise DataError(
                f"{self._where}: its largest index makes {self._found:,} features, but "
                + setting("n_features", self._asked)
            )

    def of_all(self, workers: Workers) -> None:
        """Takes in what the others have found in their rows; all must call it."""
        own = self._found, self._where, self._values
        found, where, values = zip(*said_by_all(own, workers), strict=True)
        largest = found.index(max(found))  # The first of equals, as of rows.
        self._found, self._where, self._values = found[largest], where[largest], sum(values)

    def result(self, expected: str) -> int:
        """The number of features.

        Args:
          expected: the form of rows, for an error.

        Raises:
          DataError: if there are no values, or the number cannot be right.
        """
        if not self._values:
            raise DataError(f"{self._name}: no rows; expected {expected}")
        if self._asked is not None:
            return self._asked
        if self._found > max(self._of_model, _ALWAYS_ALLOWED, _PER_VALUE * self._values):
            raise DataError(
                f"{self._where}: its largest index makes {self._found:,} features, for "
                f"{self._values:,} values in all rows: correct the index, or hash the indices to "
                "fewer, or say that it is right with " + setting("n_features", self._found)
            )
        # The last features may be 0 in all rows.
        return max(self._found, self._of_model)


def cached_as_wide(source: Source, key: str) -> Dataset | None:
    """The dataset cached under a key, unless a model that is measured on it has more features."""
    found = load_cached(source, key)
    if found and source.model and found.spec.n_features < source.model.n_features:
        return None
    return found
