"""Describes a source before training: columns, ranges, classes, and what to correct."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.duplicates import row_hashes, shared_rows
from tfsoftmax.data.features import row_blocks
from tfsoftmax.data.kinds import function_of
from tfsoftmax.data.names import Location
from tfsoftmax.data.options import SourceOptions, check_applicable
from tfsoftmax.data.statistics import ColumnStatistics
from tfsoftmax.data.tables.cells import ColumnReader
from tfsoftmax.data.tables.columns import listed, named, usual_label
from tfsoftmax.data.tables.reader import readers_of
from tfsoftmax.data.tables.table import Table
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    import pandas as pd

# A class with less than this part of the mean number of rows is noted as rare.
_RARE = 0.1
_USABLE = ("number", "boolean")
# Number of conflicts that notes show.
_MOST_CONFLICTS = 5
_FLOAT32_SPACING = 2.0**-23


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, and statistics of its values.

    Attributes:
      type: ``"number"``, ``"boolean"``, ``"text"`` (with `texts` values that are not numbers),
        or the file's own name of a type that cannot be used.
      missing, infinite, texts: number of rows.
      first_text: the first value that is not a number, with its row, from 1.
      low, mean, high, deviation: None where no value is a number.
      constant: whether it has only one value.
      same_as: an earlier column with the same values in every row.
      conflict: why its cells cannot be read as numbers of one kind; None if they can.
      role: of a column whose values all differ: ``"index"`` and ``"name"`` are left out of
        training, ``"identifier"`` is a column of whole numbers; None for other columns.
    """

    name: str
    type: str
    missing: int
    infinite: int
    texts: int
    first_text: str | None
    low: float | None
    mean: float | None
    high: float | None
    deviation: float | None
    constant: bool
    same_as: str | None
    conflict: str | None = None
    role: str | None = None


