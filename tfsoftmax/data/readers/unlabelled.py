"""Rows without labels, to be predicted: tables and arrays from people's disks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import check_finite
from tfsoftmax.data.exact_numbers import as_kept
from tfsoftmax.data.features import row_blocks
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.arrays import mapped
from tfsoftmax.data.readers.csv import header_of, read_parts
from tfsoftmax.data.readers.folders import check_file
from tfsoftmax.data.tables.columns import check_once, listed
from tfsoftmax.data.tables.reader import NumbersReader
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

_REMEDY = "train the model anew with --missing mean, which takes means for missing values"
TABLES = (".csv", ".tsv", ".txt", ".parquet", ".npy")


def is_table(path: Path) -> bool:
    """Whether a file holds rows, by its name, rather than a picture.

    >>> is_table(Path("new.csv.gz")), is_table(Path("seven.png"))
    (True, False)
    """
    return Path(path.name.removesuffix(".gz")).suffix.lower() in TABLES


def read_unlabelled(
    path: Path, spec: Spec, options: SourceOptions | None = None
) -> Iterator[np.ndarray]:
    """The rows of a file as raw examples, a part at a time.

    Columns of a table are found by the model's names for them, in any order and among others;
    a model without names takes all columns, in their order.

    Args:
      path: a CSV, Parquet or ``.npy`` file.
      spec: of the model.
      options: how to read a CSV file.

    Yields:
      ``[n, n_features]`` in the spec's dtype.

    Raises:
      DataError: naming the row and column, from 1, of what is wrong.
    """
    check_file(path, str(path))
    if path.suffix.lower() == ".npy":
        yield from _array(path, spec)
        return
    options = options or SourceOptions()
    choices = options.but(
        missing=spec.missing or "error", features=spec.feature_names or options.features
    )
    row, reader = 1, None
    for frame, found in _frames(path, choices):
        if reader is None:
            names = _wanted(path, found, spec)
            reader = NumbersReader(str(path), names, choices, model=True, remedy=_REMEDY)
        numbers, _ = reader.rows(frame, row)
        yield as_kept(str(path), numbers, spec, row)
        row += len(frame)


def _frames(path: Path, options: SourceOptions) -> Iterator[tuple]:
    if path.suffix.lower() == ".parquet":
        from tfsoftmax.data.readers import parquet

        names = parquet.column_names([path], str(path))
        for _, _, frame in parquet.read_parts([path], str(path), names):
            yield frame, names
        return
    names = header_of(path, str(path), options)
    check_once(str(path), names)
    short = BadRows(str(path), skip=False)
    for part in read_parts(path, str(path), options, names, bad=short):
        yield part.frame, names


def _wanted(path: Path, found: list[str], spec: Spec) -> list[str]:
    if spec.feature_names is None:
        if len(found) != spec.n_features:
            raise DataError(
                f"{path}: {len(found)} columns, but the model takes {spec.n_features} numbers a row"
            )
        return found
    known = set(found)
    missing = [name for name in spec.feature_names if name not in known]
    if missing:
        raise DataError(
            f"{path}: no column {missing[0]!r}, which the model takes; it takes "
            f"{listed(spec.feature_names)}"
        )
    return list(spec.feature_names)


def _array(path: Path, spec: Spec) -> Iterator[np.ndarray]:
    try:
        features = mapped(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read as an .npy file: {reason}") from error
    if features.ndim < 2 or features.dtype.kind not in "iufb" or features.size == 0:
        raise DataError(
            f"{path}: expected rows of numbers, found {features.dtype} {features.shape}"
        )
    width = math.prod(features.shape[1:])
    if width != spec.n_features:
        raise DataError(f"{path}: rows of {width} numbers, but the model takes {spec.n_features}")
    row = 1
    for block in row_blocks(features.reshape(len(features), width)):
        numbers = block.astype(np.float64) if block.dtype.kind != "f" else block
        rows = as_kept(str(path), numbers, spec, row)
        check_finite(str(path), rows, spec, row, remedy=_REMEDY)
        row += len(rows)
        yield rows
