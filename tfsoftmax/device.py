"""Moves rows to the device, all at once or block by block, without copying where possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfsoftmax.columns.entries import Entries, entries_of
from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import FeaturesLike, aligned, aligned_zeros, features_of, read_rows
from tfsoftmax.data.sparse_rows import SparseFeatures, sparse_blocks, taken_sparse
from tfsoftmax.metrics import rows_per_block
from tfsoftmax.spec import Spec

# Bytes of rows that are read at a time.
_READ_BYTES = 2**23

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


def to_device(split: Split, memory_limit: int) -> Split:
    """The rows as tensors on the current device if they fit; else unchanged.

    So are sparse rows, and those that other workers have.
    """
    features = features_of(split.features)
    if isinstance(features, SparseFeatures) or not features.here or features.nbytes > memory_limit:
        return split
    weights = None if split.weights is None else to_tensor(split.weights)
    return Split(to_tensor(split.features), to_tensor(split.labels), weights)


def to_tensor(rows: FeaturesLike) -> tf.Tensor:
    """The rows as a tensor on the current device, sharing an array's memory if possible.

    `tf.convert_to_tensor` copies an array, and often twice.

    >>> import numpy as np
    >>> to_tensor(np.arange(3)).numpy().tolist()
    [0, 1, 2]
    """
    # identity puts it on the current device; there already, it stays the same memory.
    return tf.identity(tf.experimental.dlpack.from_dlpack(aligned(rows).__dlpack__()))


def zeros(shape: Sequence[int]) -> tf.Tensor:
    """float32 zeros; many of them take no memory before they are written to."""
    return to_tensor(aligned_zeros(shape, np.float32))


def joined(parts: Iterable[Any], n_rows: int) -> tf.Tensor:
    """Parts of rows one after another, and 0 for rows that are left over; no part is held long.

    >>> joined(iter([tf.constant([[1.0], [2.0]]), tf.constant([[3.0]])]), 4).numpy().tolist()
    [[1.0], [2.0], [3.0], [0.0]]
    """
    rows, filled = np.empty(0), 0
    for part in parts:
        if len(part) == n_rows:
            return part
        if not filled:
            rows = aligned_zeros((n_rows, *part.shape[1:]), part.dtype.as_numpy_dtype)
        rows[filled : filled + len(part)] = part
        filled += len(part)
    return to_tensor(rows)


def read_ahead(
    read: Callable[[_Argument], _Result], arguments: Iterable[_Argument]
) -> Iterator[_Result]:
    """``map(read, arguments)``, each result read while the one before it is used.

    >>> list(read_ahead(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(1, thread_name_prefix="tfsoftmax-read") as pool:
        ahead = None
        for argument in arguments:
            following = pool.submit(read, argument)
            if ahead:
                yield ahead.result()
            ahead = following
        if ahead:
            yield ahead.result()


def device_blocks(split: Any, spec: Spec) -> Iterator[tuple[tf.Tensor | Entries, tf.Tensor]]:
    """The rows as tensors on the device: all at once if they are there, else block by block.

    Args:
      split: of rows and labels, as arrays or tensors; sparse rows become `Entries`, if what
        they leave out is 0 for the model, too.
      spec: of the model that is asked.
    """
    features, labels = split.features, split.labels
    if taken_sparse(features, spec):
        for part, block in sparse_blocks(features, rows_per_block(spec.n_classes)):
            yield entries_of(block), tf.constant(labels[part])
        return
    if tf.is_tensor(features):
        yield features, labels
        return
    n_samples = len(labels)
    block_rows = max(1, _READ_BYTES // features_of(features).row_bytes)

    def read(start: int) -> tuple[tf.Tensor, tf.Tensor]:
        rows = slice(start, min(start + block_rows, n_samples))
        return to_tensor(read_rows(features, [rows])), tf.constant(labels[rows])

    yield from read_ahead(read, range(0, n_samples, block_rows))
