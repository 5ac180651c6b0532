"""The features that occur in sparse training rows: all that training moves, and so all it keeps.

A weight that starts at 0 and whose feature never occurs has no gradient, and penalties leave 0
where it is. So training works on a smaller model of the features that occur.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.columns.entries import Entries, entries_of
from tfsoftmax.data.dataset import CheckedFeatures, Dataset, Split
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.sharded_rows import of_own, own_rows, workers_with
from tfsoftmax.data.sparse_rows import SparseFeatures, csr_of, sparse_blocks, taken_sparse
from tfsoftmax.distributed.gathering import merged
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Scaling, Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# From the entries of raw rows to those that W multiplies.
Scale = Callable[[Entries], Entries]
# Rows of W that are looked at at a time.
_BLOCK_ROWS = 2**16


class OccurringInputs(SparseFeatures):
    """Sparse rows as W multiplies them: scaled, and of some inputs only.

    Args:
      rows: raw.
      scale: from their entries to scaled ones; None changes nothing.
      numbers: the new number of each input, int32 ``[n_inputs]``, ascending; -1 leaves it out.
      n_numbers: how many there are.
    """

    def __init__(
        self, rows: FeaturesLike, scale: Scale | None, numbers: np.ndarray, n_numbers: int
    ):
        assert isinstance(rows, SparseFeatures)
        self._rows, self._scale, self._numbers = rows, scale, numbers
        self.shape = (len(rows), n_numbers)
        self.in_file = rows.in_file

    @property
    def nbytes(self) -> int:
        """About the bytes of their three arrays."""
        return self._rows.nbytes

    def lengths(self, start: int, stop: int) -> np.ndarray:
        """Those of the raw rows."""
        return self._rows.lengths(start, stop)

    def read_sparse(self, blocks: Sequence[slice]) -> csr_array:
        """As for `SparseFeatures`."""
        rows = scaled(self._rows.read_sparse(blocks), self._scale, len(self._numbers))
        indices, values, ends = self._numbers[rows.indices], rows.data, rows.indptr
        kept = indices >= 0
        if not kept.all():
            ends = np.append(0, np.cumsum(kept))[ends]
            indices, values = indices[kept], values[kept]
        return csr_of(values, indices, ends, self.shape[1])

    def take(self, indices: np.ndarray) -> OccurringInputs:
        """Selects rows, in the order of their indices ``[n]``, or in the file's."""
        taken = self._rows.take(indices)
        return OccurringInputs(taken, self._scale, self._numbers, self.shape[1])


def scale_of(model: SoftmaxRegression) -> Scale | None:
    """What scales a model's sparse rows; None where they stay as they are."""
    return None if model.spec.scaled_by == Scaling() else model.scaled


def scaled(rows: csr_array, scale: Scale | None, n_inputs: int) -> csr_array:
    """Raw sparse rows as W multiplies them, ``[n_rows, n_inputs]``."""
    if scale is None:
        return rows
    entries = scale(entries_of(rows))
    if len(entries.values) > rows.nnz:
        return entries.matrix(n_inputs)
    return csr_of(entries.values.numpy(), rows.indices, rows.indptr, n_inputs)


class Occurring(NamedTuple):
    """What is trained in place of a model on a dataset: of dense rows, these themselves.

    Attributes:
      model: to be trained, of the inputs that occur or do not start at 0.
      dataset: its rows.
      whole: the model with all inputs.
      inputs: which of them those of the smaller model are, ascending; None if it is the same.
    """

    model: SoftmaxRegression
    dataset: Dataset
    whole: SoftmaxRegression
    inputs: np.ndarray | None

    @classmethod
    def of(cls, model: SoftmaxRegression, dataset: Dataset) -> Occurring:
        """Finds the inputs that occur in the training rows.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        rows, spec = dataset.train.features, dataset.spec
        if not taken_sparse(rows, spec):
            return cls(model, dataset, model, None)
        scale = scale_of(model)
        needed = _not_0(model.W)
        at_0 = not needed.any()
        needed |= _occur(rows, scale, spec.n_inputs)
        needed[0] |= not needed.any()  # A model of no inputs would be a special case.
        inputs = np.flatnonzero(needed)
        numbers = np.full(spec.n_inputs, -1, np.int32)
        numbers[inputs] = range(len(inputs))

        small = Spec(
            (len(inputs),), "float32", spec.class_names, reject_below=spec.reject_below,
            sparse_rows=True,
        )  # fmt: skip
        smaller = SoftmaxRegression(small)
        if not at_0:
            smaller.W.assign(tf.gather(model.W, inputs))
        smaller.b.assign(model.b)

        def occurring(split: Split) -> Split:
            features = of_own(
                split.features, lambda own: OccurringInputs(own, scale, numbers, len(inputs))
            )
            checked = CheckedFeatures(features, missing=False)
            return replace(split, features=features, checked=checked, raw=None)

        of_small = replace(
            dataset,
            spec=small,
            train=occurring(dataset.train),
            test=occurring(dataset.test),
            validation=dataset.validation and occurring(dataset.validation),
        )
        return cls(smaller, of_small, model, inputs)

    def give_back(self) -> None:
        """Gives the whole model what the smaller one has learnt."""
        if self.inputs is not None:
            # Not in place: a variable that is assigned to in part is copied at each later reading.
            places = self.inputs[:, None]
            self.whole.W.assign(tf.tensor_scatter_nd_update(self.whole.W, places, self.model.W))
            self.whole.b.assign(self.model.b)


def _occur(rows: SparseFeatures, scale: Scale | None, n_inputs: int) -> np.ndarray:
    """Which inputs occur in the rows of all workers, of which each looks at its own."""
    own, found = own_rows(rows), np.zeros(n_inputs, np.int32)
    assert isinstance(own, SparseFeatures)
    for _, block in sparse_blocks(own):
        found[scaled(block, scale, n_inputs).indices] = 1
    return merged(found, workers_with(rows)) > 0


def _not_0(W: tf.Variable) -> np.ndarray:
    """Which rows have a number that is not 0."""
    blocks = (W[start : start + _BLOCK_ROWS] for start in range(0, W.shape[0], _BLOCK_ROWS))
    return np.concatenate([np.any(block, axis=1) for block in blocks])
