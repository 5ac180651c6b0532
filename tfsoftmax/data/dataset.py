"""`Dataset`, which every data source returns, and the checks of its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfsoftmax.data.digests import digest_of_rows
from tfsoftmax.data.features import FeaturesLike, features_of, row_blocks
from tfsoftmax.data.notes import NO_NOTES, Notes
from tfsoftmax.data.sparse_rows import SparseFeatures, row_of_entries, sparse_blocks
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.html import html_table

if TYPE_CHECKING:
    from tfsoftmax.data.options import SourceOptions
    from tfsoftmax.data.record import DataRecord

# Classes that a notebook shows.
_MOST_SHOWN = 30
_REMEDY = "take means for it with " + setting("missing", "mean")


class CheckedFeatures(NamedTuple):
    """Features that passed `check_finite`.

    Attributes:
      features: the object that was checked.
      missing: whether it may have missing values.
    """

    features: FeaturesLike
    missing: bool


@dataclass(frozen=True, repr=False)
class Split:
    """Rows and their classes.

    Attributes:
      features: raw values in their compact dtype, ``[n_samples, n_features]``; an array, a
        mapped file, or any other `data.features.Features`.
      labels: int32 ``[n_samples]`` in ``[0, n_classes)``.
      weights: how much each row counts in training, float32 ``[n_samples]``, at least 0,
        in any unit; None where all count the same.
      checked: the features that passed their checks, so that they are not checked again; it
        is ignored once `features` is another object.
      raw: cells of some rows of the table that these come from, for each of its columns that are
        encoded an array ``[n]`` (`data.encoded.Cells`), to check exported models on; they are not
        the rows of `features`. None if the rows are not encoded (`Spec.encoding`).

    >>> Split(np.eye(3), np.int32([0, 1, 2])).take(np.array([2, 0])).labels.tolist()
    [2, 0]
    """

    features: FeaturesLike = field(repr=False)
    labels: np.ndarray = field(repr=False)
    weights: np.ndarray | None = field(default=None, repr=False)
    checked: CheckedFeatures | None = field(default=None, repr=False, compare=False, kw_only=True)
    raw: Mapping[str, np.ndarray] | None = field(
        default=None, repr=False, compare=False, kw_only=True
    )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        weighted = ", weighted" if self.weights is not None else ""
        return f"Split({len(self):,} rows of {self.features.shape[1]:,} features{weighted})"

    def take(self, indices: np.ndarray) -> Split:
        """Selects rows by index, as a copy; rows in a file stay there, in the file's order."""
        features = features_of(self.features)
        if features.in_file:
            indices = np.sort(indices)
        taken = features.take(indices)
        weights = None if self.weights is None else self.weights[indices]
        labels = self.labels[indices].astype(np.int32)
        known = self._checked_features
        checked = known and known._replace(features=taken)
        return Split(taken, labels, weights, checked=checked, raw=self.raw)

    def check_features(self, where: str, spec: Spec) -> None:
        """Calls `check_finite` on the features, unless they have been checked."""
        known = self._checked_features
        if known and (spec.missing or not known.missing):
            return
        check_finite(where, self.features, spec)
        object.__setattr__(self, "checked", CheckedFeatures(self.features, bool(spec.missing)))

    @property
    def _checked_features(self) -> CheckedFeatures | None:
        """`checked`, unless `features` was replaced since."""
        return self.checked if self.checked and self.checked.features is self.features else None


