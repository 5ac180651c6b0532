"""svmlight: a line for each row, ``LABEL INDEX:VALUE ...``, read by scikit-learn."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.collector import collecting
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.readers.folders import check_file
from tfsoftmax.data.readers.text_file import BoundedLines
from tfsoftmax.data.source import Source
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

_GZIP_MAGIC = b"\x1f\x8b"
_LINES_PER_PART = 4096
# Every column up to the largest index takes memory, in the model and in reports, used or not.
_COLUMNS_ALWAYS_ALLOWED = 2**17
_COLUMNS_PER_VALUE = 1000
_EMPTY_ROW = b"0\n"


def load_svmlight(path: Path, source: Source) -> Dataset:
    """Reads an svmlight file, also ``.gz`` and ``.bz2``. Features that a row leaves out are 0.

    Args:
      path: of the file.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the line of what is wrong, or if the rows as dense arrays would take
        more than the memory limit.
    """
    check_file(path, source.name)
    with collecting(source, source.key([path])) as collector:
        features, labels, usable = _read(path, source, collector.bad_rows)
        rows = _dense(features, source)
        spec = Spec(rows.shape[1:], "float32", (), missing=source.options.fill)
        usable &= collector.bad_rows.find_finite(source.name, rows, spec, first=1)
        collector.add(rows, labels, usable=usable, first_row=1)
        return collector.dataset(lambda names: replace(spec, class_names=names))


def _dense(features: Any, source: Source) -> np.ndarray:
    n_samples, n_features = features.shape
    expected = max(_n_features(source), _COLUMNS_ALWAYS_ALLOWED)
    if n_features > max(expected, _COLUMNS_PER_VALUE * features.nnz):
        raise DataError(
            f"{source.name}: its largest index makes {n_features:,} features, for {features.nnz:,} "
            "values in all its rows: correct the index, or number the features from 1 up"
        )
    limit = source.options.memory_limit
    needed = n_samples * n_features * np.dtype(np.float32).itemsize
    if needed > limit:
        raise DataError(
            f"{source.name}: {n_samples:,} rows of {n_features:,} features (its largest index) "
            f"take {needed:,} bytes, more than the memory limit of {limit:,}: raise it with "
            + setting("memory_limit")
            + " if the index is right"
        )
    if not features.nnz:
        raise DataError(f"{source.name}: no rows; expected lines of LABEL INDEX:VALUE ...")
    return np.asarray(features.toarray())


def _read(path: Path, source: Source, bad: BadRows) -> tuple[Any, np.ndarray, np.ndarray]:
    """Reads sparse features, labels, and which rows are usable."""
    from sklearn.datasets import load_svmlight_file

    skipped: list[int] = []
    try:
        with _lines(path, source) as lines:
            text: Any = io.BytesIO(_without_bad(lines, bad, skipped)) if bad.skip else lines
            features, labels = load_svmlight_file(text, dtype=np.float32)[:2]
    except (ValueError, OverflowError) as error:
        line, reason = _bad_line(path, source) or (0, str(error))
        where = f"{source.name}, line {line}" if line else source.name
        raise DataError(
            f"{where}: {reason.splitlines()[0]}; expected LABEL INDEX:VALUE ..."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{source.name}: cannot be read: {reason}") from error
    if features.shape[1] < _n_features(source):  # The last features may be 0 in all rows.
        features.resize(len(labels), _n_features(source))
    usable = np.ones(len(labels), bool)
    usable[skipped] = False
    return features, labels, usable


def _n_features(source: Source) -> int:
    """Number of features of the model that is measured on the rows; 0 if none is."""
    return source.model.n_features if source.model else 0


@contextmanager
def _lines(path: Path, source: Source) -> Iterator[io.BufferedReader]:
    """Opens the file, unpacked; more bytes than the memory limit are an error."""
    limit = source.options.memory_limit
    with path.open("rb") as raw:
        file: Any = raw
        if raw.peek(2).startswith(_GZIP_MAGIC) or path.suffix == ".gz":
            file = gzip.GzipFile(fileobj=raw)
        elif path.suffix == ".bz2":
            file = bz2.BZ2File(raw)
        yield io.BufferedReader(_Bounded(file, source.name, limit))


class _Bounded(BoundedLines):
    def __init__(self, file: Any, name: str, limit: int):
        super().__init__(file, name)
        self._left, self._limit = limit, limit

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase.readinto`."""
        count = super().readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise DataError(
                f"{self._name}: its text takes more than the memory limit of {self._limit:,} "
                "bytes: raise it with " + setting("memory_limit")
            )
        return count


def _without_bad(lines: io.BufferedReader, bad: BadRows, skipped: list[int]) -> bytes:
    """Replaces each line that cannot be read by an empty row; notes its row in `skipped`."""
    found = ((n, line) for n, line in enumerate(lines, start=1) if line.partition(b"#")[0].strip())
    out: list[bytes] = []
    while part := list(islice(found, _LINES_PER_PART)):
        numbers, texts = zip(*part, strict=True)
        for index in _bad_indices(texts):
            reason = _problem(texts[index : index + 1]).splitlines()[0]
            error = DataError(f"{bad.source}, line {numbers[index]}: {reason}")
            bad.report("that cannot be read", error)
            skipped.append(len(out) + index)
        out += texts
    for row in skipped:
        out[row] = _EMPTY_ROW
    return b"".join(out)


def _bad_indices(lines: Sequence[bytes]) -> list[int]:
    """Finds the lines that scikit-learn cannot read, by bisection."""
    if not _problem(lines):
        return []
    if len(lines) == 1:
        return [0]
    half = len(lines) // 2
    return _bad_indices(lines[:half]) + [half + index for index in _bad_indices(lines[half:])]


def _bad_line(path: Path, source: Source) -> tuple[int, str] | None:
    """Finds the first line that scikit-learn cannot read, and why; None if it reads each."""
    number = 1
    with _lines(path, source) as lines:
        while part := list(islice(lines, _LINES_PER_PART)):
            if _problem(part):
                while len(part) > 1:
                    half = len(part) // 2
                    if _problem(part[:half]):
                        part = part[:half]
                    else:
                        part, number = part[half:], number + half
                return number, _problem(part)
            number += len(part)
    return None


def _problem(lines: Sequence[bytes]) -> str:
    from sklearn.datasets import load_svmlight_file

    try:
        load_svmlight_file(io.BytesIO(b"".join(lines)))
    except (ValueError, OverflowError) as error:
        return str(error) or type(error).__name__
    return ""
