"""Feeds the compiled loop sparse rows, in chunks whose cost is that of their entries.

A batch has entries of far fewer features than there are. For each step the host numbers the
features that its batch has, so that the compiled loop gathers their rows of W once, works on
these as on a small dense model, and puts them back: nothing there is as wide as the features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import aligned_empty, features_of, read_rows
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows
from tfsoftmax.device import read_ahead, to_tensor
from tfsoftmax.training.sgd.feed import Feed, filled_up, in_steps

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
      labels: int32 ``[chunk_steps, width]``.
      weights: of the rows, ``[chunk_steps, width]`` or with one for each of several weightings;
        None where all count the same.
      counts, totals, taken, first_step: as for `Chunk`.
    """

    features: tf.Tensor
    owners: tf.Tensor
    values: tf.Tensor
    others: tuple[tf.Tensor, tf.Tensor, tf.Tensor]
    labels: tf.Tensor
    weights: tf.Tensor | None
    counts: tf.Tensor
    totals: tf.Tensor
    taken: np.ndarray
    first_step: int = 0

    @property
    def steps(self) -> int:
        """How many steps the chunk has."""
        return len(self.taken)

    @property
    def tensors(self) -> tuple[Any, ...]:
        """What the compiled loop is given of it."""
        return tuple(self[:8])


