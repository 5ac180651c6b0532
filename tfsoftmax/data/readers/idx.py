"""IDX, the file format MNIST and its relatives are published in.

The format: two zero bytes, a type code, the number of dimensions, each dimension as a
big-endian uint32, then the values, row by row. Described on the page the MNIST database
was published on (LeCun, Cortes, Burges).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.readers.folders import unexpected
from tfsoftmax.data.scale_check import warn_of_scales
from tfsoftmax.data.source import Source
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec
from tfsoftmax.system.paths import check_regular

_UINT8 = 0x08
_MAX_DIMENSIONS = 4
_GZIP_MAGIC = b"\x1f\x8b"
# deflate cannot expand by more than about 1032 : 1 (zlib's documentation), so a header
# that promises more than that is refused before any memory is allocated.
_MAX_EXPANSION = 1040

_IMAGES = "images-idx3-ubyte"
_LABELS = "labels-idx1-ubyte"
_PREFIXES = {"training": "train", "test": "t10k"}


def load_idx(folder: Path, source: Source) -> Dataset:
    """Reads MNIST's four files, or a relative's of the same names, gzipped or not.

    Args:
      folder: holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
        ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each with or without
        ``.gz``. A dot before ``idx`` instead of a dash is taken too.
      source: its name, and the model to be measured on it, if any.

    Raises:
      DataError: naming the file that is missing, truncated or not what it should be.
    """
    name = source.name
    if not folder.is_dir():
        raise unexpected(name, "a folder with MNIST's four files", folder)
    parts = {}
    for part, prefix in _PREFIXES.items():
        images = read_idx(_find(folder, f"{prefix}-{_IMAGES}", name), n_dimensions=3)
        labels = read_idx(_find(folder, f"{prefix}-{_LABELS}", name), n_dimensions=1)
        if len(images) != len(labels):
            raise DataError(
                f"{name}: {part} split has {len(images)} images but {len(labels)} "
                "labels; each image needs exactly one"
            )
        if not math.prod(images.shape[1:]):
            raise DataError(
                f"{name}: {part} images of {_times(images.shape[1:])} pixels; there is "
                f"nothing to learn from; {_REFETCH}"
            )
        parts[part] = images, labels
    train_images, train_labels = parts["training"]
    test_images, test_labels = parts["test"]
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{name}: training images are {_times(train_images.shape[1:])} but test "
            f"images {_times(test_images.shape[1:])}; they must agree"
        )
    n_classes = int(max(train_labels.max(initial=0), test_labels.max(initial=0))) + 1
    names = tuple(str(label) for label in range(n_classes))
    spec = Spec(train_images.shape[1:], "uint8", names, (0, 255))
    train, test = _split(train_images, train_labels), _split(test_images, test_labels)
    measured = source.model is not None
    dataset = Dataset(name, spec, train, test, only_measured=measured)
    warn_of_scales(name, train, test, spec)
    return dataset


def read_idx(path: Path, n_dimensions: int) -> np.ndarray:
    """Reads one IDX file of unsigned bytes, gzipped or not.

    No more memory is allocated than a file of this size can fill.

    Args:
      path: the file.
      n_dimensions: how many dimensions it must have.

    Returns:
      uint8 array of that many dimensions.

    Raises:
      DataError: if the file cannot be read, is not IDX of bytes, or holds fewer or more
        values than its header promises.
    """
    try:
        check_regular(path)
        size = path.stat().st_size
        with path.open("rb") as raw:
            zipped = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if not zipped:
                return _parse(raw, path, n_dimensions, available=size)
            with gzip.GzipFile(fileobj=raw) as unzipped:
                available = size * _MAX_EXPANSION
                return _parse(unzipped, path, n_dimensions, available)  # type: ignore[arg-type]
    except EOFError as error:
        raise DataError(f"{path}: the gzip stream ends early; {_REFETCH}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip stream is damaged ({error}); {_REFETCH}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


_REFETCH = "fetch the file again"


def _parse(stream: BinaryIO, path: Path, n_dimensions: int, available: int) -> np.ndarray:
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or not 1 <= head[3] <= _MAX_DIMENSIONS:
        raise DataError(
            f"{path}: not an IDX file: expected to start with 00 00 08 {n_dimensions:02x}, "
            f"found {head.hex(' ') or 'no bytes'}"
        )
    if head[2] != _UINT8 or head[3] != n_dimensions:
        raise DataError(
            f"{path}: expected IDX of unsigned bytes (type 08) with {n_dimensions} "
            f"dimension(s), found type {head[2]:02x} with {head[3]}"
        )
    sizes = stream.read(4 * n_dimensions)
    if len(sizes) < 4 * n_dimensions:
        raise DataError(f"{path}: truncated within its header; {_REFETCH}")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    promised = math.prod(shape)
    if promised > available:
        raise DataError(
            f"{path}: its header promises {promised:,} values ({_times(shape)}), more than "
            f"the file can hold; {_REFETCH}"
        )
    values = stream.read(promised)
    if len(values) < promised:
        raise DataError(
            f"{path}: truncated: its header promises {promised:,} values ({_times(shape)}), "
            f"found {len(values):,}; {_REFETCH}"
        )
    if stream.read(1):
        raise DataError(
            f"{path}: holds more than the {promised:,} values ({_times(shape)}) its header "
            f"promises; {_REFETCH}"
        )
    try:
        return np.frombuffer(values, np.uint8).reshape(shape)
    except ValueError as error:  # No values, but sizes beyond all bounds.
        raise DataError(f"{path}: its header promises {_times(shape)}; {_REFETCH}") from error


def _find(folder: Path, file: str, name: str) -> Path:
    """Finds the file of a name, with or without .gz, with a dash or a dot before 'idx'."""
    candidates = [
        folder / f"{variant}{ending}"
        for variant in (file, file.replace("-idx", ".idx"))
        for ending in ("", ".gz")
    ]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DataError(f"{name}: no file {file} or {file}.gz in this folder")


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    flat = images.reshape(len(images), math.prod(images.shape[1:]))
    return Split(flat, labels.astype(np.int32))


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape)
