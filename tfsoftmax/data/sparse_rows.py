"""Sparse rows: only the entries that are not 0, in compressed rows (CSR)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from tfsoftmax.columns.column import MOST_DENSE_FEATURES
from tfsoftmax.data.features import Features
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

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        """As for `Features`: with the zeros."""
        rows = self.read_sparse(blocks)
        rows.toarray(out=out[: rows.shape[0]])
        return int(rows.shape[0])


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
        matrix = self._matrix
        return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)

    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        """As for `SparseFeatures`."""
        from scipy.sparse import vstack

        parts = [self._matrix[block] for block in blocks]
        return parts[0] if len(parts) == 1 else vstack(parts, format="csr")

    def take(self, indices: np.ndarray) -> SparseRows:
        """Selects rows, in the order of their indices ``[n]``."""
        return SparseRows(self._matrix[indices])


def taken_sparse(rows: Any, spec: Spec) -> TypeGuard[SparseFeatures]:
    """Whether a model can take these rows without the zeros that they leave out."""
    return isinstance(rows, SparseFeatures) and spec.keeps_zeros


def sparse_blocks(
    rows: SparseFeatures, most_rows: int = _BLOCK_ROWS
) -> Iterator[tuple[slice, csr_array]]:
    """All rows in order, in blocks of some 100,000 entries, or of one row that has more.

    Args:
      rows: to read.
      most_rows: of a block; the bound of a result that is wider than the entries of a row.

    Yields:
      Which rows they are, and the rows.

    Raises:
      DataError: if they cannot be read.

    >>> import scipy.sparse
    >>> rows = SparseRows(scipy.sparse.csr_array(np.eye(3, dtype=np.float32)))
    >>> [(part, block.shape) for part, block in sparse_blocks(rows, 2)]
    [(slice(0, 2, None), (2, 3)), (slice(2, 3, None), (1, 3))]
    """
    n_samples = len(rows)
    entries_a_row = rows.nbytes / _ENTRY_BYTES / max(1, n_samples)
    read_rows = max(1, min(_BLOCK_ROWS, int(_BLOCK_ENTRIES / max(1.0, entries_a_row))))
    for start in range(0, n_samples, read_rows):
        block = rows.read_sparse([slice(start, start + read_rows)])
        first, ends = 0, block.indptr
        while first < block.shape[0]:
            # As many rows as have no more entries, whatever the mean of all.
            last = int(np.searchsorted(ends, ends[first] + _BLOCK_ENTRIES, side="right")) - 1
            last = min(max(last, first + 1), first + most_rows, block.shape[0])
            whole = last - first == block.shape[0]
            yield slice(start + first, start + last), block if whole else block[first:last]
            first = last


def rows_of_entries(matrix: csr_array) -> np.ndarray | SparseRows:
    """Rows as they are kept: with their zeros if there are few features or few zeros, else sparse.

    Args:
      matrix: float32 values whose indices ascend in each row, ``[n_samples, n_features]``.
    """
    n_rows, n_features = matrix.shape
    if n_features <= MOST_DENSE_FEATURES or matrix.nnz > _DENSE_SHARE * n_rows * n_features:
        dense: np.ndarray = matrix.toarray()
        return dense
    return SparseRows(matrix)
