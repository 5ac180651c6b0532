"""Rows without labels, to be predicted: tables and arrays in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfsoftmax.choices import did_you_mean
from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import check_finite
from tfsoftmax.data.encoded import Cells, CellsReader, features_of_cells
from tfsoftmax.data.exact_numbers import convert_exactly
from tfsoftmax.data.features import FeaturesLike, row_blocks
from tfsoftmax.data.kinds import KINDS, PICTURE_SUFFIXES, function_of
from tfsoftmax.data.names import Location, first_lines, kind_at, kinds_by_name, locate
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.arrays import mapped
from tfsoftmax.data.readers.folders import check_file
from tfsoftmax.data.tables.columns import listed
from tfsoftmax.data.tables.reader import RETRAIN, NumbersReader
from tfsoftmax.data.tables.table import Table
from tfsoftmax.data.unknown_categories import UnknownCategories
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

_TEXTS = "text:rows_of_texts"


def locate_rows(name: str) -> Location | None:
    """Finds out what kind of rows a file to be predicted holds; None if it is a picture.

    Args:
      name: of a file or folder as the user typed it, perhaps with its kind before it.

    Raises:
      UnknownDatasetError: if nothing tells what kind it is, or it may be of several.
      DataError: if its kind cannot be read without labels.

    >>> locate_rows("new.csv.gz").kind.name, locate_rows("seven.png")
    ('csv', None)
    """
    prefix, _, rest = name.partition(":")
    if rest and prefix in KINDS:
        location = locate(name)
    elif _is_picture(Path(name)):
        return None
    else:
        location = Location(name, kind_at(name), Path(name))
    if not (location.kind.table or location.kind.unlabelled):
        takers = ", ".join(kind.name for kind in KINDS.values() if kind.table or kind.unlabelled)
        raise DataError(
            f"{name}: {location.kind.name} cannot be read without labels; expected a picture, or "
            f"one of {takers}"
        )
    return location


def _is_picture(path: Path) -> bool:
    """Whether a file is read as a picture: by its suffix, or because it cannot be rows."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return True
    return not (kinds_by_name(path.name) or path.is_dir() or first_lines(path))


def read_unlabelled(
    rows: Location | Path,
    spec: Spec,
    options: SourceOptions | None = None,
    unknown: UnknownCategories | None = None,
) -> Iterator[FeaturesLike]:
    """Reads the rows of a file as raw examples, a part at a time.

    Columns of a table are found by the model's names for them, in any order and among others;
    a model without names takes all columns, in their order.

    Args:
      rows: as `locate_rows` finds them, or the path of a file of which it would find them.
      spec: of the model.
      options: how to read a table.
      unknown: counts categories that the model does not know.

    Yields:
      ``[n, n_features]`` in the spec's dtype; those of an encoded table that are mostly zeros
      without them.

    Raises:
      DataError: naming the row and column, from 1, of what is wrong.
    """
    location = rows if isinstance(rows, Location) else locate_rows(str(rows))
    if location is None:
        raise DataError(f"{rows}: it is a picture; expected rows")
    name, kind, path = location
    if kind.unlabelled:
        yield from function_of(kind.unlabelled)(path, name, spec, options or SourceOptions())
        return
    if spec.encoding is not None:
        for cells in read_cells(location, spec, options):
            features = features_of_cells(spec.encoding, cells)
            if unknown is not None:
                unknown.add(cells, features)
            yield features
        return
    table, names, choices = _table(location, spec, options)
    reader = NumbersReader(name, names, choices, model=True, remedy=RETRAIN)
    row = 1
    for frame in table.frames:
        numbers, _ = reader.rows(frame, row)
        yield convert_exactly(name, numbers, spec, row)
        row += len(frame)


def check_unlabelled(location: Location, spec: Spec, options: SourceOptions | None = None) -> None:
    """Makes sure that a file is there and, of a table, that it has the model's columns.

    No row is read, and TensorFlow is not started.

    Raises:
      DataError: as `read_unlabelled` does.
    """
    if location.kind.unlabelled:
        check_file(location.path, location.name)  # type: ignore[arg-type]
    else:
        _table(location, spec, options)


def has_cells(location: Location) -> bool:
    """Whether what is read from there are the cells of a table, rather than features."""
    return location.kind.unlabelled in (None, _TEXTS)


def read_cells(
    location: Location, spec: Spec, options: SourceOptions | None = None
) -> Iterator[Cells]:
    """Reads the cells that a model encodes, a part at a time; all as for `read_unlabelled`."""
    assert spec.encoding
    if location.kind.unlabelled == _TEXTS:
        from tfsoftmax.data.readers.text import cells_of_texts

        yield from cells_of_texts(
            *(location.path, location.name, spec, options or SourceOptions())  # type: ignore[arg-type]
        )
        return
    table, names, choices = _table(location, spec, options)
    remedy = RETRAIN if choices.missing == "error" else None
    reader = CellsReader(location.name, spec.encoding, choices, model=True, remedy=remedy)
    for part in table.read(names, texts=spec.encoding.texts(), filled=remedy is None):
        # Rows are counted from 1.
        yield reader.read(part.frame, part.first_row)[0]


def _table(
    location: Location, spec: Spec, options: SourceOptions | None
) -> tuple[Table, list[str], SourceOptions]:
    """A table, its columns that the model takes, and how it is read."""
    name, kind, path = location
    choices = replace(
        options or SourceOptions(),
        missing=spec.missing or "error",
        features=spec.feature_names,
        label_column=None,
    )
    assert kind.table
    table: Table = function_of(kind.table)(path, name, choices, BadRows(name, skip=False))
    return table, _wanted(name, table.names, spec), choices


def _wanted(name: str, found: list[str], spec: Spec) -> list[str]:
    wanted = [each.name for each in spec.encoding.inputs] if spec.encoding else spec.feature_names
    if wanted is None:
        if len(found) != spec.n_features:
            raise DataError(
                f"{name}: {len(found)} columns, but the model takes {spec.n_features} numbers a row"
            )
        return found
    known = set(found)
    missing = [column for column in wanted if column not in known]
    if missing:
        raise DataError(
            f"{name}: no column {missing[0]!r}, which the model takes; "
            f"{did_you_mean(missing[0], found)}it takes {listed(wanted)}"
        )
    return list(wanted)


def rows_of_array(
    path: Path, name: str, spec: Spec, options: SourceOptions
) -> Iterator[np.ndarray]:
    """Reads the rows of an ``.npy`` file, a part at a time.

    Args:
      path: of the file.
      name: for messages.
      spec: of the model.
      options: none applies.

    Yields:
      ``[n, n_features]`` in the spec's dtype.

    Raises:
      DataError: naming the row, from 1, of what is wrong.
    """
    check_file(path, name)
    try:
        features = mapped(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{name}: cannot be read as an .npy file: {reason}") from error
    if features.ndim < 2 or features.dtype.kind not in "iufb" or features.size == 0:
        raise DataError(
            f"{name}: expected rows of numbers, found {features.dtype} {features.shape}"
        )
    width = math.prod(features.shape[1:])
    if width != spec.n_features:
        raise DataError(f"{name}: rows of {width} numbers, but the model takes {spec.n_features}")
    row = 1
    for block in row_blocks(features.reshape(len(features), width)):
        numbers = block.astype(np.float64) if block.dtype.kind != "f" else block
        rows = convert_exactly(name, numbers, spec, row)
        check_finite(name, rows, spec, row, remedy=RETRAIN)
        row += len(rows)
        yield rows
