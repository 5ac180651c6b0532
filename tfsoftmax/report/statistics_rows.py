"""The rows and columns of a dataset that have statistics, or the reason why they have none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.features import row_blocks
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.errors import DataError
from tfsoftmax.messages import Message, setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.report.coefficients import column_name
from tfsoftmax.report.collinearity import inflation_of
from tfsoftmax.report.statistics_choices import RESAMPLES
from tfsoftmax.spec import Spec
from tfsoftmax.training.prepare import with_scaling

# The information is a square of so many coefficients, and is inverted.
_MOST_COEFFICIENTS = 2500
# Share of the largest eigenvalue below which a combination of columns is none.
_TIED = 1e-9
# Columns that take part in such a combination have at least this weight in it.
_TAKES_PART = 1e-3
_NAMED = 6
# Numbers of rows that are kept once they are scaled, 128 MB; more are read again in each pass.
_KEPT_NUMBERS = 2**24


def _without_hashed(spec: Spec) -> str:
    """What to do where columns of texts or of very many categories made the rows sparse."""
    columns = spec.encoding.columns if spec.encoding else ()
    hashed = [column.name for column in columns if column.kind in ("text", "hashed")]
    many = "; leave out those that are hashed into very many features, " if hashed else ""
    return many and many + setting("drop", hashed)


class StatisticsRows:
    """All rows of a dataset, scaled, of the columns that have a coefficient.

    Attributes:
      spec: with the scaling.
      inputs: indices of the inputs that have a coefficient.
      left_out: the names of the others, and why.
      inflation: as `inflation_of` has it; empty with a penalty.
      n_samples: rows in all.
      weights: what each counts, with mean 1.
      counts: what those of each class count together.
    """

    def __init__(self, dataset: Dataset, base: int, l2: float, resampled: bool):
        """Reads the rows once.

        Args:
          dataset: of few columns.
          base: the reference class.
          l2: strength of the penalty. Without one, each coefficient has to be determined by the
            rows alone.
          resampled: whether rows are to be resampled, so that their weights are no riddle.

        Raises:
          DataError: where statistics do not hold.
        """
        self._check(dataset, resampled)
        # Without a penalty scaling is for the numbers' sake only: coefficients are raw again.
        dataset = with_scaling(dataset, "auto" if l2 else "on", advise=False)
        self.spec, self._base = dataset.spec, base
        self._model = SoftmaxRegression(dataset.spec)
        self._splits = [part for part in (dataset.train, dataset.test) if len(part)]
        if dataset.validation is not None:
            self._splits.append(dataset.validation)
        labels = np.concatenate([np.asarray(part.labels) for part in self._splits])
        self.n_samples = len(labels)
        own = [np.ones(len(s)) if s.weights is None else s.weights for s in self._splits]
        self.weights = np.concatenate(own).astype(np.float64)
        self.weights /= self.weights.mean()
        self.counts = np.bincount(labels, self.weights, minlength=self.spec.n_classes)
        self._check_classes(dataset.name)
        self.inputs = np.arange(self.spec.n_inputs)
        self.left_out: dict[str, str] = {}
        self.inflation: dict[str, float] = {}
        self._kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None
        moments = sum((w[:, None] * X).T @ X for X, _, w in self.blocks()) / self.n_samples
        self._leave_out(moments, with_references=not l2)
        self._check_size(dataset.name, l2)
        if not l2:
            kept = np.append(self.inputs, self.spec.n_inputs)
            moments = moments[np.ix_(kept, kept)]
            self._check_tied(dataset.name, moments)
            columns = [column_name(self.spec, int(index)) for index in self.inputs]
            self.inflation = inflation_of(moments, columns)
        if self.n_samples * len(self.inputs) <= _KEPT_NUMBERS:
            self._kept = list(self.blocks())

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """All rows, block by block, as `likelihood.Blocks` has them."""
        if self._kept is not None:
            yield from self._kept
            return
        order = np.arange(self.spec.n_classes)
        order[: self._base] += 1
        order[self._base] = 0
        first = 0
        for part in self._splits:
            done = 0
            for block in row_blocks(part.features):
                scaled = self._model.scaled(tf.constant(block)).numpy()[:, self.inputs]
                rows = np.column_stack([scaled.astype(np.float64), np.ones(len(block))])
                labels = order[np.asarray(part.labels[done : done + len(block)])]
                yield rows, labels, self.weights[first : first + len(block)]
                done, first = done + len(block), first + len(block)

    def separated(self, name: str, where: str) -> DataError:
        """What is said where the likelihood has no maximum."""
        return DataError(
            f"{name}: {where}a combination of columns tells some classes apart without a mistake, "
            "so the likelihood has no maximum and its coefficients would grow forever: leave a "
            "column out (" + setting("drop") + "), put rare classes together, or take a penalty "
            "and resample (" + self._resampling() + ")"
        )

    def _resampling(self) -> Message:
        l2 = float(f"{1 / self.n_samples:.1g}")
        return setting("l2", l2) + " " + setting("bootstrap", RESAMPLES)

    def _check(self, dataset: Dataset, resampled: bool) -> None:
        if taken_sparse(dataset.train.features, dataset.spec):
            raise DataError(
                f"{dataset.name}: its rows are sparse, of {dataset.spec.n_features:,} features: "
                "statistics are for tables of few columns" + _without_hashed(dataset.spec)
            )
        parts = dataset.train, dataset.test, dataset.validation
        if not resampled and any(part and part.weights is not None for part in parts):
            raise DataError(
                f"{dataset.name}: its rows have weights, and whether they stand for several rows "
                "or for how much they matter is not known: leave the weights out, or resample the "
                "rows, each with its weight (" + setting("bootstrap", RESAMPLES) + ")"
            )

    def _check_classes(self, name: str) -> None:
        for label, count in enumerate(self.counts):
            if not count:
                raise DataError(f"{name}: class {self.spec.class_names[label]!r} has no rows")

    def _leave_out(self, moments: np.ndarray, with_references: bool) -> None:
        """Leaves out what is constant, and the first category of each column that has some."""
        mean, square = moments[-1, :-1], np.diag(moments)[:-1]
        constant = square - mean**2 <= _TIED * np.maximum(square, _TIED)
        references = self._references(constant) if with_references else []
        for why, found in ("constant", np.flatnonzero(constant)), ("reference", references):
            self.left_out |= {self.spec.feature_name(int(index)): why for index in found}
        constant[references] = True
        self.inputs = np.flatnonzero(~constant)

    def _references(self, constant: np.ndarray) -> list[int]:
        encoding = self.spec.encoding
        found: list[int] = []
        if encoding is None:
            return found
        for column, first in zip(encoding.columns, encoding.offsets, strict=False):
            if column.kind in ("category", "buckets"):
                own = np.arange(first, first + column.n_features)
                # The places of missing and unknown ones come first, and are no comparison.
                varying = [int(index) for index in own[1:] if not constant[index]]
                found += varying[:1]
        return found

    def _check_size(self, name: str, l2: float) -> None:
        n = (self.spec.n_classes - 1) * (len(self.inputs) + 1)
        if n > _MOST_COEFFICIENTS:
            raise DataError(
                f"{name}: {len(self.inputs):,} features and {self.spec.n_classes} classes have "
                f"{n:,} coefficients, and statistics are for at most {_MOST_COEFFICIENTS:,}: leave "
                "columns out with " + setting("drop")
            )
        if n >= self.n_samples and not l2:
            raise DataError(
                f"{name}: {self.n_samples:,} rows are too few for {n:,} coefficients: leave "
                "columns out (" + setting("drop") + "), or take a penalty and resample ("
                + self._resampling() + ")"
            )  # fmt: skip

    def _check_tied(self, name: str, moments: np.ndarray) -> None:
        values, vectors = np.linalg.eigh(moments)
        if values[0] > _TIED * values[-1]:
            return
        part = np.flatnonzero(np.abs(vectors[:-1, 0]) > _TAKES_PART)
        inputs = [int(self.inputs[index]) for index in part]
        names = [self.spec.feature_name(index) for index in inputs]
        shown = ", ".join(map(repr, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
        # Columns that are missing in the same rows need no indicators, each column is needed.
        cure = (
            "do without them (" + setting("missing", "mean") + ")"
            if min(inputs) >= self.spec.n_features
            else "leave one out (" + setting("drop", [column_name(self.spec, inputs[-1])]) + ")"
        )
        raise DataError(
            f"{name}: {shown} are tied: one follows from the others, so their coefficients are "
            "not determined: " + cure + ", or take a penalty and resample ("
            + self._resampling() + ")"
        )  # fmt: skip
