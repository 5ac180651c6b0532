"""Rows of features, read a part at a time, from memory or from the file they are mapped to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.errors import DataError

# What TensorFlow asks of memory that it is to use where it lies.
ALIGNMENT = 64
# Read at once where rows are gone through one after the other.
_BLOCK_BYTES = 2**23


class ChosenRows:
    """Some rows of a file that is mapped, in the file's order, left where they are.

    Attributes:
      features: all rows, ``[n, n_features]``, a read-only memory map.
      places: the numbers of those that are meant, rising.
      shape, dtype, ndim, nbytes: as an array of these rows would have them.

    >>> rows = ChosenRows(np.arange(8.0).reshape(4, 2), np.array([1, 3]))
    >>> rows.shape, rows[1:].tolist()
    ((2, 2), [[6.0, 7.0]])
    """

    ndim = 2

    def __init__(self, features: np.ndarray, places: np.ndarray):
        self.features, self.places = features, places
        self.shape = (len(places), features.shape[1])
        self.dtype = features.dtype
        self.nbytes = len(places) * features.shape[1] * features.dtype.itemsize

    def __len__(self) -> int:
        return len(self.places)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """The rows of a slice or of these numbers, or the one of a number, in memory."""
        if isinstance(rows, int | np.integer):
            return self[np.array([rows])][0]
        places = self.places[rows]
        out = np.empty((len(places), self.shape[1]), self.dtype)
        order = np.argsort(places, kind="stable")
        sorted_out = out if (order[:-1] <= order[1:]).all() else np.empty_like(out)
        _read_places(self.features, places[order], sorted_out)
        if sorted_out is not out:
            out[order] = sorted_out
        return out


Features = np.ndarray | ChosenRows


def is_mapped(features: Features) -> bool:
    """Whether the rows lie in a file, which somebody may write to while they are used."""
    return isinstance(features, ChosenRows | np.memmap)


def chosen(features: Features, places: np.ndarray) -> Features:
    """Rows by their numbers: copied, or left where they are if that is a mapped file."""
    if isinstance(features, ChosenRows):
        return ChosenRows(features.features, features.places[np.sort(places)])
    if _file_behind(features) is not None:
        return ChosenRows(features, np.sort(places))
    return np.ascontiguousarray(features[places])


def aligned_empty(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array that TensorFlow can use without a copy.

    >>> aligned_empty((3, 5), np.dtype("float32")).ctypes.data % ALIGNMENT
    0
    """
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def row_blocks(features: Features) -> Iterator[np.ndarray]:
    """All rows in their order, some megabytes at a time; each block is gone with the next.

    Raises:
      DataError: if the file behind the features cannot be read, or ends early.

    >>> [block.tolist() for block in row_blocks(np.eye(2))]
    [[[1.0, 0.0], [0.0, 1.0]]]
    """
    n_samples = len(features)
    a_block = max(1, _BLOCK_BYTES * n_samples // max(1, features.nbytes))
    block = np.empty((min(a_block, n_samples), *features.shape[1:]), features.dtype)
    for start in range(0, n_samples, a_block):
        yield block[: read_rows(features, [slice(start, start + a_block)], block)]


def read_rows(features: Features, blocks: Sequence[slice], out: np.ndarray) -> int:
    """Copies blocks of rows, one after the other, to the front of `out`.

    A read-only memory-mapped file is read rather than looked at: pages that are looked at
    stay with the process, so that going through a large file would fill its memory.

    Args:
      features: ``[n_samples, n_features]``.
      blocks: slices of rows.
      out: at least as many rows, of the same dtype, contiguous.

    Returns:
      How many rows were copied.

    Raises:
      DataError: if the file behind the features cannot be read, or ends early.

    >>> out = np.empty((4, 1))
    >>> rows = np.arange(6.0)[:, None]
    >>> read_rows(rows, [slice(4, 6), slice(0, 1)], out), out[:3, 0].tolist()
    (3, [4.0, 5.0, 0.0])
    """
    done = 0
    if isinstance(features, ChosenRows):
        for block in blocks:
            places = features.places[block]
            _read_places(features.features, places, out[done : done + len(places)])
            done += len(places)
        return done
    mapped = _file_behind(features)
    if mapped is None:
        for block in blocks:
            rows = features[block]
            out[done : done + len(rows)] = rows
            done += len(rows)
        return done
    path, offset = mapped
    row_bytes = features.strides[0]
    try:
        with path.open("rb", buffering=0) as file:
            for block in blocks:
                start, stop, _ = block.indices(len(features))
                file.seek(offset + start * row_bytes)
                _read_exactly(file, out[done : done + stop - start])
                done += stop - start
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read any more: {error}; did it change?") from error
    return done


def _read_places(features: np.ndarray, places: np.ndarray, out: np.ndarray) -> None:
    """Copies the rows of these rising numbers: what lies between them is read, too."""
    a_part = max(1, _BLOCK_BYTES * len(features) // max(1, features.nbytes))
    buffer = np.empty((min(a_part, len(features)), *features.shape[1:]), features.dtype)
    done = 0
    while done < len(places):
        first = places[done]
        count = int(np.searchsorted(places[done:], first + a_part))
        wanted = places[done : done + count] - first
        read = read_rows(features, [slice(first, first + wanted[-1] + 1)], buffer)
        np.take(buffer[:read], wanted, axis=0, out=out[done : done + count])
        done += count


def _file_behind(features: np.ndarray) -> tuple[Path, int] | None:
    """The file, and where in it the features begin, if they are a plain part of one."""
    if not isinstance(features, np.memmap) or not features.flags.c_contiguous:
        return None
    root = features
    while isinstance(root.base, np.memmap):
        root = root.base
    if root.mode != "r" or root.filename is None:
        return None
    # A view's own `offset` is its root's, whatever part of it the view is.
    return Path(root.filename), root.offset + features.ctypes.data - root.ctypes.data


def _read_exactly(file: RawIOBase, out: np.ndarray) -> None:
    view = out.reshape(-1).view(np.uint8).data
    while view:
        count = file.readinto(view)
        if not count:
            raise EOFError("it ended early")
        view = view[count:]
