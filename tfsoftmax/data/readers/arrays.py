"""Arrays: ``.npz`` and ``.npy`` files, and what a program has in memory."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.readers.array_rows import Arrays, dataset_of
from tfsoftmax.data.readers.folders import check_file, files_at
from tfsoftmax.data.source import Source
from tfsoftmax.distributed.gathering import errors_of_all
from tfsoftmax.errors import DataError
from tfsoftmax.messages import message_of, setting
from tfsoftmax.system.paths import check_regular

# The names that arrays and files have, in small letters.
_PARTS = ("train", "test")
_FEATURES = ("features", "x", "data", "images")
_LABELS = ("labels", "y", "target", "label")
_LONGEST_HEADER = 10_000  # as NumPy has it
# Errors of `zipfile` and its decompressors for damaged and unusual files.
_DAMAGED = (
    ValueError,
    EOFError,
    OSError,
    RuntimeError,  # needs a password
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def load_npz(path: Path, source: Source) -> Dataset:
    """Reads an ``.npz`` file with features and labels, and perhaps test rows.

    Arrays are called ``features`` and ``labels``, or ``x``/``X`` and ``y``, ``data`` and
    ``target``; with ``x_train``, ``y_train``, ``x_test``, ``y_test`` its test rows are taken.
    Those that are not compressed are mapped rather than read.

    Args:
      path: of the file.
      source: its name and the options to read it with.

    Raises:
      DataError: if an array is missing, of a wrong shape or type, or holds Python objects.
    """
    with errors_of_all(source.workers), source.reading(path):
        arrays = _in_archive(path, source)
    return _dataset(source, arrays, [path])


def _in_archive(path: Path, source: Source) -> dict[tuple[str, str], np.ndarray]:
    """The arrays in an ``.npz`` file, by part and kind."""
    check_file(path, source.name)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                entry.filename.removesuffix(".npy"): entry
                for entry in archive.infolist()
                if entry.filename.endswith(".npy")
            }
            found = _named(source, members, "arrays")
            return {
                key: _member(path, archive, members[name], source) for key, name in found.items()
            }
    except OSError as error:
        raise DataError(f"{source.name}: cannot be read: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise DataError(f"{source.name}: not an .npz file, or damaged: {_reason(error)}") from error


def load_npy(path: Path, source: Source) -> Dataset:
    """Reads ``.npy`` files, mapped: a folder of them, or a features file with labels beside.

    Files are called as arrays in an ``.npz`` file are: ``features.npy`` and ``labels.npy``,
    ``X.npy`` and ``y.npy``, ``x_train.npy`` and so on.

    Args:
      path: of the folder, or of the file with the features.
      source: its name and the options to read it with.

    Raises:
      DataError: as for `load_npz`.
    """
    with errors_of_all(source.workers), source.reading(path):
        files = _files_of_arrays(path, source)
        arrays = {key: _mapped(file, source) for key, file in files.items()}
    return _dataset(source, arrays, list(files.values()))


def _files_of_arrays(path: Path, source: Source) -> dict[tuple[str, str], Path]:
    """The files in a folder, or beside a file, that hold arrays, by part and kind."""
    folder = path if path.is_dir() else path.parent
    if folder != path:
        check_file(path, source.name)
    files = {file.stem: file for file in files_at(folder, source.name, "*.npy")}
    return {key: files[name] for key, name in _named(source, files, "files").items()}


def _mapped(file: Path, source: Source) -> np.ndarray:
    try:
        return mapped(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{source.name}: {file.name}: {_reason(error)}") from error


def mapped(path: Path) -> np.ndarray:
    """Maps the array in an ``.npy`` file into memory.

    Raises:
      OSError: if the file cannot be read.
      ValueError: if it holds no such array, or less of it than it promises.
    """
    check_regular(path)
    with path.open("rb") as file:
        shape, fortran, dtype = _npy_header(file)
        start = file.tell()
    promised = math.prod(shape) * dtype.itemsize
    found = path.stat().st_size - start
    if promised > found:
        raise ValueError(
            f"it is truncated: its header promises {promised:,} bytes, found {found:,}"
        )
    if not promised:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def _named(source: Source, found: Mapping[str, Any], what: str) -> dict[tuple[str, str], str]:
    """Finds the arrays that are features and labels: their names, by part and kind."""
    plain = {name.lower().replace("-", "_"): name for name in found}
    named: dict[tuple[str, str], str] = {}
    for part in _PARTS:
        for kind, words in (("features", _FEATURES), ("labels", _LABELS)):
            spelt = [s for word in words for s in (f"{word}_{part}", f"{part}_{word}")]
            spelt += words if part == "train" else ()
            match = [plain[name] for name in spelt if name in plain]
            if match:
                named[part, kind] = match[0]
    for part in _PARTS:
        for kind in ("features", "labels"):
            needed = part == "train" or any(key[0] == "test" for key in named)
            if needed and (part, kind) not in named:
                wanted = kind if part == "train" else f"test_{kind}"
                listed = ", ".join(map(repr, found)) or "none"
                if "indptr" in found:
                    raise DataError(
                        f"{source.name}: a sparse matrix of scipy's; write it with its labels by "
                        "sklearn.datasets.dump_svmlight_file, and give svmlight:FILE"
                    )
                raise DataError(
                    f"{source.name}: no {wanted} among its {what} ({listed}); "
                    "call them features and labels, or x_train, y_train, x_test and y_test"
                )
    return named


def _member(
    path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: Source
) -> np.ndarray:
    where = f"{source.name}: array {entry.filename.removesuffix('.npy')}"
    try:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # LZMA takes as much memory as its header asks for, which is up to 4 GB.
            raise ValueError(
                f"packed in a way NumPy does not (zip's compression {entry.compress_type}); save "
                "it with np.savez"
            )
        with archive.open(entry) as stream:
            shape, fortran, dtype = _npy_header(stream)
            start = stream.tell()
            promised = math.prod(shape) * dtype.itemsize
            if promised != entry.file_size - start:
                raise ValueError(
                    f"its header promises {promised:,} bytes, found {entry.file_size - start:,}"
                )
            if entry.compress_type == zipfile.ZIP_STORED and promised:
                offset = _data_offset(path, entry) + start
                if offset + promised > path.stat().st_size:
                    raise ValueError("it is truncated: the file ends within it")
                return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
            if promised > source.options.memory_limit:
                raise ValueError(
                    f"it expands to {promised:,} bytes, more than the memory limit; save it with "
                    "np.savez, which does not compress, or raise " + setting("memory_limit")
                )
            content = stream.read(promised)
            array = np.frombuffer(content, dtype)
            return array.reshape(shape, order="F" if fortran else "C")
    except _DAMAGED as error:
        raise DataError(f"{where}: " + _reason(error)) from error


def _npy_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Reads shape, whether the order is Fortran's, and type; a `ValueError` says what is wrong."""
    start = stream.read(12)
    if len(start) < 12 or start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise ValueError(f"not an .npy array: it starts with {start[:6]!r}")
    # The length of what follows is checked before it is read: a header is a line of text.
    first, ending = (10, "<u2") if start[6] == 1 else (12, "<u4")
    length = int(np.frombuffer(start[8:first], ending)[0])
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header promises to be {length:,} bytes long")
    header = io.BytesIO(start[8:] + stream.read(max(0, length - 12 + first)))
    form = np.lib.format
    read = form.read_array_header_1_0 if start[6] == 1 else form.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of headers that Python 2 wrote
            shape, fortran, dtype = read(header, max_header_size=_LONGEST_HEADER)
    # What Python's own parser says of texts that nobody would write.
    except (TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise ValueError(f"its header cannot be read ({type(error).__name__})") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded; save plain numbers")
    if min(shape, default=0) < 0 or not dtype.itemsize:
        raise ValueError(f"its header promises {dtype} {shape}")
    return tuple(map(int, shape)), fortran, dtype  # True passes for a whole number


def _data_offset(path: Path, entry: zipfile.ZipInfo) -> int:
    """Offset of a member's bytes, which follow a header that says its own length."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\3\4":
        raise ValueError("its header within the file is damaged")
    lengths = np.frombuffer(header, "<u2", 2, 26)
    return entry.header_offset + 30 + int(lengths.sum())


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return message_of(error) if len(lines) == 1 else next(iter(lines), type(error).__name__)


def _dataset(
    source: Source, arrays: Mapping[tuple[str, str], np.ndarray], files: list[Path]
) -> Dataset:
    parts = {
        part: Arrays(arrays[part, "features"], arrays[part, "labels"])
        for part in _PARTS
        if (part, "features") in arrays
    }
    return dataset_of(source, parts["train"], parts.get("test"), files)
