"""Sparse rows in files, read when they are needed; never mapped, as `features._FileRows` says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfsoftmax.data.features import Features, features_of
from tfsoftmax.data.sparse_rows import SparseFeatures, csr_of, stacked
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Of the rows that are read to choose some: at most so many entries and rows at a time.
_SPAN_ENTRIES = 2**20
_SPAN_ROWS = 2**16


class SparseNames(NamedTuple):
    """Names of the files of sparse rows, each an ``.npy`` array, as of compressed rows (CSR).

    Attributes:
      ends: int64 ``[n_samples + 1]``: 0, and how many entries there are up to the end of each row.
      indices: int32 ``[n_entries]``, the feature of each entry, ascending in a row.
      values: float32 ``[n_entries]``.
    """

    ends: str = "features-ends.npy"
    indices: str = "features-indices.npy"
    values: str = "features-values.npy"


NAMES = SparseNames()
DTYPES = SparseNames("int64", "int32", "float32")


class DamagedRowsError(DataError):
    """Sparse rows in files are not, or no longer, as they were written."""


class SparseFileRows(SparseFeatures):
    """Sparse rows in the files of a folder (`SparseNames`).

    Args:
      folder: of the files.
      n_features: number of features.

    Raises:
      OSError, EOFError, ValueError: if the files are not such arrays, or do not fit each other.
    """

    in_file = True

    def __init__(self, folder: Path, n_features: int):
        self._folder = folder
        self._ends, self._indices, self._values = (
            _array_in(folder / name, dtype) for name, dtype in zip(NAMES, DTYPES, strict=True)
        )
        self.shape = (len(self._ends) - 1, n_features)
        n_entries = len(self._indices)
        fit = len(self._ends) > 0 and len(self._values) == n_entries
        if not fit or self._ends[-1:][0] != n_entries:
            raise ValueError(f"the arrays in {folder} are not of one size")

    @property
    def nbytes(self) -> int:
        """Bytes of its three arrays."""
        return self._ends.nbytes + self._indices.nbytes + self._values.nbytes

    def ends(self, start: int, stop: int | None = None) -> np.ndarray:
        """How many entries there are up to the start of rows from `start` to `stop`, inclusive."""
        ends = self._ends[start : len(self._ends) if stop is None else stop + 1]
        if (np.diff(ends) < 0).any() or ends[0] < 0 or ends[-1] > len(self._indices):
            raise self._changed()
        return ends

    def lengths(self, start: int, stop: int) -> np.ndarray:
        """As for `SparseFeatures`."""
        return np.diff(self.ends(start, stop))

    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        """As for `SparseFeatures`."""
        bounds = [block.indices(len(self))[:2] for block in blocks]
        ends = [self.ends(start, max(start, stop)) for start, stop in bounds]
        entries = [slice(int(each[0]), int(each[-1])) for each in ends]
        n_entries = sum(part.stop - part.start for part in entries)
        indices = np.empty(n_entries, np.int32)
        values = np.empty(n_entries, np.float32)
        self._indices.read(entries, indices)
        self._values.read(entries, values)
        if n_entries and not 0 <= indices.min() <= indices.max() < self.shape[1]:
            raise self._changed()
        lengths = np.concatenate([np.zeros(1, np.int64), *map(np.diff, ends)])
        return csr_of(values, indices, np.cumsum(lengths), self.shape[1])

    def take(self, indices: np.ndarray) -> ChosenSparseRows:
        """Selects rows, without reading them."""
        return ChosenSparseRows(self, indices)

    def _changed(self) -> DamagedRowsError:
        return DamagedRowsError(
            f"the rows in {self._folder} cannot be read any more: did they change?"
        )


class ChosenSparseRows(SparseFeatures):
    """Some rows of sparse rows in files, read when they are needed.

    Args:
      rows: in files.
      indices: of the chosen ones, ``[n_samples]``; ascending ones are read faster.
    """

    in_file = True

    def __init__(self, rows: SparseFileRows, indices: np.ndarray):
        self._rows, self.indices = rows, indices
        self.shape = (len(indices), rows.shape[1])

    @property
    def nbytes(self) -> int:
        """About the bytes of their three arrays: as if they were as long as all rows."""
        return int(self._rows.nbytes * len(self) / max(1, len(self._rows)))

    def lengths(self, start: int, stop: int) -> np.ndarray:
        """As for `SparseFeatures`."""
        indices = self.indices[start:stop]
        if not len(indices):
            return np.empty(0, np.int64)
        first = int(indices.min())
        return self._rows.lengths(first, int(indices.max()) + 1)[indices - first]

    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        """As for `SparseFeatures`."""
        indices = np.concatenate([self.indices[block] for block in blocks])
        if (indices[:-1] <= indices[1:]).all():
            return self._read_ascending(indices)
        order = np.argsort(indices, kind="stable")
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        return self._read_ascending(indices[order])[places]

    def take(self, indices: np.ndarray) -> ChosenSparseRows:
        """Selects some of these rows, without reading them."""
        return ChosenSparseRows(self._rows, self.indices[indices])

    def _read_ascending(self, indices: np.ndarray) -> csr_array:
        """Reads the rows of ascending indices, and those between them."""
        parts, done = [], 0
        while done < len(indices):
            first = int(indices[done])
            count = int(np.searchsorted(indices[done:], first + _SPAN_ROWS))
            wanted = indices[done : done + count] - first
            ends = self._rows.ends(first, first + int(wanted[-1]) + 1)
            near = int(np.searchsorted(ends[wanted + 1], ends[0] + _SPAN_ENTRIES, side="right"))
            wanted = wanted[: max(1, near)]
            span = self._rows.read_sparse([slice(first, first + int(wanted[-1]) + 1)])
            whole = np.array_equal(wanted, np.arange(span.shape[0]))
            parts.append(span if whole else span[wanted])
            done += len(wanted)
        return stacked(parts, self.shape[1])


def _array_in(path: Path, dtype: str) -> Features:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim != 1 or array.dtype != dtype:
        raise ValueError(f"{path} is {array.dtype} {array.shape}")
    # An array of no size is not mapped.
    return features_of(array)
