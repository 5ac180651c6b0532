"""Rows of features, read block by block, whether they are in memory, in a file or elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from io import RawIOBase
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tfsoftmax.errors import DataError

# Alignment of memory that TensorFlow uses without a copy.
_ALIGNMENT_BYTES = 64
# Bytes in a block, in a pass over all rows.
_BLOCK_BYTES = 2**23


@runtime_checkable
class Features(Protocol):
    """Rows of features that are read block by block.

    A `Split` holds these, or a NumPy array. A new kind derives from this class and has `shape`,
    `dtype` and `read`; the rest follows from them, and is overridden where there is a faster way.

    Attributes:
      shape: ``(n_samples, n_features)``.
      dtype: of the rows as they are read.
      in_file: whether they are in a file: then they are best read in the file's order, and
        another program may write to it while they are used.
      here: whether this process can read all of them; other workers may have some.

    >>> class Squares(Features):
    ...     shape, dtype = (5, 2), np.dtype("float32")
    ...     def read(self, blocks, out):
    ...         rows = np.concatenate([np.arange(5)[block] for block in blocks])
    ...         out[: len(rows)] = np.stack([rows, rows**2], axis=1)
    ...         return len(rows)
    >>> Squares()[3:].tolist(), Squares().take(np.array([4, 1]))[:].tolist()
    ([[3.0, 9.0], [4.0, 16.0]], [[4.0, 16.0], [1.0, 1.0]])
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    in_file: bool = False
    here: bool = True

    @abstractmethod
    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        """Copies blocks of rows, one after the other, to the front of `out`.

        Args:
          blocks: slices of rows, with a step of 1.
          out: contiguous array of the same dtype, with at least as many rows.

        Returns:
          How many rows were copied.

        Raises:
          DataError: if they cannot be read.
        """

    @property
    def row_bytes(self) -> int:
        """Size in bytes of a row as `read` gives it."""
        return int(np.prod(self.shape[1:])) * self.dtype.itemsize

    @property
    def bytes_a_row(self) -> float:
        """Size in bytes of a row where it is kept, in the mean of all."""
        return self.row_bytes

    @property
    def nbytes(self) -> int:
        """Size in bytes of all rows where they are kept."""
        return len(self) * self.row_bytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Reads the rows of a slice or of an array of indices, or the single row of an index."""
        if isinstance(rows, slice):
            if rows.step in (None, 1):
                return read_rows(self, [rows])
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        indices = np.flatnonzero(rows) if rows.dtype == bool else np.atleast_1d(rows)
        if len(indices) and not -len(self) <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"there are {len(self):,} rows, and no row {indices.max()}")
        out = np.empty((len(indices), *self.shape[1:]), self.dtype)
        _read_indices(self, np.where(indices < 0, indices + len(self), indices), out)
        return out if rows.ndim else out[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def take(self, indices: np.ndarray) -> FeaturesLike:
        """Selects rows, in the order of their indices ``[n]``."""
        return ChosenRows(self, indices)


FeaturesLike = np.ndarray | Features


class _ArrayRows(Features):
    """Rows of an array."""

    def __init__(self, array: np.ndarray):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.in_file = isinstance(array, np.memmap)

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        done = 0
        for block in blocks:
            rows = self._array[block]
            out[done : done + len(rows)] = rows
            done += len(rows)
        return done

    def take(self, indices: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(self._array[indices])


class _FileRows(Features):
    """Rows of a read-only memory map, read from its file.

    Pages of a map that are accessed stay in memory, so that a pass over a large file would fill
    it.
    """

    in_file = True

    def __init__(self, path: Path, first_byte: int, shape: tuple[int, ...], dtype: np.dtype):
        self._path, self._first_byte = path, first_byte
        self.shape, self.dtype = shape, dtype

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        row_bytes = self.row_bytes
        done = 0
        try:
            with self._path.open("rb", buffering=0) as file:
                for block in blocks:
                    start, stop, _ = block.indices(len(self))
                    file.seek(self._first_byte + start * row_bytes)
                    _read_exactly(file, out[done : done + stop - start])
                    done += stop - start
        except (OSError, EOFError) as error:
            raise DataError(
                f"{self._path} cannot be read any more: {error}; did it change?"
            ) from error
        return done


class ChosenRows(Features):
    """Some rows of other features, read when they are needed.

    Attributes:
      indices: of the rows, ``[n_samples]``; ascending ones are read faster.

    >>> rows = ChosenRows(np.arange(8.0).reshape(4, 2), np.array([1, 3]))
    >>> rows.shape, rows[1:].tolist()
    ((2, 2), [[6.0, 7.0]])
    """

    def __init__(self, features: FeaturesLike, indices: np.ndarray):
        self._features, self.indices = features_of(features), indices
        self.shape = (len(indices), *features.shape[1:])
        self.dtype, self.in_file = features.dtype, self._features.in_file

    def read(self, blocks: Sequence[slice], out: np.ndarray) -> int:
        """As for `Features`."""
        done = 0
        for block in blocks:
            indices = self.indices[block]
            _read_indices(self._features, indices, out[done : done + len(indices)])
            done += len(indices)
        return done

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        return self._features[self.indices[rows]]

    def take(self, indices: np.ndarray) -> FeaturesLike:
        """Selects some of these rows, without reading them."""
        return self._features.take(self.indices[indices])


def features_of(given: FeaturesLike) -> Features:
    """Features with the methods of `Features`; an array is wrapped.

    >>> features_of(np.eye(2)).take(np.array([1])).tolist()
    [[0.0, 1.0]]
    """
    if not isinstance(given, np.ndarray):
        return given
    return _file_rows(given) or _ArrayRows(given)


def row_blocks(features: FeaturesLike) -> Iterator[np.ndarray]:
    """All rows in order, in blocks of some megabytes; the next block overwrites this one.

    Raises:
      DataError: if the rows cannot be read, such as from a file that ends early.

    >>> [block.tolist() for block in row_blocks(np.eye(2))]
    [[[1.0, 0.0], [0.0, 1.0]]]
    """
    features = features_of(features)
    block_rows = _rows_per_block(features)
    block = np.empty((min(block_rows, len(features)), *features.shape[1:]), features.dtype)
    for start in range(0, len(features), block_rows):
        yield block[: features.read([slice(start, start + block_rows)], block)]


def read_rows(
    features: FeaturesLike, blocks: Sequence[slice], n_rows: int | None = None
) -> np.ndarray:
    """Blocks of rows, one after the other, in new memory that TensorFlow can use without a copy.

    Args:
      features: ``[n_samples, n_features]``.
      blocks: slices of rows, with a step of 1.
      n_rows: rows of the result, at least as many as are read; the others are uninitialised.
        None is as many as are read.

    Raises:
      DataError: if the rows cannot be read, such as from a file that ends early.

    >>> read_rows(np.arange(6.0)[:, None], [slice(4, 9), slice(0, 1)])[:, 0].tolist()
    [4.0, 5.0, 0.0]
    """
    features = features_of(features)
    if n_rows is None:
        n_rows = sum(len(range(*block.indices(len(features)))) for block in blocks)
    out = aligned_empty((n_rows, *features.shape[1:]), features.dtype)
    features.read(blocks, out)
    return out


def aligned(features: FeaturesLike) -> np.ndarray:
    """All rows in memory that TensorFlow can use without a copy: their own memory if possible.

    Raises:
      DataError: as for `read_rows`.
    """
    if isinstance(features, np.ndarray):
        flags = features.flags
        at_boundary = features.ctypes.data % _ALIGNMENT_BYTES == 0
        if flags.writeable and flags.c_contiguous and at_boundary:
            return features
    return read_rows(features, [slice(None)])


def aligned_empty(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An uninitialised array that TensorFlow can use without a copy.

    >>> aligned_empty((3, 5), "float32").ctypes.data % 64
    0
    """
    return _aligned(np.empty, shape, np.dtype(dtype))


