"""svmlight: a line for each row, ``LABEL INDEX:VALUE ...``, read by scikit-learn."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.collector import Collector, collecting
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.matrices import MOST_FEATURES, rows_of_matrix
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.readers.feature_count import FeatureCount, cached_as_wide
from tfsoftmax.data.readers.folders import check_file
from tfsoftmax.data.readers.text_file import BoundedLines
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_rows import row_of_entries
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_GZIP_MAGIC = b"\x1f\x8b"
# Lines that are read at a time, in bytes, or one line that is longer.
_PART_BYTES = 2**22
_EMPTY_ROW = b"0\n"
_UNREADABLE = (ValueError, OverflowError)


def load_svmlight(path: Path, source: Source) -> Dataset:
    """Reads an svmlight file, also ``.gz`` and ``.bz2``. Features that a row leaves out are 0.

    Indices count from 1, or from 0 if one of them is 0, as scikit-learn has it. ``qid:`` is not
    read.

    Args:
      path: of the file.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the line or row of what is wrong.
    """
    check_file(path, source.name)
    key = source.key([path])
    found = cached_as_wide(source, key)
    if found is not None:
        return found
    if source.model:
        key = ""  # The number of features may be the model's, and not the file's alone.
    asked = source.options.first_index
    try:
        return _read(path, source, key, 1 if asked is None else asked)
    except _BelowFirstError as error:
        if asked is not None:
            raise DataError(*error.args) from error
        return _read(path, source, key, 0)


class _BelowFirstError(Exception):
    """An index is below the first one."""


def _read(path: Path, source: Source, key: str, first_index: int) -> Dataset:
    line, count = 1, FeatureCount(source)
    with collecting(source, key) as collector:
        for lines in _parts(path, source):
            matrix, labels, usable = _parsed(lines, line, source, collector)
            first_row = collector.n_read + 1
            _shift(matrix, first_index, source, first_row)
            count.add(matrix, source.name, "row", first_row)
            _add(collector, matrix, labels, usable, source, first_row)
            line += len(lines)
        n_features = count.result("lines of LABEL INDEX:VALUE ...")
        spec = Spec((n_features,), "float32", (), missing=source.options.fill)
        notes = Notes(first_index=first_index)
        return collector.dataset(lambda names: replace(spec, class_names=names), notes)


def _shift(matrix: csr_array, first_index: int, source: Source, first_row: int) -> None:
    """Makes indices count from 0."""
    matrix.indices -= first_index
    below = np.flatnonzero(matrix.indices < 0)
    if len(below):
        row = first_row + int(row_of_entries(matrix, below[:1])[0])
        raise _BelowFirstError(
            f"{source.name}, row {row}: an index of 0, but " + setting("first_index", first_index)
        )


def _add(
    collector: Collector,
    matrix: csr_array,
    labels: np.ndarray,
    usable: np.ndarray,
    source: Source,
    first_row: int,
) -> None:
    rows = rows_of_matrix(matrix, source.name, first_row).read_sparse([slice(None)])
    spec = Spec(rows.shape[1:], "float32", (), missing=source.options.fill)
    usable &= collector.bad_rows.find_finite(source.name, rows, spec, first_row)
    collector.add(rows, labels, usable=usable, first_row=first_row)


def _parsed(
    lines: list[bytes], first: int, source: Source, collector: Collector
) -> tuple[csr_array, np.ndarray, np.ndarray]:
    """Parses lines: rows with the indices as they are, labels, and which rows are usable.

    Args:
      lines: some of the file.
      first: number of the first of them.
      source: of the file.
      collector: takes bad rows.
    """
    try:
        matrix, labels = _loaded(lines)
        return matrix, labels, np.ones(len(labels), bool)
    except _UNREADABLE as error:
        if not collector.bad_rows.skip:
            index = _bad_indices(lines, all_of_them=False)[0]
            raise _located(lines, index, first + index, source) from error
    numbers = [n for n, line in enumerate(lines) if line.partition(b"#")[0].strip()]
    rows = [lines[n] for n in numbers]
    bad = _bad_indices(rows)
    for index in bad:
        located = _located(rows, index, first + numbers[index], source)
        collector.bad_rows.report("that cannot be read", located)
        rows[index] = _EMPTY_ROW
    matrix, labels = _loaded(rows)
    usable = np.ones(len(labels), bool)
    usable[bad] = False
    return matrix, labels, usable


def _loaded(lines: Sequence[bytes]) -> tuple[csr_array, np.ndarray]:
    """Rows with the indices as they are, and labels; one of `_UNREADABLE` if there are none."""
    from scipy.sparse import csr_array
    from sklearn.datasets import load_svmlight_file

    text = io.BytesIO(b"".join(lines))
    matrix, labels = load_svmlight_file(text, dtype=np.float32, zero_based=True)[:2]
    return csr_array(matrix), labels


def _bad_indices(lines: Sequence[bytes], all_of_them: bool = True) -> list[int]:
    """Finds the lines that scikit-learn cannot read, or the first of them, by bisection."""
    if not _problem(lines):
        return []
    if len(lines) == 1:
        return [0]
    half = len(lines) // 2
    found = _bad_indices(lines[:half], all_of_them)
    if not found or all_of_them:
        found += [half + index for index in _bad_indices(lines[half:], all_of_them)]
    return found


def _located(lines: Sequence[bytes], index: int, number: int, source: Source) -> DataError:
    problem = _problem(lines[index : index + 1])
    reason = str(problem).splitlines()[0][:200]
    if isinstance(problem, OverflowError):
        reason = f"an index is beyond {MOST_FEATURES:,}: correct it, or hash the indices to fewer"
    return DataError(f"{source.name}, line {number}: {reason}; expected LABEL INDEX:VALUE ...")


def _problem(lines: Sequence[bytes]) -> Exception | None:
    try:
        _loaded(lines)
    except _UNREADABLE as error:
        return error
    return None


def _parts(path: Path, source: Source) -> Iterator[list[bytes]]:
    """Reads the lines of the file, unpacked, some at a time."""
    try:
        with _opened(path, source) as file:
            while lines := file.readlines(_PART_BYTES):
                yield lines
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{source.name}: cannot be read: {reason}") from error


@contextmanager
def _opened(path: Path, source: Source) -> Iterator[io.BufferedReader]:
    with path.open("rb") as raw:
        file: Any = raw
        if raw.peek(2).startswith(_GZIP_MAGIC) or path.suffix == ".gz":
            file = gzip.GzipFile(fileobj=raw)
        elif path.suffix == ".bz2":
            file = bz2.BZ2File(raw)
        yield io.BufferedReader(BoundedLines(file, source.name))
