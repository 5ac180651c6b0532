"""Rows as the tensors that exported models take, in whichever runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# For each input of a signature its content for some rows, ``[n, ...]``.
Tensors = Mapping[str, np.ndarray]
# The inputs that take features: all of each row,
DENSE = "inputs"
# or the entries of sparse rows, and the id of a place that has none.
IDS, VALUES, PADDING = "ids", "values", -1


def tensors_of(spec: Spec, rows: np.ndarray | csr_array) -> Tensors:
    """Rows of features as the tensors that an exported model takes.

    Args:
      spec: of the model.
      rows: ``[n, *example_shape]``, or sparse ones ``[n, n_features]``.

    >>> import scipy.sparse
    >>> spec = Spec((9,), "float32", ("no", "yes"), sparse_rows=True)
    >>> rows = scipy.sparse.csr_array(([2.0, 3.0, 4.0], ([0, 1, 1], [5, 0, 8])), shape=(2, 9))
    >>> {name: tensor.tolist() for name, tensor in tensors_of(spec, rows).items()}
    {'ids': [[5, -1], [0, 8]], 'values': [[2.0, 0.0], [3.0, 4.0]]}
    """
    if not spec.sparse:
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        return {DENSE: dense.reshape(-1, *spec.example_shape)}
    from scipy.sparse import csr_array

    entries = csr_array(rows)
    lengths = np.diff(entries.indptr)
    there = np.arange(lengths.max(initial=1)) < lengths[:, None]
    ids, values = np.full(there.shape, PADDING, np.int32), np.zeros(there.shape, np.float32)
    ids[there], values[there] = entries.indices, entries.data
    return {IDS: ids, VALUES: values}


def any_row(spec: Spec) -> Tensors:
    """One row as `serving_default` takes it: zeros and empty texts."""
    if spec.encoding is None:
        return tensors_of(spec, np.zeros((1, spec.n_features), spec.dtype))
    return {
        each.name: np.array([""], object) if each.dtype == "string" else np.zeros(1, each.dtype)
        for each in spec.encoding.inputs
    }


def first_rows(tensors: Tensors, count: int) -> Tensors:
    """So many rows: the first ones, and all over again where there are not as many.

    >>> first_rows({"x": np.array([1, 2])}, 3)
    {'x': array([1, 2, 1])}
    """
    return {name: np.resize(tensor, (count, *tensor.shape[1:])) for name, tensor in tensors.items()}
