"""Feeds the compiled loop sparse rows, in chunks whose cost is that of their entries.

A batch has entries of far fewer features than there are. For each step the host numbers the
features that its batch has, so that the compiled loop gathers their rows of W once, works on
these as on a small dense model, and puts them back: nothing there is as wide as the features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import aligned_empty, read_rows
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows
from tfsoftmax.device import read_ahead, to_tensor
from tfsoftmax.training.sgd.feed import Feed

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Bytes of an entry in memory: its value and its feature.
_ENTRY_BYTES = 8
# Entries in a chunk, about: 16 megabytes as tensors.
_CHUNK_ENTRIES = 2**20
# Deviations above the mean number of entries that the usual step has room for.
_ROOM = 5.0


class SparseChunk(NamedTuple):
    """Sparse rows to train on, ready for each step.

    Attributes:
      features: int32 ``[chunk_steps, n_local]``, the features that each step's rows have, and
        `n_inputs` in places that are left over.
      owners: int32 of the same shape, the row in the batch of one entry of each.
      values: float32 of the same shape, theirs, scaled; 0 in places that are left over.
      others: of the other entries, ``[chunk_steps, n_others]`` each: their rows in the batch,
        their features' places in `features`, and their values.
      labels: int32 ``[chunk_steps, batch_size]``.
      weights: of the rows, ``[chunk_steps, batch_size]`` or with one for each of several
        weightings; None where all count the same.
      counts: int32 ``[chunk_steps]``, the rows of each step that are no padding.
      steps: how many steps the chunk has.
      first_step: the first that has not been taken yet.
    """

    features: tf.Tensor
    owners: tf.Tensor
    values: tf.Tensor
    others: tuple[tf.Tensor, tf.Tensor, tf.Tensor]
    labels: tf.Tensor
    weights: tf.Tensor | None
    counts: tf.Tensor
    steps: int
    first_step: int = 0

    @property
    def tensors(self) -> tuple[Any, ...]:
        """What the compiled loop is given of it."""
        return tuple(self[:7])


class SparseFeed(Feed):
    """The sparse training rows, each once an epoch, in the order that `Feed` has.

    Rows stay compressed in memory, and are read ahead chunk by chunk.

    >>> import scipy.sparse
    >>> from tfsoftmax.data.sparse_rows import SparseRows
    >>> rows = SparseRows(scipy.sparse.csr_array(np.eye(6, 1000, dtype=np.float32)))
    >>> split = Split(rows, np.zeros(6, np.int32))
    >>> feed = SparseFeed(split, batch_size=4, seed=0, memory_limit=2**30)
    >>> [(chunk.steps, chunk.counts.numpy().tolist()) for chunk in feed.epoch(0)]
    [(2, [4, 2])]
    """

    def __init__(self, split: Split, batch_size: int, seed: int, memory_limit: int):
        """Prepares the feed, as `Feed` does; the split is of `SparseFeatures`, scaled already."""
        super().__init__(split, batch_size, seed, memory_limit)
        self.step_numbers = self.batch_size * max(1, self._row_bytes() // _ENTRY_BYTES)
        self.chunk_steps = min(self.chunk_steps, max(1, _CHUNK_ENTRIES // self.step_numbers))
        self._n_inputs = split.features.shape[1]
        self._marks = np.empty(self._n_inputs, np.int32)
        # Chunks have one shape as long as they fit into it, or they would be compiled one by one.
        self._n_local = self._n_others = 0

    def _hold(self, split: Split, memory_limit: int) -> tuple[Split, Any]:
        rows = split.features
        assert isinstance(rows, SparseFeatures)
        if rows.nbytes > memory_limit:
            return split, None
        held = SparseRows(rows.read_sparse([slice(None)])) if rows.in_file else rows
        return split, (held, np.asarray(split.labels), split.weights)

    def _row_bytes(self) -> int:
        return max(1, -(-self.rows.features.nbytes // self.n_samples))

    def _read(self, blocks: np.ndarray) -> Any:
        slices, features = self._slices(blocks), self.rows.features
        assert isinstance(features, SparseFeatures)
        labels, weights = (
            None if array is None else read_rows(array, slices)
            for array in (self.rows.labels, self.rows.weights)
        )
        return SparseRows(features.read_sparse(slices)), labels, weights

    def _chunks(
        self, rows: Any, n_samples: int, order: np.ndarray, taken: int
    ) -> Iterator[SparseChunk]:
        features, labels, weights = rows
        order = order.ravel()[:n_samples]
        chunk_rows = self.chunk_steps * self.batch_size
        skipped = taken // self.chunk_steps
        taken -= skipped * self.chunk_steps

        def ready(start: int) -> SparseChunk:
            chosen = order[start : start + chunk_rows]
            own = None if weights is None else weights[chosen]
            entries = features.take(chosen).read_sparse([slice(None)])
            return self._chunk(entries, labels[chosen], own)

        for chunk in read_ahead(ready, range(skipped * chunk_rows, n_samples, chunk_rows)):
            yield chunk._replace(first_step=taken)
            taken = 0

    def _chunk(
        self, rows: csr_array, labels: np.ndarray, weights: np.ndarray | None
    ) -> SparseChunk:
        batch_size, n_rows = self.batch_size, len(labels)
        steps = -(-n_rows // batch_size)
        starts = np.append(rows.indptr[:-1:batch_size], rows.indptr[-1])
        leading, others, places = self._numbered(rows.indices, starts)
        self._n_local = _room(self._n_local, leading)
        self._n_others = _room(self._n_others, others)
        owners = np.repeat(np.arange(n_rows, dtype=np.int32) % batch_size, np.diff(rows.indptr))
        shape, n_local, n_others = (
            (self.chunk_steps, room) for room in (batch_size, self._n_local, self._n_others)
        )
        counts = _filled((self.chunk_steps,), np.int32)
        counts[:steps] = np.minimum(batch_size, n_rows - batch_size * np.arange(steps))
        return SparseChunk(
            features=_padded(_taken(rows.indices, leading), n_local, np.int32, self._n_inputs),
            owners=_padded(_taken(owners, leading), n_local, np.int32),
            values=_padded(_taken(rows.data, leading), n_local, np.float32),
            others=(
                _padded(_taken(owners, others), n_others, np.int32),
                _padded(places, n_others, np.int32),
                _padded(_taken(rows.data, others), n_others, np.float32),
            ),
            labels=to_tensor(_reshaped(labels, shape, np.int32)),
            weights=None if weights is None else to_tensor(_reshaped(weights, shape, np.float32)),
            counts=to_tensor(counts),
            steps=steps,
        )

    def _numbered(self, indices: np.ndarray, starts: np.ndarray) -> Numbers:
        """Numbers the features of each step by one entry of each."""
        indices, found, marks = indices.astype(np.intp), Numbers([], [], []), self._marks
        numbers = np.arange(np.diff(starts).max(initial=0), dtype=np.int32)
        for first, last in pairwise(starts):
            here, number = indices[first:last], numbers[: last - first]
            # One entry of each feature leads: whichever wrote its number last.
            marks[here] = number
            leads = marks[here] == number
            leading, others = np.flatnonzero(leads), np.flatnonzero(~leads)
            marks[here.take(leading)] = numbers[: len(leading)]
            found.places.append(marks[here.take(others)])
            found.leading.append(leading + first)
            found.others.append(others + first)
        return found


class Numbers(NamedTuple):
    """The features of each step, numbered.

    Attributes:
      leading: the entries that have number 0, 1, 2 and so on.
      others: those of features that another entry numbers.
      places: the numbers of the others' features.
    """

    leading: list[np.ndarray]
    others: list[np.ndarray]
    places: list[np.ndarray]


def _room(before: int, parts: list[np.ndarray]) -> int:
    """Room for the steps of a chunk: what there was if they fit, else more than they need."""
    sizes = np.array(list(map(len, parts)))
    largest = int(sizes.max(initial=1))
    if largest <= before:
        return before
    wanted = max(largest, sizes.mean() + _ROOM * sizes.std())
    # In units of a 32nd of a power of two, so that few shapes are ever compiled; and of 16, so that
    # no loop over them has an end that is too short for vectors and is rounded otherwise.
    unit = max(16, 2 ** (int(np.log2(wanted)) - 5))
    return int(-(-wanted // unit) * unit)


def _filled(shape: tuple[int, ...], dtype: Any, value: int = 0) -> np.ndarray:
    out = aligned_empty(shape, np.dtype(dtype))
    out.fill(value)
    return out


def _taken(numbers: np.ndarray, parts: list[np.ndarray]) -> Iterator[np.ndarray]:
    return (numbers.take(part) for part in parts)


def _padded(
    parts: Iterable[np.ndarray], shape: tuple[int, int], dtype: Any, pad: int = 0
) -> tf.Tensor:
    """One part in each row, and `pad` in what is left over."""
    out, filled = aligned_empty(shape, np.dtype(dtype)), 0
    for row, part in zip(out, parts, strict=False):
        row[: len(part)] = part
        row[len(part) :] = pad
        filled += 1
    out[filled:] = pad
    return to_tensor(out)


def _reshaped(rows: np.ndarray, shape: tuple[int, int], dtype: Any) -> np.ndarray:
    """Rows batch by batch, and 0 in what is left over."""
    out = _filled((*shape, *rows.shape[1:]), dtype)
    out.reshape(-1, *rows.shape[1:])[: len(rows)] = rows
    return out