@dataclass(frozen=True, repr=False)
class Dataset:
    """Training and test rows of one source; constructing it checks them.

    Attributes:
      name: what the user calls it.
      spec: shape, dtype and range of an example, and the class names.
      train, test: the rows.
      validation: rows held out for early stopping and calibration; None if there are none
        (`data.split.with_validation` holds some out of the training rows).
      notes: what was found while the source was read; not part of the checksum.
      only_measured: whether it is only for evaluating a model: then one class is enough, and
        there may be no training rows.
      options: the options that the source was read with; None where it takes none.
      origin: describes the data before rows or classes were selected from it, for the record of
        a model; None where nothing was selected.

    Raises:
      DataError: naming the split, and the row where there is one, if features and labels
        do not fit each other or the spec.

    >>> rows = Split(np.zeros((2, 4), np.uint8), np.array([0, 1], np.int32))
    >>> dataset = Dataset("tiny", Spec((2, 2), "uint8", ("no", "yes"), (0, 255)), rows, rows)
    >>> dataset.train.features.shape
    (2, 4)
    """

    name: str
    spec: Spec
    train: Split
    test: Split
    validation: Split | None = None
    notes: Notes = NO_NOTES
    only_measured: bool = False
    options: SourceOptions | None = None
    origin: DataRecord | None = None
    # Cached by `DataRecord.of`, which reads all rows; `replace` does not copy it.
    _record: DataRecord | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.spec.n_classes < 2 and not self.only_measured:
            raise DataError(
                f"{self.name}: found {self.spec.n_classes} class(es); a classifier needs at least 2"
            )
        for part, split in self.splits().items():
            if self.only_measured and part == "training" and not len(split):
                continue
            _check_split(f"{self.name}: {part} split", split, self.spec)

    def __repr__(self) -> str:
        rows = ", ".join(f"{len(split):,} {part}" for part, split in self.splits().items())
        return f"Dataset({self.name!r}: {rows} rows; {_example(self.spec)})"

    def _repr_html_(self) -> str:
        parts = self.splits()
        counts = [
            np.bincount(part.labels, minlength=self.spec.n_classes) for part in parts.values()
        ]
        names = self.spec.class_names[:_MOST_SHOWN]
        rows = [
            (name, *(f"{count[index]:,}" for count in counts)) for index, name in enumerate(names)
        ]
        if (more := self.spec.n_classes - len(names)) > 0:
            rest = [f"{count[len(names) :].sum():,}" for count in counts]
            rows.append((f"{more:,} more classes", *rest))
        rows.append(("all", *(f"{len(part):,}" for part in parts.values())))
        title = f"{self.name}: {_example(self.spec)}"
        return html_table(title, rows, ("rows of class", *parts))

    @property
    def model_spec(self) -> Spec:
        """The spec of a model of these rows, which says if they are sparse (`sparse_rows`)."""
        if self.spec.encoding or not isinstance(self.train.features, SparseFeatures):
            return self.spec
        return replace(self.spec, sparse_rows=True)

    def splits(self) -> dict[str, Split]:
        """The splits by name: ``training``, ``test`` and, if there is one, ``validation``."""
        named = {"training": self.train, "test": self.test, "validation": self.validation}
        return {name: split for name, split in named.items() if split is not None}

    def sha256(self) -> str:
        """Checksum of the spec and of all rows, labels and weights; independent of the source.

        >>> rows = Split(np.zeros((2, 4), np.uint8), np.array([0, 1], np.int32))
        >>> Dataset("tiny", Spec((2, 2), "uint8", ("no", "yes"), (0, 255)), rows, rows).sha256()
        '...'
        """
        digest = hashlib.sha256(json.dumps(self.spec.to_json(), sort_keys=True).encode())
        for split in self.splits().values():
            for array in (split.features, split.labels, split.weights):
                if array is None:
                    continue
                digest.update(repr((array.shape, array.dtype.name)).encode())
                if array is split.features:
                    digest.update(digest_of_rows(array))
                else:
                    digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _example(spec: Spec) -> str:
    """What goes in and what comes out, in a few words."""
    return f"{spec.shape_in_words} {spec.dtype} features, {spec.n_classes:,} classes"


def check_dataset(given: Dataset) -> Dataset:
    """Checks that an argument is a dataset to train on, and returns it.

    Raises:
      UsageError: if it is not a dataset, saying how to make one, or is only to evaluate on.
    """
    if isinstance(given, Dataset) and given.only_measured:
        raise UsageError(
            f"{given.name} was loaded to measure a model on; load it without `model` to train on it"
        )
    if isinstance(given, Dataset):
        return given
    if isinstance(given, str):
        raise UsageError(f"expected a dataset, not its name: load_dataset({given!r}) loads it")
    raise UsageError(
        f"expected a dataset, not {type(given).__name__}: from_arrays(X, y) makes one of arrays, "
        "and holds a fifth of the rows out to test on; from_frame(frame) makes one of a table, "
        "load_dataset('csv:FILE') of a file"
    )


