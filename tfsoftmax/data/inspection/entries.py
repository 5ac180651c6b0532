"""Describes rows that are kept without their zeros, at the cost of their entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfsoftmax.data.inspection.described import Entries
from tfsoftmax.data.sparse_rows import SparseFeatures, sparse_blocks


def entries_of(parts: Sequence[SparseFeatures]) -> Entries:
    """Describes sparse rows of the same columns.

    >>> import scipy.sparse
    >>> from tfsoftmax.data.sparse_rows import SparseRows
    >>> found = entries_of([SparseRows(scipy.sparse.csr_array(np.float32([[0, 2, 1], [0, 0, 3]])))])
    >>> found.total, found.unused, found.least, found.most, found.density
    (3, 1, 1, 2, 0.5)
    """
    n_columns = parts[0].shape[1]
    of_columns = np.zeros(n_columns, np.int64)
    of_rows: list[np.ndarray] = []
    missing, low, high = 0, np.inf, -np.inf
    for part in parts:
        for _, block in sparse_blocks(part):
            there = block.data != 0
            numbers = block.data[there]
            of_columns += np.bincount(block.indices[there], minlength=n_columns)
            ends = np.append(0, np.cumsum(there))[block.indptr]
            of_rows.append(np.diff(ends))
            missing += int(np.isnan(numbers).sum())
            low = np.fmin(low, np.fmin.reduce(numbers, initial=np.inf))
            high = np.fmax(high, np.fmax.reduce(numbers, initial=-np.inf))
    counts = np.concatenate([np.zeros(0, np.int64), *of_rows])
    total, known = int(of_columns.sum()), bool(low <= high)
    return Entries(
        n_columns,
        int((of_columns == 0).sum()),
        total,
        int(counts.min(initial=total)),
        float(counts.mean()),
        int(counts.max(initial=0)),
        total / (len(counts) * n_columns),
        missing,
        float(low) if known else None,
        float(high) if known else None,
    )
