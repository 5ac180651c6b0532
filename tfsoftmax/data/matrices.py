"""SciPy's sparse matrices and arrays as rows of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from tfsoftmax.data.sparse_rows import SparseRows, csr_of, row_of_entries
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_array, sparray

# Indices of features are int32.
MOST_FEATURES = 2**31 - 1
# Up to here, float64 holds every whole number.
_LARGEST_WHOLE = 2**53


def is_matrix(given: Any) -> TypeGuard[sparray]:
    """Whether this is a sparse matrix or a sparse array of SciPy's."""
    if not hasattr(given, "toarray"):
        return False
    from scipy.sparse import issparse

    return bool(issparse(given))


def rows_of_matrix(given: sparray, where: str, first_row: int = 0) -> SparseRows:
    """Converts a sparse matrix of any format to float32 rows; it is not changed.

    Entries of one place are added up, as SciPy does, in the matrix's own dtype.

    Args:
      given: ``[n_samples, n_features]``.
      where: what to call the rows in an error.
      first_row: number of the first row in an error.

    Returns:
      The rows; they share the matrix's memory if it is like that already. A number too large for
      float32 becomes infinite.

    Raises:
      DataError: if these are not rows of numbers, or its arrays do not fit each other.

    >>> import scipy.sparse
    >>> twice = scipy.sparse.coo_array(([1.5, 2.0, 7.0], ([0, 0, 1], [3, 3, 0])), shape=(2, 4))
    >>> rows_of_matrix(twice, "rows")[:].tolist()
    [[0.0, 0.0, 0.0, 3.5], [7.0, 0.0, 0.0, 0.0]]
    """
    if given.ndim != 2 or given.dtype.kind not in "iufb":
        raise DataError(
            f"{where}: expected a sparse matrix of numbers [n_samples, n_features], found "
            f"{given.dtype} {given.shape}"
        )
    if given.shape[1] > MOST_FEATURES:
        raise DataError(
            f"{where}: {given.shape[1]:,} features; there may be {MOST_FEATURES:,}: hash their "
            "indices to fewer"
        )
    matrix = _canonical(given, where)
    _check_whole_numbers(matrix, where, first_row)
    with np.errstate(over="ignore"):  # what becomes infinite is found with all that is not finite
        values = matrix.data.astype(np.float32, copy=False)
    indices = matrix.indices.astype(np.int32, copy=False)
    return SparseRows(csr_of(values, indices, matrix.indptr, given.shape[1]))


def _canonical(given: sparray, where: str) -> csr_array:
    """The matrix in compressed rows, ascending indices, each once, and no zeros."""
    from scipy.sparse import csr_array

    try:
        matrix = csr_array(given)
        matrix.check_format(full_check=True)
    except (ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{where}: a damaged sparse matrix: {reason}") from error
    # What is known of the given one may have been true once.
    matrix = csr_array((matrix.data, matrix.indices, matrix.indptr), shape=given.shape)
    if not (matrix.has_canonical_format and matrix.data.all()):
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    return matrix


def _check_whole_numbers(matrix: csr_array, where: str, first_row: int) -> None:
    if matrix.dtype.kind not in "iu":
        return
    large = np.flatnonzero((matrix.data > _LARGEST_WHOLE) | (matrix.data < -_LARGEST_WHOLE))
    if len(large):
        row = first_row + int(row_of_entries(matrix, large[:1])[0])
        raise DataError(
            f"{where}, row {row}, feature {matrix.indices[large[0]]}: {matrix.data[large[0]]} has "
            "too many digits to be computed with (float32): subtract what all have in common, or "
            "leave the feature out"
        )