@dataclass(frozen=True)
class Inspection:
    """The description of a source.

    Attributes:
      name: of the source.
      rows: number of rows; `test_rows` of them are the source's own test rows.
      columns: the features, or all columns of a table but its label.
      label: the column with the classes, of a table.
      classes: number of rows of each, most frequent first; empty if the label is not known.
      duplicate_rows: number of rows whose features are those of an earlier row.
      shared_rows: number of test rows that are also training rows, as the data would be split.
      example_shape: shape of one example.
      notes: what should be corrected before training, a sentence each.
    """

    name: str
    rows: int
    test_rows: int
    columns: list[Column]
    label: str | None
    classes: dict[str, int]
    duplicate_rows: int
    shared_rows: int | None
    example_shape: tuple[int, ...]
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Returns everything as a JSON-ready dictionary."""
        return asdict(self)


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
    gathered = _Statistics([spec.feature_name(index) for index in range(spec.n_features)])
    for split in dataset.splits().values():
        for block in row_blocks(split.features):
            gathered.add(block)
    labels = np.concatenate([split.labels for split in dataset.splits().values()])
    counted = np.bincount(labels, minlength=spec.n_classes).tolist()
    counts = Counter(dict(zip(spec.class_names, counted, strict=True)))
    shared = shared_rows(dataset).rows
    test_rows = len(dataset.test) if official_test else 0
    return gathered.inspection(dataset.name, None, counts, spec.example_shape, test_rows, shared)


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
    bad = BadRows(name, options.bad_rows == "skip")
    assert kind.table
    table: Table = function_of(kind.table)(location.path, name, options, bad)
    found = table.names
    label = options.label_column
    if label is None:
        label = usual_label(found)
    known = set(found)
    dropped, asked = named(options.drop, known), named(options.features or (), known)
    for column in (*dropped, *asked, *([label] if label else [])):
        if column not in known:
            raise DataError(f"{name}: no column {column!r}; there are {listed(found)}")
    apart = {label, options.weight_column, *dropped}
    names = [column for column in asked or found if column not in apart]
    if not names:
        raise DataError(f"{name}: no column is left to look at, of {listed(found)}")
    gathered, classes, unlabelled = _Statistics(names, options), Counter[str](), 0
    for frame in table.frames:
        if frame.empty:
            continue
        gathered.add_frame(frame)
        if label is not None:
            present = frame[label].dropna().astype(str)
            present = present[~present.isin(["", *options.na_values])]
            unlabelled += len(frame) - len(present)
            classes.update(present)
    table.settle_doubts([reader for reader in gathered.readers.values() if reader.doubtful])
    inspection = gathered.inspection(name, label, classes, (len(names),), 0, None)
    for skipped in bad.skipped():
        inspection.notes.insert(
            0, f"rows {skipped.reason}, counted as empty: {skipped.rows:,} ({skipped.first})"
        )
    if unlabelled:
        inspection.notes.insert(0, f"rows without a label: {unlabelled:,}")
    if label is None:
        inspection.notes.insert(
            0, "which column has the classes is not known: " + setting("label_column")
        )
    return inspection


class _Statistics:
    """Statistics of columns and rows, collected part by part."""

    def __init__(self, names: Sequence[str], options: SourceOptions | None = None):
        self.names = list(names)
        self.readers = readers_of(self.names, options) if options else {}
        self.statistics = ColumnStatistics.none(len(self.names))
        self.infinite = np.zeros(len(self.names), np.int64)
        self.missing = np.zeros(len(self.names), np.int64)
        self._digests = [hashlib.blake2b(digest_size=16) for _ in self.names]
        self._hashes: list[np.ndarray] = []

    def add(self, rows: np.ndarray, texts: dict[int, pd.Series] | None = None) -> None:
        """Adds rows of numbers ``[n, n_columns]``, NaN where a value is missing.

        Args:
          rows: the numbers.
          texts: the values that are not numbers, by index of the column, then of the row.
        """
        if np.issubdtype(rows.dtype, np.floating):
            infinite = np.isinf(rows)
            self.infinite += infinite.sum(axis=0)
            rows = np.where(infinite, np.nan, rows)
            self.missing += (np.isnan(rows) & ~infinite).sum(axis=0)
        self.statistics.add(rows)
        if texts:
            rows = rows.copy()
            for index, column in texts.items():
                rows[column.index, index] = _as_numbers(column)
        for digest, numbers in zip(self._digests, np.ascontiguousarray(rows.T), strict=True):
            digest.update(numbers.data)
        self._hashes.append(row_hashes(rows))

    def add_frame(self, frame: pd.DataFrame) -> None:
        """Adds a part of a table."""
        rows = np.full((len(frame), len(self.names)), np.nan)
        first_row, texts = self.statistics.n_samples + 1, {}
        for index, name in enumerate(self.names):
            column, reader = frame[name], self.readers[name]
            whole = column.dtype.kind in "iu" and not reader.like_words
            if reader.settled and (whole or (column.dtype.kind == "f" and reader.has_fractions)):
                rows[:, index] = column.to_numpy(np.float64, na_value=np.nan)
                continue
            cells = reader.read(column, first_row)
            rows[:, index] = cells.values
            if cells.texts is not None:
                texts[index] = cells.texts
            elif reader.type not in _USABLE:
                texts[index] = column.set_axis(range(len(column))).dropna()
        self.add(rows, texts)

    def inspection(
        self,
        name: str,
        label: str | None,
        classes: Counter[str],
        example_shape: tuple[int, ...],
        test_rows: int,
        shared: int | None,
    ) -> Inspection:
        """Describes all that was added."""
        if not self.statistics.n_samples:
            raise DataError(f"{name}: no rows, only the names of columns")
        columns = self._columns()
        hashes = np.concatenate(self._hashes) if self._hashes else np.array([], np.uint64)
        rows = self.statistics.n_samples
        return Inspection(
            name,
            rows,
            test_rows,
            columns,
            label,
            dict(classes.most_common()),
            int(rows - len(np.unique(hashes))),
            shared,
            example_shape,
            _notes(columns, classes, rows, pixels=len(example_shape) > 1),
        )

    def _columns(self) -> list[Column]:
        found = self.statistics
        # Each of these is computed, for all columns, whenever it is asked for.
        figures, constant = (found.low, found.mean, found.high, found.deviation), found.constant
        first: dict[bytes, str] = {}
        columns, numbers = [], ColumnReader("")
        for index, name in enumerate(self.names):
            reader = self.readers.get(name, numbers)
            reader.close()
            any_there = bool(found.count[index])
            low, mean, high, deviation = (
                float(figure[index]) if any_there else None for figure in figures
            )
            digest = self._digests[index].digest()
            shown = reader.first_text
            missing = int(self.missing[index]) - reader.texts
            if reader.conflict:
                missing = self.statistics.n_samples - reader.present
            columns.append(
                Column(
                    name,
                    "text" if reader.texts else reader.type,
                    missing if reader.type in _USABLE else 0,
                    int(self.infinite[index]),
                    reader.texts,
                    f"row {shown.row:,}: {shown.text[:30]!r}" if shown else None,
                    low,
                    mean,
                    high,
                    deviation,
                    bool(constant[index]) and any_there and not reader.texts,
                    first.get(digest),
                    reader.conflict,
                    _role(reader),
                )
            )
            first.setdefault(digest, name)
        return columns


def _as_numbers(texts: pd.Series) -> np.ndarray:
    """Hashes each text to a number that is exact in float64."""
    import pandas as pd

    hashes = pd.util.hash_array(texts.map(str).to_numpy(object))
    return (hashes >> np.uint64(12)).astype(np.float64)


def _role(reader: ColumnReader) -> str | None:
    """The role of a column that may only name the rows."""
    if not reader.distinct.holds:
        return None
    if reader.numbers_rows:
        return "index"
    if reader.names_rows:
        return "name"
    return "identifier" if reader.identifies_rows else None


def _notes(columns: list[Column], classes: Counter[str], rows: int, pixels: bool) -> list[str]:
    notes = []

    def note(found: list[str], text: str) -> None:
        if found:
            shown = ", ".join(found[:5]) + (f" and {len(found) - 5:,} more" if found[5:] else "")
            notes.append(text + f": {shown}")

    def droppable(found: list[Column], text: str) -> None:
        """Names all of them, so that the option can be pasted."""
        if found:
            notes.append(f"{text}: " + setting("drop", [column.name for column in found]))

    roles = {role: [c for c in columns if c.role == role] for role in ("index", "name")}
    note([repr(c.name) for c in roles["index"]], "only numbers the rows, so training leaves it out")
    note(
        [repr(c.name) for c in roles["name"]],
        "texts that differ in every row, so training leaves them out",
    )
    droppable(
        [c for c in columns if c.role == "identifier"],
        "whole numbers that differ in every row, so they may only name it",
    )
    for column in [c for c in columns if c.conflict][:_MOST_CONFLICTS]:
        assert column.conflict
        notes.append("cannot be read as it is: " + column.conflict)
    texts = [c for c in columns if c.texts and not c.role and not c.conflict]
    mostly = {c.name for c in texts if c.texts > (rows - c.missing) / 2}
    droppable([c for c in texts if c.name in mostly], "text, to be turned into numbers or left out")
    few = [f"{c.name} ({c.texts:,}; {c.first_text})" for c in texts if c.name not in mostly]
    skip = setting("bad_rows", "skip")
    note(few, "values that are not numbers, to be corrected or left out (" + skip + ")")
    empty = [c for c in columns if c.type == "number" and c.mean is None and not c.texts]
    droppable([c for c in empty if not c.conflict], "without any value")
    strange = [c for c in columns if c.type not in (*_USABLE, "text")]
    droppable(strange, "of a type that is not a number")
    note(
        [f"{c.name} ({c.missing:,})" for c in columns if c.missing and not c.role],
        "missing values (" + setting("missing", "mean") + ")",
    )
    note(
        [f"{c.name} ({c.infinite:,})" for c in columns if c.infinite],
        "infinite values, to be corrected",
    )
    if not pixels:
        droppable([c for c in columns if c.constant], "constant, so they say nothing")
        same = [
            c for c in columns if c.same_as and not c.constant and (c.texts or c.low is not None)
        ]
        droppable(same, f"the same in every row as {listed([str(c.same_as) for c in same])}")
        blurred = [c.name for c in columns if _is_blurred(c)]
        note(blurred, "vary by less than float32 can tell apart; subtract their mean")
    if classes:
        share = rows / len(classes)
        note([f"{n} ({c:,})" for n, c in classes.items() if c < 2], "classes of one row only")
        rare = [f"{n} ({c:,})" for n, c in classes.items() if 2 <= c < _RARE * share]
        note(rare, "rare classes (" + setting("class_weight", "balanced") + ")")
        if len(classes) == 1:
            notes.append("all rows are of one class")
    return notes


def _is_blurred(column: Column) -> bool:
    if column.constant or column.deviation is None or column.mean is None:
        return False
    return column.deviation < 16 * _FLOAT32_SPACING * abs(column.mean)