def aligned_zeros(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """The same, of zeros: what is never written to takes no memory, if the array is large."""
    return _aligned(np.zeros, shape, np.dtype(dtype))


def _aligned(make: Callable[..., np.ndarray], shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    size = int(np.prod(shape)) * dtype.itemsize
    memory = make(size + _ALIGNMENT_BYTES, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT_BYTES
    return memory[start : start + size].view(dtype).reshape(shape)


def _rows_per_block(features: Features) -> int:
    return max(1, _BLOCK_BYTES // max(1, features.row_bytes))


def _read_indices(features: Features, indices: np.ndarray, out: np.ndarray) -> None:
    """Copies the rows of these indices, in their order."""
    if (indices[:-1] <= indices[1:]).all():
        _read_ascending(features, indices, out)
        return
    order = np.argsort(indices, kind="stable")
    in_order = np.empty_like(out)
    _read_ascending(features, indices[order], in_order)
    out[order] = in_order


def _read_ascending(features: Features, indices: np.ndarray, out: np.ndarray) -> None:
    """Copies the rows of ascending indices; rows between them are read, too."""
    part_rows = _rows_per_block(features)
    buffer = np.empty((min(part_rows, len(features)), *features.shape[1:]), features.dtype)
    done = 0
    while done < len(indices):
        first = indices[done]
        count = int(np.searchsorted(indices[done:], first + part_rows))
        wanted = indices[done : done + count] - first
        read = features.read([slice(first, first + wanted[-1] + 1)], buffer)
        np.take(buffer[:read], wanted, axis=0, out=out[done : done + count])
        done += count


def _file_rows(array: np.ndarray) -> _FileRows | None:
    """Rows to read from the file that an array maps; None if it maps no contiguous part of one."""
    if not isinstance(array, np.memmap) or not array.flags.c_contiguous:
        return None
    root = array
    while isinstance(root.base, np.memmap):
        root = root.base
    if root.mode != "r" or root.filename is None:
        return None
    # The `offset` of a view is its root's, so the distance between the two is added.
    first_byte = root.offset + array.ctypes.data - root.ctypes.data
    return _FileRows(Path(root.filename), first_byte, array.shape, array.dtype)


def _read_exactly(file: RawIOBase, out: np.ndarray) -> None:
    view = out.reshape(-1).view(np.uint8).data
    while view:
        count = file.readinto(view)
        if not count:
            raise EOFError("it ended early")
        view = view[count:]
