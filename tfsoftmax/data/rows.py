"""Rows of features, read a part at a time, from memory or from the file they are mapped to."""

from __future__ import annotations

from collections.abc import Sequence
from io import RawIOBase
from pathlib import Path

import numpy as np

from tfsoftmax.errors import DataError

# What TensorFlow asks of memory that it is to use where it lies.
ALIGNMENT = 64


def aligned_empty(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array that TensorFlow can use without a copy.

    >>> aligned_empty((3, 5), np.dtype("float32")).ctypes.data % ALIGNMENT
    0
    """
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def read_rows(features: np.ndarray, blocks: Sequence[slice], out: np.ndarray) -> int:
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
    mapped = _file_behind(features)
    done = 0
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
