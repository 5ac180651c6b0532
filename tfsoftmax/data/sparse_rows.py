"""Sparse rows: only the entries that are not 0, in compressed rows (CSR)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from tfsoftmax.columns.column import MOST_DENSE_FEATURES
from tfsoftmax.data.features import Features, FeaturesLike, read_rows
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Rows with a larger share of entries that are not 0 are kept with their zeros.
_DENSE_SHARE = 0.2
# Bytes of an entry: its value and its column.
_ENTRY_BYTES = 8
# Entries in a block, in a pass over all rows: a megabyte, and two more as `Entries`.
_BLOCK_ENTRIES = 2**17
# Rows in a block, at most.
_BLOCK_ROWS = 2**14


class SparseFeatures(Features):
    """Rows of features of which most are 0: a new kind has `shape`, `nbytes` and `read_sparse`.

    Where a computation can do with the entries that are there, it reads them with `read_sparse`;
    everywhere else these are `Features` as all others, and `read` fills in the zeros.
    """

    dtype = np.dtype(np.float32)

    @abstractmethod
    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        """Blocks of rows, one after the other; float32 values, int32 indices, ascending in a row.

        The result may share memory with these rows; it must not be written to.

        Raises:
          DataError: if they cannot be read.
        """

    def lengths(self, start: int, stop: int) -> np.ndarray:
        """How many entries each of these neighbouring rows has; read as cheaply as possible.

        Raises:
          DataError: if they cannot be read.
        """
        return np.diff(self.read_sparse([slice(start, stop)]).indptr)

    @property
    def bytes_a_row(self) -> float:
        """As for `Features`."""
        return self.nbytes / max(1, len(self))

    @property
    def entries_a_row(self) -> float:
        """About how many entries a row has, in the mean of all."""
        return self.bytes_a_row / _ENTRY_BYTES

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        """As for `Features`: with the zeros."""
        rows = self.read_sparse(blocks)
        rows.toarray(out=out[: rows.shape[0]])
        return int(rows.shape[0])

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """As for `Features`: with the zeros."""
        indices = np.arange(len(self))[rows]
        chosen = self.take(np.atleast_1d(indices))
        assert isinstance(chosen, SparseFeatures)
        found = chosen.read_sparse([slice(None)]).toarray()
        return found if indices.ndim else found[0]


class SparseRows(SparseFeatures):
    """Sparse rows in memory.

    >>> import scipy.sparse
    >>> rows = SparseRows(scipy.sparse.csr_array(np.eye(3, dtype=np.float32)))
    >>> rows.shape, rows[1:].tolist(), len(rows.take(np.array([2])))
    ((3, 3), [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], 1)
    """

    def __init__(self, matrix: csr_array):
        """Takes a matrix of float32 values whose indices ascend in each row, without a copy."""
        self._matrix, self.shape = matrix, matrix.shape

    @property
    def nbytes(self) -> int:
        """Bytes of its three arrays."""
        return bytes_of(self._matrix)

    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        """As for `SparseFeatures`."""
        return stacked([_rows_of(self._matrix, block) for block in blocks], self.shape[1])

    def lengths(self, start: int, stop: int) -> np.ndarray:
        """As for `SparseFeatures`."""
        return np.diff(self._matrix.indptr[start : stop + 1])

    def take(self, indices: np.ndarray) -> SparseRows:
        """Selects rows, in the order of their indices ``[n]``; neighbours are not copied."""
        if len(indices) and (np.diff(indices) == 1).all():
            neighbours = slice(int(indices[0]), int(indices[-1]) + 1)
            return SparseRows(_rows_of(self._matrix, neighbours))
        return SparseRows(self._matrix[indices])


def taken_sparse(rows: Any, spec: Spec) -> TypeGuard[SparseFeatures]:
    """Whether a model can take these rows without the zeros that they leave out."""
    return isinstance(rows, SparseFeatures) and spec.keeps_zeros


def as_kept(features: FeaturesLike, blocks: Sequence[slice]) -> np.ndarray | csr_array:
    """Blocks of rows, one after the other, in memory: sparse ones without their zeros.

    Raises:
      DataError: if they cannot be read.

    >>> as_kept(np.eye(2), [slice(1, 2)]).tolist()
    [[0.0, 1.0]]
    """
    if isinstance(features, SparseFeatures):
        return features.read_sparse(blocks)
    return read_rows(features, blocks)


def sparse_blocks(
    rows: SparseFeatures, most_rows: int = _BLOCK_ROWS, least_entries: int = 0
) -> Iterator[tuple[slice, csr_array]]:
    """All rows in order, in blocks of some 100,000 entries, or of one row that has more.

    Args:
      rows: to read.
      most_rows: of a block; the bound of a result that is wider than the entries of a row.
      least_entries: about, of a block whose result is larger than the usual number of entries.

    Yields:
      Which rows they are, and the rows.

    Raises:
      DataError: if they cannot be read.

    >>> import scipy.sparse
    >>> rows = SparseRows(scipy.sparse.csr_array(np.eye(3, dtype=np.float32)))
    >>> [(part, block.shape) for part, block in sparse_blocks(rows, 2)]
    [(slice(0, 2, None), (2, 3)), (slice(2, 3, None), (1, 3))]
    """
    n_samples, most_entries = len(rows), max(_BLOCK_ENTRIES, least_entries)
    for start in range(0, n_samples, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, n_samples)
        ends = np.append(0, np.cumsum(rows.lengths(start, stop), dtype=np.int64))
        first = 0
        while first < stop - start:
            # As many rows as have no more entries.
            last = int(np.searchsorted(ends, ends[first] + most_entries, side="right")) - 1
            last = max(last, first + 1)
            block = rows.read_sparse([slice(start + first, start + last)])
            for row in range(first, last, most_rows):
                end = min(row + most_rows, last)
                yield (
                    slice(start + row, start + end),
                    _rows_of(block, slice(row - first, end - first)),
                )
            first = last


def csr_of(values: np.ndarray, indices: np.ndarray, ends: np.ndarray, n_features: int) -> csr_array:
    """A matrix of the three arrays of compressed rows, without a copy if possible.

    Args:
      values: float32 ``[n_entries]``.
      indices: int32 ``[n_entries]``, ascending in each row, each once.
      ends: ``[n_samples + 1]``: 0, and how many entries there are up to the end of each row.
      n_features: number of features.
    """
    from scipy.sparse import csr_array

    if ends[-1] <= np.iinfo(np.int32).max:
        ends = ends.astype(np.int32, copy=False)  # SciPy makes both of one type.
    matrix = csr_array((values, indices, ends), shape=(len(ends) - 1, n_features))
    matrix.has_canonical_format = True  # Otherwise SciPy looks through all entries.
    return matrix


def stacked(parts: Sequence[csr_array], n_features: int) -> csr_array:
    """Rows of several matrices, one after the other; a single one is not copied.

    Args:
      parts: of the form that `csr_of` returns, each with at most `n_features` features.
      n_features: of the result.

    >>> import scipy.sparse
    >>> one = scipy.sparse.csr_array(np.eye(1, dtype=np.float32))
    >>> stacked([one, one], 2).toarray().tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    if len(parts) == 1:
        (part,) = parts
        if part.shape[1] == n_features:
            return part
        return csr_of(part.data, part.indices, part.indptr, n_features)
    lengths = [np.zeros(1, np.int64), *(np.diff(part.indptr) for part in parts)]
    return csr_of(
        np.concatenate([np.empty(0, np.float32), *(part.data for part in parts)]),
        np.concatenate([np.empty(0, np.int32), *(part.indices for part in parts)]),
        np.cumsum(np.concatenate(lengths), dtype=np.int64),
        n_features,
    )