class SparseFeed(Feed):
    """The sparse training rows, each once an epoch, in the order that `Feed` has.

    Rows stay compressed in memory, and are read ahead chunk by chunk.

    >>> import scipy.sparse
    >>> from tfsoftmax.data.sparse_rows import SparseRows
    >>> rows = SparseRows(scipy.sparse.csr_array(np.eye(6, 1000, dtype=np.float32)))
    >>> split = Split(rows, np.zeros(6, np.int32))
    >>> feed = SparseFeed(split, 4, 0, 2**30)
    >>> [(chunk.steps, chunk.counts.numpy().tolist()) for chunk in feed.epoch(0)]
    [(2, [4, 2])]
    """

    def __init__(self, split: Split, *choices: Any):
        """Prepares the feed, as `Feed` does; the split is of `SparseFeatures`, scaled already."""
        super().__init__(split, *choices)
        self.chunk_steps = min(self.chunk_steps, max(1, _CHUNK_ENTRIES // self.step_numbers))
        self._n_inputs = split.features.shape[1]
        self._marks = np.empty(self._n_inputs, np.int32)
        # Chunks have one shape as long as they fit into it, or they would be compiled one by one.
        self._n_local = self._n_others = 0

    def _hold(self, own: Split, fit: bool) -> tuple[Split, Any]:
        rows = own.features
        assert isinstance(rows, SparseFeatures)
        if not fit:
            return own, None
        held = SparseRows(rows.read_sparse([slice(None)])) if rows.in_file else rows
        return own, (held, np.asarray(own.labels), own.weights)

    def _row_numbers(self, split: Split) -> int:
        return max(1, self._row_bytes(split) // _ENTRY_BYTES)

    def _bytes(self, split: Split, n_rows: int) -> int:
        return int(features_of(split.features).bytes_a_row * n_rows)

    def _row_bytes(self, split: Split) -> int:
        return max(1, math.ceil(features_of(split.features).bytes_a_row))

    def _read(self, blocks: np.ndarray) -> Any:
        slices, features = self._slices(blocks), self.rows.features
        assert isinstance(features, SparseFeatures)
        labels, weights = (
            None if array is None else read_rows(array, slices)
            for array in (self.rows.labels, self.rows.weights)
        )
        return SparseRows(features.read_sparse(slices)), labels, weights

    def _chunks(
        self, rows: Any, order: np.ndarray, taken_by: np.ndarray, taken: int
    ) -> Iterator[SparseChunk]:
        features, labels, weights = rows
        bounds = np.append(0, np.cumsum(taken_by[:, self.index]))
        width = self._width(taken_by)
        skipped = taken // self.chunk_steps * self.chunk_steps
        taken -= skipped

        def part(start: int) -> Part:
            of_all = taken_by[start : start + self.chunk_steps]
            chosen = order[bounds[start] : bounds[start + len(of_all)]]
            own = None if weights is None else weights[chosen]
            entries = features.take(chosen).read_sparse([slice(None)])
            ends = bounds[start : start + len(of_all) + 1] - bounds[start]
            numbers = self._numbered(entries.indices, entries.indptr[ends])
            return Part(entries, labels[chosen], own, numbers, of_all, width)

        for chunk in self._made(part, range(skipped, len(taken_by), self.chunk_steps)):
            yield chunk._replace(first_step=taken)
            taken = 0

    def _made(self, part: Callable[[int], Part], starts: range) -> Iterator[SparseChunk]:
        """The chunks that begin with these steps, each made while the one before it is used."""
        return read_ahead(lambda start: self._chunk(part(start)), starts)

    def _chunk(self, part: Part) -> SparseChunk:
        rows, labels, weights, numbers, taken_by, width = part
        own = taken_by[:, self.index]
        self._n_local = _room(self._n_local, numbers.features)
        self._n_others = _room(self._n_others, numbers.others)
        starts = np.append(0, np.cumsum(own))[:-1]
        in_batch = (np.arange(len(labels)) - np.repeat(starts, own)).astype(np.int32)
        owners = _ending_in_0(np.repeat(in_batch, np.diff(rows.indptr)))
        values = _ending_in_0(rows.data)
        n_local, n_others = ((self.chunk_steps, room) for room in (self._n_local, self._n_others))
        counts = filled_up(own, self.chunk_steps)
        return SparseChunk(
            features=_padded(numbers.features, n_local, np.int32, self._n_inputs),
            owners=_padded(_taken(owners, numbers.leading), n_local, np.int32),
            values=_padded(_taken(values, numbers.leading), n_local, np.float32),
            others=(
                _padded(_taken(owners, numbers.others), n_others, np.int32),
                _padded(numbers.places, n_others, np.int32),
                _padded(_taken(values, numbers.others), n_others, np.float32),
            ),
            labels=to_tensor(in_steps(labels, counts, width)),
            weights=None if weights is None else to_tensor(in_steps(weights, counts, width)),
            counts=to_tensor(counts),
            totals=to_tensor(filled_up(self._totals(taken_by), self.chunk_steps)),
            taken=taken_by,
        )

    def _numbered(self, indices: np.ndarray, starts: np.ndarray) -> Numbers:
        """Numbers the features of each step by one entry of each."""
        features, found, marks = indices.astype(np.intp), Numbers([], [], [], []), self._marks
        numbers = np.arange(np.diff(starts).max(initial=0), dtype=np.int32)
        for first, last in pairwise(starts):
            here, number = features[first:last], numbers[: last - first]
            # One entry of each feature leads: whichever wrote its number last.
            marks[here] = number
            leads = marks[here] == number
            leading, others = np.flatnonzero(leads), np.flatnonzero(~leads)
            marks[here.take(leading)] = numbers[: len(leading)]
            found.places.append(marks[here.take(others)])
            found.leading.append(leading + first)
            found.others.append(others + first)
            found.features.append(indices.take(found.leading[-1]))
        return found


class Numbers(NamedTuple):
    """The features of each step, numbered.

    Attributes:
      features: those that have number 0, 1, 2 and so on.
      leading: an entry of each; -1 where there is none, as the feature is in other workers' rows.
      others: those of features that another entry numbers.
      places: the numbers of the others' features.
    """

    features: list[np.ndarray]
    leading: list[np.ndarray]
    others: list[np.ndarray]
    places: list[np.ndarray]


class Part(NamedTuple):
    """Rows of some steps, of which a chunk is made.

    Attributes:
      rows: one step's after another's.
      labels, weights: theirs.
      numbers: their features, numbered.
      taken: as for `Chunk`.
      width: room for the rows of a step.
    """

    rows: csr_array
    labels: np.ndarray
    weights: np.ndarray | None
    numbers: Numbers
    taken: np.ndarray
    width: int


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


def _ending_in_0(numbers: np.ndarray) -> np.ndarray:
    """The numbers, and a 0, which -1 leads to."""
    return np.append(numbers, numbers.dtype.type(0))


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