def check_unchanged(dataset: Dataset, sha256: str) -> None:
    """Checks that rows in files have not changed since a checksum was taken.

    Args:
      dataset: whose rows were used.
      sha256: its checksum, taken before.

    Raises:
      DataError: if they have changed.
    """
    parts = dataset.splits().values()
    if any(features_of(part.features).in_file for part in parts) and dataset.sha256() != sha256:
        raise DataError(
            f"{dataset.name}: the data changed while it was used, so what was trained on is not "
            "known; start again when nothing writes to it"
        )


def _check_split(where: str, split: Split, spec: Spec) -> None:
    features, labels = split.features, split.labels
    if len(features.shape) != 2 or labels.ndim != 1:
        raise DataError(
            f"{where}: expected features [n_samples, n_features] and labels [n_samples], "
            f"found shapes {features.shape} and {labels.shape}"
        )
    if len(features) != len(labels):
        raise DataError(
            f"{where}: {len(features)} examples but {len(labels)} labels; "
            "each example needs exactly one"
        )
    if not len(labels):
        raise DataError(f"{where} is empty; it needs at least one example")
    if features.shape[1] != spec.n_features:
        raise DataError(
            f"{where}: examples have {features.shape[1]} features, expected {spec.n_features}"
        )
    if features.dtype != spec.dtype:
        raise DataError(f"{where}: features are {features.dtype}, expected {spec.dtype}")
    if labels.dtype != np.int32:
        raise DataError(f"{where}: labels are {labels.dtype}, expected int32")
    outside = (labels < 0) | (labels >= spec.n_classes)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(f"{where}, row {row}: label {labels[row]} is not in [0, {spec.n_classes})")
    if split.weights is not None:
        _check_weights(where, split.weights, len(labels))
    split.check_features(where, spec)


def check_finite(
    where: str,
    features: FeaturesLike,
    spec: Spec,
    first: int = 0,
    unit: str = "row",
    remedy: str = _REMEDY,
) -> None:
    """Checks that every feature is finite, or missing if the spec allows missing values.

    Args:
      where: what to call the rows in an error.
      features: ``[n_samples, n_features]``.
      spec: of the rows.
      first: number of the first row in an error.
      unit: what to call a row in an error.
      remedy: what an error recommends for a missing value besides filling it in.

    Raises:
      DataError: naming row and feature.
    """
    if not np.issubdtype(features.dtype, np.floating):
        return
    found = _first_not_finite(features, spec.missing is not None)
    if found is not None:
        row, column, value = found
        problem = "infinite, or beyond 3.4e38; correct it"
        if np.isnan(value):
            problem = "missing (NaN); fill it in, or " + remedy
        name = spec.feature_name(column)
        raise DataError(f"{where}, {unit} {first + row}, {name}: the value is " + problem)


def _first_not_finite(features: FeaturesLike, missing: bool) -> tuple[int, int, float] | None:
    """Row, column and value of the first value that is not finite, nor a missing one if allowed."""
    if isinstance(features, SparseFeatures):
        for part, entries in sparse_blocks(features):
            wrong = np.flatnonzero(~_are_finite(entries.data, missing))
            if len(wrong):
                row = int(row_of_entries(entries, wrong[:1])[0])
                entry = int(wrong[0])
                return part.start + row, int(entries.indices[entry]), float(entries.data[entry])
        return None
    first = 0
    for block in row_blocks(features):
        finite = _are_finite(block, missing)
        if not finite.all():
            row, column = (int(index) for index in np.argwhere(~finite)[0])
            return first + row, column, float(block[row, column])
        first += len(block)
    return None


def _are_finite(values: np.ndarray, missing: bool) -> np.ndarray:
    """Whether each value is finite, or a missing one if those are allowed."""
    finite: np.ndarray = np.isfinite(values)
    return finite | np.isnan(values) if missing else finite


def _check_weights(where: str, weights: np.ndarray, n_samples: int) -> None:
    if weights.shape != (n_samples,) or weights.dtype != np.float32:
        raise DataError(
            f"{where}: weights are {weights.dtype} {weights.shape}, expected float32 {(n_samples,)}"
        )
    usable = np.isfinite(weights) & (weights >= 0)
    if not usable.all():
        row = int(np.argmin(usable))
        raise DataError(f"{where}, row {row}: weight {weights[row]} is not a number from 0 up")
    if not weights.any():
        raise DataError(f"{where}: all weights are 0, so there is nothing to train on")
