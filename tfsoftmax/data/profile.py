"""``Profile``: how some rows are distributed, in a few counts that are kept with a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.columns.column import Column
from tfsoftmax.data.column_groups import columns_of_spec
from tfsoftmax.data.column_profile import ColumnProfile
from tfsoftmax.data.features import FeaturesLike, row_blocks
from tfsoftmax.data.sparse_rows import SparseFeatures, sparse_blocks
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csc_array

# Tables of more columns are profiled in part, other rows of more features by their mean.
MOST_COLUMNS = 200
# Of more inputs no means are kept: a file would be as large as the weights.
_MOST_MEANS = 10_000


@dataclass(frozen=True)
class Profile:
    """How the columns of some rows are distributed, and what a model predicts for the rows.

    Columns are those of the table; of texts the number of different words and word pairs is
    counted, of dates the days. Pictures, and rows of more than 200 features that are no table,
    have a single column: the mean of each row.

    Attributes:
      n_samples: number of rows.
      columns: the first 200.
      predicted: the predicted classes; missing is a row whose scores overflow.
      left_out: how many columns there are beyond these.
      mean: of the rows that the bins were chosen for, as the model scales them, ``[n_inputs]``;
        None of more than 10,000 inputs, or if there is none.

    >>> spec = Spec((1,), "float32", ("no", "yes"), feature_names=("age",))
    >>> known = Profile.of(spec, np.float32([[1], [2]]), np.array([0, 1]))
    >>> new = known.count(spec, np.float32([[2], [2]]), np.array([1, 1]))
    >>> new.n_samples, new.predicted.bins, new.predicted.counts
    (2, ('no', 'yes', '(all others)'), (0, 2, 0))
    >>> Profile.from_json(known.to_json()) == known
    True
    """

    n_samples: int
    columns: tuple[ColumnProfile, ...]
    predicted: ColumnProfile
    left_out: int = 0
    mean: tuple[float, ...] | None = None

    @classmethod
    def of(cls, spec: Spec, features: FeaturesLike, predicted: np.ndarray) -> Profile:
        """Chooses the bins of each column, and counts rows in them.

        Args:
          spec: of the model.
          features: raw rows ``[n_samples, n_features]``; those of a table are all in memory.
          predicted: the index of each row's predicted class, ``[n_samples]``; -1 for none.
        """
        columns = []
        for column, values in _values_of_columns(spec, features):
            if np.issubdtype(values.dtype, np.floating):
                columns.append(ColumnProfile.of_numbers(column.name, values))
            else:
                names = {code: _category(column, code) for code in np.unique(values).tolist()}
                columns.append(ColumnProfile.of_codes(column.name, values, names))
        classes = ColumnProfile.of_codes(
            "predicted class", predicted, dict(enumerate(spec.class_names))
        )
        table = not _by_mean(spec)
        left_out = max(0, len(columns_of_spec(spec)) - MOST_COLUMNS) if table else 0
        return cls(len(predicted), tuple(columns), classes, left_out, _mean(spec, features))

    def count(self, spec: Spec, features: FeaturesLike, predicted: np.ndarray) -> Profile:
        """Counts other rows, as for `of`, in the same bins."""
        found = _values_of_columns(spec, features)
        columns = tuple(
            known.count(values) for known, (_, values) in zip(self.columns, found, strict=True)
        )
        return replace(
            self,
            n_samples=len(predicted),
            columns=columns,
            predicted=self.predicted.count(predicted),
        )

    def __add__(self, other: Profile) -> Profile:
        columns = tuple(a + b for a, b in zip(self.columns, other.columns, strict=True))
        n_samples = self.n_samples + other.n_samples
        predicted = self.predicted + other.predicted
        return replace(self, n_samples=n_samples, columns=columns, predicted=predicted)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_json` turns it back."""

        def of_column(column: ColumnProfile) -> dict[str, Any]:
            found = {key: value for key, value in asdict(column).items() if value is not None}
            return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}

        columns = [of_column(column) for column in self.columns]
        return {
            "n_samples": self.n_samples,
            "columns": columns,
            "predicted": of_column(self.predicted),
            "left_out": self.left_out,
            "mean": None if self.mean is None else list(self.mean),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Profile:
        """Makes one of the dictionary that `to_json` returned.

        Raises:
          LookupError, TypeError, ValueError, AttributeError: if it is of another kind.
        """
        columns = tuple(ColumnProfile.from_json(column) for column in given["columns"])
        predicted = ColumnProfile.from_json(given["predicted"])
        # The first versions kept no mean.
        mean = given.get("mean")
        return cls(
            int(given["n_samples"]),
            columns,
            predicted,
            int(given["left_out"]),
            None if mean is None else tuple(map(float, mean)),
        )


def _mean(spec: Spec, features: FeaturesLike) -> tuple[float, ...] | None:
    if spec.n_inputs > _MOST_MEANS or not len(features):
        return None
    scaling = spec.scaled_by
    linear = scaling.fill is None and scaling.limit is None and not scaling.indicators
    total: Any = 0.0
    for block in row_blocks(features):
        total = total + (block if linear else scaling.apply(block)).sum(axis=0, dtype=np.float64)
    mean = total / len(features)
    if linear:
        mean = scaling.apply(mean[None])[0]
    if not np.isfinite(mean).all():
        return None
    # As exact as float32, in few digits.
    return tuple(float(f"{each:.7g}") for each in mean)


def _by_mean(spec: Spec) -> bool:
    """Whether rows are so wide, or such, that a feature of its own says little."""
    return spec.encoding is None and (spec.is_image or spec.n_features > MOST_COLUMNS)


def _values_of_columns(spec: Spec, features: FeaturesLike) -> Iterator[tuple[Column, np.ndarray]]:
    """Columns with the value of each row: float64 with NaN, or codes as for `of_codes`."""
    if _by_mean(spec):
        name = "brightness" if spec.is_image else "mean of all features"
        yield Column(name, "number", (name,)), _row_means(features)
        return
    rows = _all_rows(features)
    first = 0
    for column in columns_of_spec(spec)[:MOST_COLUMNS]:
        yield column, _values(column, rows[:, first : first + column.n_features])
        first += column.n_features


def _all_rows(features: FeaturesLike) -> np.ndarray | csc_array:
    if isinstance(features, SparseFeatures):
        return features.read_sparse([slice(None)]).tocsc()
    return np.asarray(features[:])


def _row_means(features: FeaturesLike) -> np.ndarray:
    if isinstance(features, SparseFeatures):
        sums = [np.asarray(block.sum(axis=1)).ravel() for _, block in sparse_blocks(features)]
        return np.concatenate([np.empty(0), *sums]) / features.shape[1]
    means = [np.empty(0)]
    for block in row_blocks(features):
        present = block == block  # NaN alone differs from itself.
        sums = np.where(present, block, 0).sum(axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            means.append(sums / present.sum(axis=1))
    return np.concatenate(means)


def _values(column: Column, own: np.ndarray | csc_array) -> np.ndarray:
    """The value of each row in a column, of its features ``[n_samples, column.n_features]``."""
    if column.n_numbers:
        # The last part of a date are its days.
        last = own[:, [column.n_numbers - 1]]
        numbers = last if isinstance(last, np.ndarray) else last.toarray()
        return numbers[:, 0].astype(np.float64)
    rows, features = own.nonzero()
    if column.kind in ("text", "terms"):
        words = np.bincount(rows, minlength=own.shape[0]).astype(np.float64)
        words[rows[features == 0]] = np.nan
        return words
    codes = np.zeros(own.shape[0], np.int64)
    codes[rows] = features
    if column.kind == "category":
        return np.where(codes < 2, -1 - codes, codes)
    return np.where(codes < 1, -1, codes)


def _category(column: Column, code: int) -> str:
    if column.kind == "category" and code >= 2:
        return column.vocabulary[code - 2]
    return column.feature_name(max(code, 0))
