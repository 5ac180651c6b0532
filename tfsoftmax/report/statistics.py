"""Standard errors, tests and intervals of coefficients: what a column does, and how surely."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfsoftmax.choices import did_you_mean
from tfsoftmax.data.dataset import Dataset, check_dataset
from tfsoftmax.data.features import row_blocks
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.report.coefficients import INTERCEPT, column_name
from tfsoftmax.spec import Spec
from tfsoftmax.training.newton.likelihood import Maximum, SeparationError, maximise
from tfsoftmax.training.prepare import with_scaling

if TYPE_CHECKING:
    import pandas as pd

# The information is a square of so many coefficients, and is inverted.
_MOST_COEFFICIENTS = 2500
# Share of the largest eigenvalue below which a combination of columns is none.
_TIED = 1e-9
# Columns that take part in such a combination have at least this weight in it.
_TAKES_PART = 1e-3
_NAMED = 6


@dataclass(frozen=True)
class Statistics:
    """What the maximum of the likelihood says of each column; `statistics` makes it.

    Attributes:
      table: a frame with a row for each feature and class but the reference: ``column``,
        ``feature``, ``class``, ``coefficient`` (of the raw feature: what a unit of it adds to the
        log odds of the class against the reference), ``standard_error``, ``z``, ``p`` (two-sided),
        ``low`` and ``high`` (the confidence interval) and ``odds_ratio``.
      reference: the class that the others are compared with.
      confidence: of the intervals.
      n_samples: rows that were used.
      log_likelihood, null_log_likelihood: of the fit, and of the classes' shares alone, in nats.
      left_out: features that have no coefficient, and why: they are constant, or the reference
        category of their column.
    """

    table: pd.DataFrame
    reference: str
    confidence: float
    n_samples: int
    log_likelihood: float
    null_log_likelihood: float
    left_out: dict[str, str]

    @property
    def degrees_of_freedom(self) -> int:
        """Coefficients beside the intercepts."""
        return int((self.table["feature"] != INTERCEPT).sum())

    @property
    def p(self) -> float:
        """That of the likelihood-ratio test against the classes' shares alone."""
        from scipy.stats import chi2

        ratio = 2 * (self.log_likelihood - self.null_log_likelihood)
        return float(chi2.sf(ratio, self.degrees_of_freedom))

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of everything."""
        return {
            "reference": self.reference,
            "confidence": self.confidence,
            "n_samples": self.n_samples,
            "log_likelihood": self.log_likelihood,
            "null_log_likelihood": self.null_log_likelihood,
            "degrees_of_freedom": self.degrees_of_freedom,
            "p": self.p,
            "left_out": self.left_out,
            "coefficients": self.table.to_dict("records"),
        }


def statistics(
    dataset: Dataset, *, reference: str | None = None, confidence: float = 0.95
) -> Statistics:
    """Fits a dataset without penalties, and says how sure each coefficient is.

    The fit is the maximum of the likelihood of all rows, training and test, in float64: standard
    errors hold there and nowhere else, so not for the penalised weights of a trained model.
    They are the roots of the diagonal of the inverse of the observed information; z is a
    coefficient by its standard error, and p that of a standard normal beyond it (Wald).

    Softmax has a set of coefficients more than it needs, so one class is the reference; others'
    coefficients are changes of the log odds against it. A column of categories is compared with
    its first category in the same way.

    Args:
      dataset: of few columns; its rows all count the same.
      reference: a class; None is the first.
      confidence: of the intervals, above 0 and below 1.

    Raises:
      DataError: where the statistics do not hold: columns that follow from each other, classes
        that a combination of columns tells apart without a mistake, weighted rows, too few rows,
        sparse rows, or too many coefficients.
      UsageError: if there is no such class, or the confidence is out of range.

    References: Agresti, Categorical data analysis (2013), sections 5.5 and 8.1; Hosmer, Lemeshow
    and Sturdivant, Applied logistic regression (2013), section 8.1.

    >>> import tfsoftmax
    >>> times = [30, 10, 20, 40]
    >>> treated = np.repeat([[0], [0], [1], [1]], times, axis=0)
    >>> better = np.repeat(["no", "yes", "no", "yes"], times)
    >>> found = statistics(tfsoftmax.from_arrays(treated, better))
    >>> found.table[["coefficient", "standard_error"]].iloc[1].round(4).tolist()  # ln 6
    [1.7918, 0.4564]
    """
    dataset = check_dataset(dataset)
    if not 0 < confidence < 1:
        raise UsageError(
            setting("confidence") + f" must be above 0 and below 1, not {confidence!r}"
        )
    spec = dataset.spec
    if reference is not None and reference not in spec.class_names:
        raise UsageError(
            f"there is no class {reference!r} to be the reference; "
            f"{did_you_mean(reference, spec.class_names)}there are "
            f"{', '.join(spec.class_names[:10])}"
        )
    base = 0 if reference is None else spec.class_names.index(reference)
    rows = _Rows(dataset, base)
    try:
        found = maximise(rows.blocks, spec.n_classes, len(rows.inputs))
    except SeparationError:
        raise DataError(
            f"{dataset.name}: a combination of columns tells some classes apart without a mistake, "
            "so the likelihood has no maximum and its coefficients would grow forever: leave a "
            "column out (" + setting("drop") + "), or put rare classes together"
        ) from None
    shares = rows.counts[rows.counts > 0] / rows.n_samples
    return Statistics(
        _table(rows.spec, rows.inputs, found, base, confidence),
        spec.class_names[base],
        confidence,
        rows.n_samples,
        found.log_likelihood,
        float((rows.counts[rows.counts > 0] * np.log(shares)).sum()),
        rows.left_out,
    )


class _Rows:
    """All rows of a dataset, scaled, of the columns that have a coefficient.

    Attributes:
      spec: with the scaling.
      inputs: indices of the inputs that have a coefficient.
      left_out: the names of the others, and why.
      n_samples, counts: rows in all and of each class.
    """

    def __init__(self, dataset: Dataset, base: int):
        self._check(dataset)
        # For the numbers' sake only: no penalty sees it, and coefficients are raw again.
        dataset = with_scaling(dataset, "on", advise=False)
        self.spec, self._base = dataset.spec, base
        self._model = SoftmaxRegression(dataset.spec)
        self._splits = [part for part in (dataset.train, dataset.test) if len(part)]
        if dataset.validation is not None:
            self._splits.append(dataset.validation)
        labels = np.concatenate([np.asarray(part.labels) for part in self._splits])
        self.n_samples = len(labels)
        self.counts = np.bincount(labels, minlength=self.spec.n_classes)
        self._check_classes(dataset.name)
        self.inputs = np.arange(self.spec.n_inputs)
        self.left_out: dict[str, str] = {}
        moments = sum(rows.T @ rows for rows, _ in self.blocks()) / self.n_samples
        self._leave_out(moments)
        self._check_size(dataset.name)
        kept = np.append(self.inputs, self.spec.n_inputs)
        self._check_tied(dataset.name, moments[np.ix_(kept, kept)])

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All rows, block by block, with a 1 for the intercept; the reference's label is 0."""
        order = np.arange(self.spec.n_classes)
        order[: self._base] += 1
        order[self._base] = 0
        for part in self._splits:
            done = 0
            for block in row_blocks(part.features):
                scaled = self._model.scaled(tf.constant(block)).numpy()[:, self.inputs]
                rows = np.column_stack([scaled.astype(np.float64), np.ones(len(block))])
                yield rows, order[np.asarray(part.labels[done : done + len(block)])]
                done += len(block)

    def _check(self, dataset: Dataset) -> None:
        if taken_sparse(dataset.train.features, dataset.spec):
            raise DataError(
                f"{dataset.name}: its rows are sparse, of {dataset.spec.n_features:,} features: "
                "statistics are for tables of few columns"
            )
        if any(part.weights is not None for part in (dataset.train, dataset.test)):
            raise DataError(
                f"{dataset.name}: its rows have weights, and whether they stand for several rows "
                "or for how much they matter is not known: leave the weights out"
            )

    def _check_classes(self, name: str) -> None:
        for label, count in enumerate(self.counts):
            if not count:
                raise DataError(f"{name}: class {self.spec.class_names[label]!r} has no rows")

    def _leave_out(self, moments: np.ndarray) -> None:
        """Leaves out what is constant, and the first category of each column that has some."""
        mean, square = moments[-1, :-1], np.diag(moments)[:-1]
        constant = square - mean**2 <= _TIED * np.maximum(square, _TIED)
        references = self._references(constant)
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

    def _check_size(self, name: str) -> None:
        n = (self.spec.n_classes - 1) * (len(self.inputs) + 1)
        if n > _MOST_COEFFICIENTS:
            raise DataError(
                f"{name}: {len(self.inputs):,} features and {self.spec.n_classes} classes have "
                f"{n:,} coefficients, and statistics are for at most {_MOST_COEFFICIENTS:,}: leave "
                "columns out with " + setting("drop")
            )
        if n >= self.n_samples:
            raise DataError(
                f"{name}: {self.n_samples:,} rows are too few for {n:,} coefficients: leave "
                "columns out with " + setting("drop")
            )

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
            "not determined: " + cure
        )


