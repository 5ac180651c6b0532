"""svmlight: a line for each row, ``LABEL INDEX:VALUE ...``, read by scikit-learn."""

from __future__ import annotations

import bz2
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.collector import Collector, collecting
from tfsoftmax.data.dataset import Dataset, check_finite
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.matrices import MOST_FEATURES, rows_of_matrix
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.feature_count import FeatureCount, cached_as_wide
from tfsoftmax.data.readers.folders import check_file
from tfsoftmax.data.readers.text_file import BoundedLines
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_rows import row_of_entries
from tfsoftmax.errors import DataError, UsageError
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


def rows_of_svmlight(
    path: Path, name: str, spec: Spec, options: SourceOptions
) -> Iterator[FeaturesLike]:
    """Reads rows to be predicted, with labels, which are not looked at, or without.

    Args:
      path: of the file.
      name: for messages.
      spec: of the model.
      options: the index of the first feature.

    Yields:
      ``[n, n_features]``.

    Raises:
      UsageError: if it is not said what the first index is.
      DataError: naming the line or row, from 1, of what is wrong, or if the model was trained on
        pictures or named columns.
    """
    check_file(path, name)
    if spec.encoding or spec.feature_names or spec.is_image:
        raise DataError(
            f"{name}: rows of INDEX:VALUE, but the model does not know its features by an index"
        )
    first_index = options.first_index
    if first_index is None:
        raise UsageError(
            f"{name}: the model's record, which says whether indices count from 0 or 1, is not "
            "beside it; say it, as in " + setting("first_index", 1)
        )
    bad, line, row = BadRows(name, skip=False), 1, 1
    for lines in _parts(path, name):
        if any(each.partition(b"#")[0].strip() for each in lines):
            matrix = _parsed(list(map(_with_label, lines)), line, name, bad)[0]
            rows = rows_of_matrix(_as_wide(matrix, spec, first_index, name, row), name, row)
            check_finite(name, rows, spec, row)
            yield rows
            row += len(rows)
        line += len(lines)


def _as_wide(
    matrix: csr_array, spec: Spec, first_index: int, name: str, first_row: int
) -> csr_array:
    """Rows with as many features as a model takes, from rows with the indices as they are."""
    try:
        _shift(matrix, first_index, name, first_row)
    except _BelowFirstError as error:
        raise DataError(*error.args) from error
    beyond = np.flatnonzero(matrix.indices >= spec.n_features)
    if len(beyond):
        row = first_row + int(row_of_entries(matrix, beyond[:1])[0])
        raise DataError(
            f"{name}, row {row}: an index of {matrix.indices[beyond[0]] + first_index:,}, but the "
            f"last of the model's features has {spec.n_features - 1 + first_index:,}"
        )
    matrix.resize(matrix.shape[0], spec.n_features)
    return matrix


def _with_label(line: bytes) -> bytes:
    """The line, with a label if its first word is a feature."""
    first = line.split(maxsplit=1)[:1]
    return b"0 " + line if first and b":" in first[0].partition(b"#")[0] else line


class _BelowFirstError(Exception):
    """An index is below the first one."""


def _read(path: Path, source: Source, key: str, first_index: int) -> Dataset:
    line, count = 1, FeatureCount(source)
    with collecting(source, key) as collector:
        for lines in _parts(path, source.name):
            matrix, labels, usable = _parsed(lines, line, source.name, collector.bad_rows)
            first_row = collector.n_read + 1
            _shift(matrix, first_index, source.name, first_row)
            count.add(matrix, source.name, "row", first_row)
            _add(collector, matrix, labels, usable, source, first_row)
            line += len(lines)
        n_features = count.result("lines of LABEL INDEX:VALUE ...")
        spec = Spec((n_features,), "float32", (), missing=source.options.fill)
        notes = Notes(first_index=first_index)
        return collector.dataset(lambda names: replace(spec, class_names=names), notes)


def _shift(matrix: csr_array, first_index: int, name: str, first_row: int) -> None:
    """Makes indices count from 0."""
    matrix.indices -= first_index
    below = np.flatnonzero(matrix.indices < 0)
    if len(below):
        row = first_row + int(row_of_entries(matrix, below[:1])[0])
        raise _BelowFirstError(
            f"{name}, row {row}: an index of 0, but " + setting("first_index", first_index)
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
    lines: list[bytes], first: int, name: str, bad: BadRows
) -> tuple[csr_array, np.ndarray, np.ndarray]:
    """Parses lines: rows with the indices as they are, labels, and which rows are usable.

    Args:
      lines: some of the file.
      first: number of the first of them.
      name: of the file, for messages.
      bad: takes lines that cannot be read.
    """
    try:
        matrix, labels = _loaded(lines)
        return matrix, labels, np.ones(len(labels), bool)
    except _UNREADABLE as error:
        if not bad.skip:
            index = _bad_indices(lines, all_of_them=False)[0]
            raise _located(lines, index, first + index, name) from error
    numbers = [n for n, line in enumerate(lines) if line.partition(b"#")[0].strip()]
    rows = [lines[n] for n in numbers]
    unreadable = _bad_indices(rows)
    for index in unreadable:
        located = _located(rows, index, first + numbers[index], name)
        bad.report("that cannot be read", located)
        rows[index] = _EMPTY_ROW
    matrix, labels = _loaded(rows)
    usable = np.ones(len(labels), bool)
    usable[unreadable] = False
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


def _located(lines: Sequence[bytes], index: int, number: int, name: str) -> DataError:
    problem = _problem(lines[index : index + 1])
    # scikit-learn's sentence, without its end, and with texts that are not bytes.
    reason = re.sub(r"\bb(?=['\"])", "", str(problem).splitlines()[0][:200]).rstrip(".")
    if isinstance(problem, OverflowError):
        reason = f"an index is beyond {MOST_FEATURES:,}: correct it, or hash the indices to fewer"
    return DataError(f"{name}, line {number}: {reason}; expected LABEL INDEX:VALUE ...")


def _problem(lines: Sequence[bytes]) -> Exception | None:
    try:
        _loaded(lines)
    except _UNREADABLE as error:
        return error
    return None


def _parts(path: Path, name: str) -> Iterator[list[bytes]]:
    """Reads the lines of the file, unpacked, some at a time."""
    try:
        with _opened(path, name) as file:
            while lines := file.readlines(_PART_BYTES):
                yield lines
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{name}: cannot be read: {reason}") from error


@contextmanager
def _opened(path: Path, name: str) -> Iterator[io.BufferedReader]:
    with path.open("rb") as raw:
        file: Any = raw
        if raw.peek(2).startswith(_GZIP_MAGIC) or path.suffix == ".gz":
            file = gzip.GzipFile(fileobj=raw)
        elif path.suffix == ".bz2":
            file = bz2.BZ2File(raw)
        yield io.BufferedReader(BoundedLines(file, name))
