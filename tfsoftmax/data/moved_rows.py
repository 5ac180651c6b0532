"""Moves rows from those workers that have them to those that need them."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.dataset import CheckedFeatures, Split
from tfsoftmax.data.features import FeaturesLike, aligned_empty
from tfsoftmax.data.sharded_rows import ShardedRows, exchanged, in_memory, sharded
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows, stacked
from tfsoftmax.data.stored_rows import RowFiles, rows_in
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.system.files import staging_folder

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def on_chief(split: Split) -> Split:
    """The same rows, all of them the chief's; beyond its memory limit they are in a file.

    Other workers lose theirs.
    """
    if not isinstance(split.features, ShardedRows):
        return split
    chief = split.features.sharing.workers.is_chief
    everything = np.arange(len(split)) if chief else np.arange(0)
    features = sharded(_kept(split.features, everything), split.features.sharing)
    checked = split.checked and CheckedFeatures(features, split.checked.missing)
    return replace(split, features=features, checked=checked)


def in_each(split: Split, why: str) -> Split:
    """The same rows, all of them in the memory of each worker.

    Args:
      split: the rows of all.
      why: they are needed, for an error.

    Raises:
      UsageError: if they do not fit into the memory limit.
    """
    features = split.features
    if not isinstance(features, ShardedRows):
        return split
    if (n_bytes := int(len(features) * features.bytes_a_row)) > features.sharing.memory_limit:
        raise UsageError(
            why
            + f", and the {n_bytes:,} bytes of the rows of all workers do not fit into "
            + setting("memory_limit", features.sharing.memory_limit)
        )
    found = in_memory(features)
    rows = found if isinstance(found, np.ndarray) else SparseRows(found)
    checked = split.checked and CheckedFeatures(rows, split.checked.missing)
    return replace(split, features=rows, checked=checked)


def evenly_spaced(split: Split, n_rows: int) -> Split:
    """So many of the rows, from all over, if several workers have them; else all of them."""
    if not isinstance(split.features, ShardedRows):
        return split
    indices = np.linspace(0, len(split) - 1, min(n_rows, len(split))).astype(np.int64)
    return split.take(np.unique(indices))


def own_split(split: Split) -> tuple[Split, slice]:
    """The rows that this process has, and which they are of all."""
    if not isinstance(split.features, ShardedRows):
        return split, slice(0, len(split))
    mine = slice(split.features.mine.start, split.features.mine.stop)
    weights = None if split.weights is None else split.weights[mine]
    return Split(split.features.own, split.labels[mine], weights), mine


def taken_by_each(split: Split, indices: np.ndarray) -> Split:
    """The rows that each worker takes for itself, of whoever has them.

    Args:
      split: the rows of all.
      indices: ascending, others in each worker.
    """
    if not isinstance(split.features, ShardedRows):
        return split.take(indices)
    weights = None if split.weights is None else split.weights[indices]
    return Split(_kept(split.features, indices), split.labels[indices], weights)


def _kept(features: ShardedRows, wanted: np.ndarray) -> FeaturesLike:
    """Rows of whoever has them, by ascending indices: in memory, or beyond its limit in a file."""
    blocks = exchanged(features, wanted)
    if features.bytes_a_row * len(wanted) > features.sharing.memory_limit:
        return _in_file(blocks, features)
    if isinstance(features, SparseFeatures):
        return SparseRows(stacked(list(blocks), features.shape[1]))
    rows, done = aligned_empty((len(wanted), *features.shape[1:]), features.dtype), 0
    for block in blocks:
        rows[done : done + len(block)] = block
        done += len(block)
    return rows


def _in_file(blocks: Iterator[np.ndarray | csr_array], like: ShardedRows) -> FeaturesLike:
    """Rows in files that are there as long as this process is."""
    folder, sparse = like.sharing.folder, isinstance(like, SparseFeatures)
    try:
        with ExitStack() as stack:
            place = stack.enter_context(staging_folder(folder))
            with closing(RowFiles(place, like.dtype, None if sparse else like.shape[1:])) as files:
                for block in blocks:
                    files.add(block)
            atexit.register(stack.pop_all().close)
    except OSError as error:
        raise DataError(
            f"rows of other workers cannot be kept in {folder}: {error.strerror or error}; choose "
            "another " + setting("data_dir") + ", or a higher " + setting("memory_limit")
        ) from error
    return rows_in(place, like.shape[1])