def _table(
    spec: Spec, inputs: np.ndarray, found: Maximum, base: int, confidence: float
) -> pd.DataFrame:
    import pandas as pd
    from scipy.stats import norm

    to_raw = _to_raw(spec, inputs)
    others = [name for index, name in enumerate(spec.class_names) if index != base]
    width, estimates, errors = len(to_raw), [], []
    for k, parameters in enumerate(found.parameters):
        own = found.covariance[k * width : (k + 1) * width, k * width : (k + 1) * width]
        estimates.append(to_raw @ parameters)
        errors.append(np.sqrt(np.einsum("ij,jk,ik->i", to_raw, own, to_raw)))
    estimate, error = np.array(estimates).T, np.array(errors).T  # [width, n_others]
    order = np.append(width - 1, np.arange(width - 1))  # The intercept first.
    names = [(column_name(spec, int(index)), spec.feature_name(int(index))) for index in inputs]
    names = [(INTERCEPT, INTERCEPT), *names]
    estimate, error = estimate[order].ravel(), error[order].ravel()
    z, half = estimate / error, norm.isf((1 - confidence) / 2) * error
    with np.errstate(over="ignore"):
        ratio = np.exp(estimate)
    return pd.DataFrame(
        {
            "column": np.repeat([name for name, _ in names], len(others)),
            "feature": np.repeat([name for _, name in names], len(others)),
            "class": np.tile(np.array(others, object), width),
            "coefficient": estimate,
            "standard_error": error,
            "z": z,
            "p": 2 * norm.sf(np.abs(z)),
            "low": estimate - half,
            "high": estimate + half,
            "odds_ratio": ratio,
        }
    )


def _to_raw(spec: Spec, inputs: np.ndarray) -> np.ndarray:
    """What turns coefficients of scaled features, the intercept last, into those of raw ones."""
    # As the model has them, in float32.
    offset, scale = (
        np.broadcast_to(np.asarray(numbers, np.float32), spec.n_features).astype(np.float64)
        for numbers in (spec.scaled_by.offset, spec.scaled_by.scale)
    )
    n_indicators = spec.n_inputs - spec.n_features
    offset = np.append(offset, np.zeros(n_indicators))[inputs]
    scale = np.append(scale, np.ones(n_indicators))[inputs]
    to_raw = np.diag(np.append(scale, 1.0))
    to_raw[-1, :-1] = -scale * offset
    return to_raw
