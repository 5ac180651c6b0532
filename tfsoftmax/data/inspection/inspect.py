"""Describes a source before training: a dataset, or a table with columns of any type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.choices import did_you_mean
from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.duplicates import row_hashes, shared_rows
from tfsoftmax.data.features import row_blocks
from tfsoftmax.data.inspection.described import Inspection
from tfsoftmax.data.inspection.entries import entries_of
from tfsoftmax.data.inspection.gather import Gathered
from tfsoftmax.data.inspection.notes import notes_on
from tfsoftmax.data.kinds import function_of
from tfsoftmax.data.labels import ClassNames
from tfsoftmax.data.names import Location
from tfsoftmax.data.options import SourceOptions, check_applicable
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.data.tables.columns import Columns, listed, named, usual_label
from tfsoftmax.data.tables.kinds_of_columns import Asked, Draft, draft_of, first_parts
from tfsoftmax.data.tables.reader import hints_at_codes
from tfsoftmax.data.tables.table import Table
from tfsoftmax.errors import DataError
from tfsoftmax.messages import message_of, setting

if TYPE_CHECKING:
    import pandas as pd

OpenTable = Callable[[BadRows], Table]


def inspect_dataset(dataset: Dataset, official_test: bool) -> Inspection:
    """Describes a dataset that is not a table.

    Args:
      dataset: loaded, missing values allowed.
      official_test: whether its test rows are the source's own.

    >>> import tfsoftmax
    >>> found = inspect_dataset(tfsoftmax.load_dataset("digits"), official_test=False)
    >>> found.rows, len(found.columns), found.classes["0"], found.columns[0].constant
    (1797, 64, 178, True)
    """
    spec = dataset.spec
    labels = np.concatenate([split.labels for split in dataset.splits().values()])
    counted = np.bincount(labels, minlength=spec.n_classes).tolist()
    counts = Counter(dict(zip(spec.class_names, counted, strict=True)))
    test_rows = len(dataset.test) if official_test else 0
    parts = [split.features for split in dataset.splits().values()]
    sparse = [part for part in parts if isinstance(part, SparseFeatures)]
    if sparse:
        return _of_entries(dataset, sparse, counts, test_rows)
    gathered = Gathered([spec.feature_name(index) for index in range(spec.n_features)])
    for part in parts:
        for block in row_blocks(part):
            gathered.add(block)
    shared = shared_rows(dataset).rows
    return gathered.inspection(dataset.name, None, counts, spec.example_shape, test_rows, shared)


def _of_entries(
    dataset: Dataset, parts: list[SparseFeatures], classes: Counter[str], test_rows: int
) -> Inspection:
    """Describes sparse rows; a table of their columns would have hundreds of thousands of rows."""
    hashes = np.concatenate([row_hashes(part) for part in parts])
    return Inspection(
        dataset.name,
        len(hashes),
        test_rows,
        [],
        None,
        dict(classes.most_common()),
        int(len(hashes) - len(np.unique(hashes))),
        shared_rows(dataset).rows,
        dataset.spec.example_shape,
        notes_on([], classes, len(hashes), pixels=False),
        entries=entries_of(parts),
    )


def inspect_table(location: Location, options: SourceOptions) -> Inspection:
    """Describes a table, with columns of any type.

    Args:
      location: of a kind that can be opened as a table.
      options: how to read it.

    Raises:
      UsageError: if the kind does not understand an option.
      DataError: if it is not such a table.
    """
    name, kind = location.name, location.kind
    check_applicable(options, kind.options, kind.name)
    assert kind.table
    options = options.of_kind(kind)
    opened = partial(function_of(kind.table), location.path, name)
    found = opened(options, BadRows(name, skip=True)).names
    columns = _columns(name, found, options)
    # Training reads the classes as they are written, also where nobody says which column has them.
    options = options.but(label_column=columns.label)
    open_table: OpenTable = partial(opened, options)
    draft, problem = _draft(name, open_table, columns, options)
    gathered, labels = (
        Gathered(columns.features, options, draft),
        _Labels(name, columns.label, options),
    )
    bad = BadRows(name, options.bad_rows == "skip")
    table = open_table(bad)
    texts = draft.encoding.texts() if draft else None
    for part in table.read(found, texts=texts, filled=draft is not None):
        if not part.frame.empty:
            gathered.add_frame(part.frame, labels.add(part.frame))
    table.settle_doubts([reader for reader in gathered.readers.values() if reader.doubtful])
    shape = (len(columns.features),)
    inspection = gathered.inspection(name, columns.label, labels.classes, shape, 0, None)
    notes = [
        f"rows {skipped.reason}, counted as empty: {skipped.rows:,} ({skipped.first})"
        for skipped in bad.skipped()
    ]
    if problem and not any(column.conflict for column in inspection.columns):
        notes.append("cannot be read as it is: " + problem)
    if labels.missing:
        notes.append(f"rows without a label: {labels.missing:,}")
    if columns.label is None:
        notes.append("which column has the classes is not known: " + setting("label_column"))
    hints = hints_at_codes(gathered.readers.values(), options)
    return replace(inspection, notes=[*notes, *inspection.notes, *hints])


def _columns(name: str, found: list[str], options: SourceOptions) -> Columns:
    """The columns to look at; the label need not be known."""
    label = options.label_column
    if label is None:
        label = usual_label(found)
    known = set(found)
    dropped, asked = named(options.drop, known), named(options.features or (), known)
    for column in (*dropped, *asked, *([label] if label else [])):
        if column not in known:
            raise DataError(
                f"{name}: no column {column!r}; {did_you_mean(column, found)}there are "
                f"{listed(found)}"
            )
    apart = {label, options.weight_column, *dropped}
    names = tuple(column for column in asked or found if column not in apart)
    if not names:
        raise DataError(f"{name}: no column is left to look at, of {listed(found)}")
    return Columns(label, names, options.weight_column)


def _draft(
    name: str, open_table: OpenTable, columns: Columns, options: SourceOptions
) -> tuple[Draft | None, str | None]:
    """What training finds the columns to be; None if they are all numbers, or for a problem."""
    table = open_table(BadRows(name, skip=True))
    asked = Asked.of(name, table.names, columns, options)
    first = first_parts(table.read(table.names))
    try:
        return draft_of(name, first, columns.features, options, asked), None
    except DataError as error:
        return None, message_of(error)


class _Labels:
    """Counts the rows of each class, which is called as training calls it."""

    def __init__(self, source: str, column: str | None, options: SourceOptions):
        self._column, self._missing = column, ["", *options.na_values]
        self._names = ClassNames(source, options.encoding)
        self.classes, self.missing = Counter[str](), 0

    def add(self, frame: pd.DataFrame) -> np.ndarray | None:
        """Adds a part of a table; returns the name of each row's class, None for none."""
        if self._column is None:
            return None
        labels = frame[self._column]
        there = labels.notna() & ~labels.map(str).isin(self._missing)
        present = labels[there].map(self._name)
        self.missing += len(frame) - len(present)
        self.classes.update(present)
        names = np.full(len(frame), None, object)
        names[there] = present
        return names

    def _name(self, label: Any) -> str:
        try:
            return self._names.name_of(label)
        except ValueError:  # Training says what is wrong with it.
            return str(label)