def _rows_of(matrix: csr_array, block: slice) -> csr_array:
    """Neighbouring rows of a matrix, without a copy of their entries."""
    start, stop, _ = block.indices(matrix.shape[0])
    ends = matrix.indptr[start : max(start, stop) + 1]
    entries = slice(ends[0], ends[-1])
    return csr_of(matrix.data[entries], matrix.indices[entries], ends - ends[0], matrix.shape[1])


def row_of_entries(matrix: csr_array, entries: np.ndarray) -> np.ndarray:
    """The row of each of these entries, given by their positions in the matrix's arrays."""
    return np.searchsorted(matrix.indptr, entries, side="right") - 1


def bytes_of(rows: np.ndarray | csr_array) -> int:
    """Bytes of the arrays of dense or sparse rows."""
    if isinstance(rows, np.ndarray):
        return rows.nbytes
    return int(rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes)


def kept_dense(n_samples: int, n_features: int, n_entries: int) -> bool:
    """Whether rows are kept with their zeros: there are few features, or few of them are 0.

    >>> kept_dense(10, 100, 20), kept_dense(10, 10_000, 20)
    (True, False)
    """
    return n_features <= MOST_DENSE_FEATURES or n_entries > _DENSE_SHARE * n_samples * n_features


def rows_of_entries(matrix: csr_array) -> np.ndarray | SparseRows:
    """Rows as they are kept (`kept_dense`).

    Args:
      matrix: float32 values whose indices ascend in each row, ``[n_samples, n_features]``.
    """
    n_samples, n_features = matrix.shape
    if not kept_dense(n_samples, n_features, matrix.nnz):
        return SparseRows(matrix)
    dense: np.ndarray = matrix.toarray()
    return dense
