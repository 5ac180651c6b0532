"""svmlight: a row a line, ``LABEL INDEX:VALUE ...``, read by scikit-learn."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.data.collector import Source, collecting
from tfsoftmax.data.csv import BoundedLines, check_file
from tfsoftmax.data.dataset import Dataset, check_finite
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

_GZIP_MAGIC = b"\x1f\x8b"
_LINES_A_PART = 4096
# A column has room in memory, in the model and in every report, whether it is used or not.
_COLUMNS_FOR_NOTHING, _COLUMNS_A_VALUE = 2**17, 1000


def load_svmlight(path: Path, source: Source) -> Dataset:
    """Reads an svmlight file, ``.gz`` and ``.bz2`` too. What a row leaves out is 0.

    Args:
      path: of the file.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the line of what is wrong, or if rows that are not sparse would take
        more than the memory limit.
    """
    check_file(path, source.name)
    features, labels = _read(path, source)
    n_samples, n_features = features.shape
    if n_features > max(_COLUMNS_FOR_NOTHING, _COLUMNS_A_VALUE * features.nnz):
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
            "--memory-limit if the index is right"
        )
    if not features.nnz:
        raise DataError(f"{source.name}: no rows; expected lines of LABEL INDEX:VALUE ...")
    rows = features.toarray()
    spec = Spec((n_features,), "float32", (), missing=source.options.missing == "mean")
    check_finite(source.name, rows, spec, first=1)
    with collecting(source, source.key([path])) as collector:
        collector.add(rows, labels, first_row=1)
        return collector.dataset(lambda names: replace(spec, class_names=names))


def _read(path: Path, source: Source) -> tuple[Any, np.ndarray]:
    """Features, sparse, and labels."""
    from sklearn.datasets import load_svmlight_file

    try:
        with _lines(path, source) as lines:
            features, labels = load_svmlight_file(lines, dtype=np.float32)[:2]
        return features, labels
    except (ValueError, OverflowError) as error:
        line, reason = _bad_line(path, source) or (0, str(error))
        where = f"{source.name}, line {line}" if line else source.name
        raise DataError(
            f"{where}: {reason.splitlines()[0]}; expected LABEL INDEX:VALUE ..."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{source.name}: cannot be read: {reason}") from error


@contextmanager
def _lines(path: Path, source: Source) -> Iterator[io.BufferedReader]:
    """The file's bytes, unpacked, no more of them than the memory limit."""
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
                "bytes: raise it with --memory-limit"
            )
        return count


def _bad_line(path: Path, source: Source) -> tuple[int, str] | None:
    """The first line that scikit-learn cannot read, and why; None if each alone is fine."""
    number = 1
    with _lines(path, source) as lines:
        while part := list(islice(lines, _LINES_A_PART)):
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


def _problem(lines: list[bytes]) -> str:
    from sklearn.datasets import load_svmlight_file

    try:
        load_svmlight_file(io.BytesIO(b"".join(lines)))
    except (ValueError, OverflowError) as error:
        return str(error) or type(error).__name__
    return ""
