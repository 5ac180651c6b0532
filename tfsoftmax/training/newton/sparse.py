"""Passes over sparse rows, in NumPy and SciPy: products take their entries, not their zeros."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.sparse_rows import SparseFeatures, sparse_blocks
from tfsoftmax.training.newton.passes import Joint
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.small import NumpyPasses
from tfsoftmax.training.objective import Objective

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# A block of rows, and its entries in float64.
Block = tuple[slice, "csr_array"]
# Entries grow by half from float32 to float64.
_GROWTH = 1.5


class SparsePasses(NumpyPasses):
    """`Passes` over sparse rows as W multiplies them (`OccurringInputs`), in float64."""

    dtype = np.float64

    def __init__(self, objective: Objective, rows: Rows):
        """Reads the rows, if memory has room for their entries.

        Args:
          objective: what is minimised; it is not centred.
          rows: the training rows, sparse ones.
        """
        super().__init__(objective, rows, compiled=False)
        assert rows.sparse is not None
        assert objective.center is None
        features, every = rows.sparse, slice(None)
        self._kept: list[Block] | None = None
        if features.nbytes * _GROWTH <= rows.memory_limit:
            self._kept = [(every, _exact(features.read_sparse([every])))]

    def squares(self, of_logits: np.ndarray) -> Joint:
        """As `_to_parameters`, of squared inputs, and of the rows of all workers."""
        return self._of_all(self._summed(of_logits, squared=True))[0]

    def columns(self, indices: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Some columns of some held rows, with their zeros, float32 ``[n, n_columns]``."""
        assert self.rows.sparse is not None
        taken = self.rows.sparse.take(indices)
        assert isinstance(taken, SparseFeatures)
        found: np.ndarray = taken.read_sparse([slice(None)])[:, columns].toarray()
        return found

    def _products(self, joint: Joint, dtype: np.dtype) -> np.ndarray:
        W = np.ascontiguousarray(joint[:, :-1].T)
        found = np.empty((len(joint), len(self.rows.weights)))
        for part, block in self._blocks():
            found[:, part] = (block @ W).T
        found += joint[:, -1:]
        return found[None]

    def _to_parameters(self, of_logits: np.ndarray) -> Joint:
        return self._summed(of_logits, squared=False)

    def _summed(self, of_logits: np.ndarray, squared: bool) -> Joint:
        of_rows, total = np.ascontiguousarray(of_logits[0].T), 0.0
        for part, block in self._blocks():
            total = total + (block.power(2) if squared else block).T @ of_rows[part]
        sums = np.concatenate([total, of_rows.sum(0, keepdims=True)])
        return np.ascontiguousarray(sums.T) / self.n_samples

    def _blocks(self) -> Iterable[Block]:
        if self._kept is not None:
            return self._kept
        assert self.rows.sparse is not None
        return ((part, _exact(block)) for part, block in sparse_blocks(self.rows.sparse))


def _exact(rows: csr_array) -> csr_array:
    return rows.astype(np.float64)
