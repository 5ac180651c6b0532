"""What a source is like, as someone wants to know it before training."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.duplicates import row_hashes, shared_rows
from tfsoftmax.data.rows import row_blocks
from tfsoftmax.data.statistics import ColumnStatistics
from tfsoftmax.data.table import check_once, listed, usual_label
from tfsoftmax.errors import DataError
from tfsoftmax.source_options import SourceOptions

if TYPE_CHECKING:
    import pandas as pd

# A class with this much less than its share is worth a word.
_RARE = 0.1
_FLOAT32_SPACING = 2.0**-23


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, and figures of the values that are there.

    Attributes:
      type: ``"number"``, ``"boolean"``, ``"text"`` (with `texts` values that are no numbers),
        or the file's own name of a type that cannot be used.
      missing, infinite, texts: how many rows.
      first_text: the first value that is no number, with its row, from 1.
      low, mean, high, deviation: None where no value is a number.
      constant: whether it has one value only.
      same_as: an earlier column with the same values in every row.
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


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
      name: of the source.
      rows: all of them; `test_rows` of them are the source's own test rows.
      columns: the features, or all columns of a table but its label.
      label: the column with the classes, of a table.
      classes: rows of each, most frequent first; empty if it is not known which they are.
      duplicate_rows: rows whose features stand in an earlier row, too.
      shared_rows: test rows that are training rows, too, as the data would be split.
      example_shape: of one example.
      notes: sentences on what to do something about.
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
        """A JSON-ready dictionary of everything."""
        return asdict(self)


def inspect_dataset(dataset: Dataset, official_test: bool) -> Inspection:
    """Looks at a dataset that is not a table.

    Args:
      dataset: loaded, missing values allowed.
      official_test: whether its test rows are the source's own.

    >>> import tfsoftmax
    >>> found = inspect_dataset(tfsoftmax.load_dataset("digits"), official_test=False)
    >>> found.rows, len(found.columns), found.classes["0"], found.columns[0].constant
    (1797, 64, 178, True)
    """
    spec = dataset.spec
    gathered = _Gathered([spec.feature_name(index) for index in range(spec.n_features)])
    for split in dataset.splits().values():
        for block in row_blocks(split.features):
            gathered.add(block)
    labels = np.concatenate([split.labels for split in dataset.splits().values()])
    counted = np.bincount(labels, minlength=spec.n_classes).tolist()
    counts = Counter(dict(zip(spec.class_names, counted, strict=True)))
    shared = shared_rows(dataset).rows
    test_rows = len(dataset.test) if official_test else 0
    return gathered.inspection(dataset.name, None, counts, spec.example_shape, test_rows, shared)


def inspect_table(kind: str, path: Path, name: str, options: SourceOptions) -> Inspection:
    """Looks at a CSV or Parquet table, whatever is in its columns.

    Args:
      kind: ``"csv"`` or ``"parquet"``.
      path: of the file, or of the folder of Parquet files.
      name: what the user calls it.
      options: how to read it.

    Raises:
      DataError: if it is no such table.
    """
    found, frames = _table(kind, path, name, options)
    label = options.label_column
    if label is None:
        label = usual_label(found)
    elif label not in found:
        raise DataError(f"{name}: no column {label!r}; there are {listed(found)}")
    apart = {label, *options.drop}
    names = [column for column in found if column not in apart]
    gathered, classes, unlabelled = _Gathered(names), Counter[str](), 0
    for frame in frames:
        if frame.empty:
            continue
        gathered.add_frame(frame)
        if label is not None:
            present = frame[label].dropna().astype(str)
            present = present[present != ""]
            unlabelled += len(frame) - len(present)
            classes.update(present)
    inspection = gathered.inspection(name, label, classes, (len(names),), 0, None)
    if unlabelled:
        inspection.notes.insert(0, f"rows without a label: {unlabelled:,}")
    if label is None:
        inspection.notes.insert(0, "which column has the classes is not known: --label-column")
    return inspection


def _table(
    kind: str, path: Path, name: str, options: SourceOptions
) -> tuple[list[str], Iterator[pd.DataFrame]]:
    if kind == "csv":
        from tfsoftmax.data import csv

        csv.check_file(path, name)
        names = csv.header_of(path, name, options)
        check_once(name, names)
        return names, csv.read_parts(path, name, options, names, options.label_column)
    from tfsoftmax.data import parquet

    files = parquet.parquet_files(path, name)
    names = parquet.column_names(files, name)
    check_once(name, names)
    return names, (frame for _, _, frame in parquet.read_parts(files, name, names))


class _Gathered:
    """Figures of columns and rows, as they come by."""

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.statistics = ColumnStatistics.none(len(self.names))
        self.texts = np.zeros(len(self.names), np.int64)
        self.first_texts: list[str | None] = [None] * len(self.names)
        self.infinite = np.zeros(len(self.names), np.int64)
        self.types = ["number"] * len(self.names)
        self._digests = [hashlib.blake2b(digest_size=16) for _ in self.names]
        self._hashes: list[np.ndarray] = []

    def add(self, rows: np.ndarray) -> None:
        """Rows of numbers ``[n, n_columns]``, NaN where one is missing."""
        if np.issubdtype(rows.dtype, np.floating):
            infinite = np.isinf(rows)
            self.infinite += infinite.sum(axis=0)
            rows = np.where(infinite, np.nan, rows)
        self.statistics.add(rows)
        for digest, column in zip(self._digests, np.ascontiguousarray(rows.T), strict=True):
            digest.update(column.data)
        self._hashes.append(row_hashes(rows))

    def add_frame(self, frame: pd.DataFrame) -> None:
        """A part of a table, whatever is in it."""
        import pandas as pd

        rows = np.full((len(frame), len(self.names)), np.nan)
        for place, name in enumerate(self.names):
            column = frame[name]
            if pd.api.types.is_bool_dtype(column.dtype):
                self.types[place] = "boolean"
            elif pd.api.types.is_datetime64_any_dtype(column.dtype):
                self.types[place] = str(column.dtype)
                continue
            if column.dtype.kind in "iufb":
                rows[:, place] = column.to_numpy(np.float64, na_value=np.nan)
                continue
            numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
            strange = np.isnan(numbers) & column.notna().to_numpy()
            if strange.any():
                if self.first_texts[place] is None:
                    row = int(np.argmax(strange))
                    number = self.statistics.n_samples + row + 1
                    self.first_texts[place] = f"row {number:,}: {str(column.iloc[row])[:30]!r}"
                self.texts[place] += int(strange.sum())
                self._digests[place].update("\0".join(map(str, column)).encode())
            rows[:, place] = numbers
        self.add(rows)

    def inspection(
        self,
        name: str,
        label: str | None,
        classes: Counter[str],
        example_shape: tuple[int, ...],
        test_rows: int,
        shared: int | None,
    ) -> Inspection:
        """All that was gathered."""
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
        # Each is computed when it is asked for, of all columns: asked once.
        figures = (found.low, found.mean, found.high, found.deviation)
        absent, constant = found.missing, found.constant
        first: dict[bytes, str] = {}
        columns = []
        for place, name in enumerate(self.names):
            any_there, texts = bool(found.count[place]), int(self.texts[place])
            low, mean, high, deviation = (
                float(figure[place]) if any_there else None for figure in figures
            )
            digest = self._digests[place].digest()
            missing = int(absent[place] - self.infinite[place] - texts)
            columns.append(
                Column(
                    name,
                    "text" if texts else self.types[place],
                    missing if self.types[place] in ("number", "boolean") else 0,
                    int(self.infinite[place]),
                    texts,
                    self.first_texts[place],
                    low,
                    mean,
                    high,
                    deviation,
                    bool(constant[place]) and any_there and not texts,
                    first.get(digest),
                )
            )
            first.setdefault(digest, name)
        return columns


def _notes(columns: list[Column], classes: Counter[str], rows: int, pixels: bool) -> list[str]:
    notes = []

    def note(found: list[str], text: str) -> None:
        if found:
            shown = ", ".join(found[:5]) + (f" and {len(found) - 5:,} more" if found[5:] else "")
            notes.append(f"{text}: {shown}")

    texts = [c.name for c in columns if c.texts > rows / 2]
    note(texts, "text, to be dropped or turned into numbers")
    few = [f"{c.name} ({c.texts:,}; {c.first_text})" for c in columns if 0 < c.texts <= rows / 2]
    note(few, "values that are no numbers, to be mended")
    empty = [c.name for c in columns if c.type == "number" and c.mean is None and not c.texts]
    note(empty, "without any value (--drop)")
    strange = [c.name for c in columns if c.type not in ("number", "boolean", "text")]
    note(strange, "of a type that is no number, to be dropped")
    note(
        [f"{c.name} ({c.missing:,})" for c in columns if c.missing],
        "missing values (--missing mean)",
    )
    note(
        [f"{c.name} ({c.infinite:,})" for c in columns if c.infinite],
        "infinite values, to be mended",
    )
    if not pixels:
        note([c.name for c in columns if c.constant], "constant, so they say nothing (--drop)")
        same = [f"{c.name} = {c.same_as}" for c in columns if c.same_as and not c.constant]
        note(same, "the same as another in every row (--drop)")
        blurred = [c.name for c in columns if _is_blurred(c)]
        note(blurred, "vary by less than float32 can tell apart; subtract their mean")
    if classes:
        share = rows / len(classes)
        note([f"{n} ({c:,})" for n, c in classes.items() if c < 2], "classes of one row only")
        rare = [f"{n} ({c:,})" for n, c in classes.items() if 2 <= c < _RARE * share]
        note(rare, "rare classes (--class-weight balanced)")
        if len(classes) == 1:
            notes.append("all rows are of one class")
    return notes


def _is_blurred(column: Column) -> bool:
    if column.constant or column.deviation is None or column.mean is None:
        return False
    return column.deviation < 16 * _FLOAT32_SPACING * abs(column.mean)
