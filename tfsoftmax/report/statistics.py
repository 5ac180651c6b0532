"""Standard errors, tests and intervals of coefficients: what a column does, and how surely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.dataset import Dataset, check_dataset
from tfsoftmax.report.bootstrap import resampled
from tfsoftmax.report.coefficients import INTERCEPT, column_name
from tfsoftmax.report.collinearity import collinearity_note
from tfsoftmax.report.statistics_choices import check_choices, reference_index
from tfsoftmax.report.statistics_rows import StatisticsRows
from tfsoftmax.spec import Spec
from tfsoftmax.training.newton.likelihood import Maximum, SeparationError, maximise

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Statistics:
    """What the rows say of each column, and how surely; `statistics` makes it.

    Attributes:
      table: a frame with a row for each feature and class but the reference: ``column``,
        ``feature``, ``class``, ``coefficient`` (of the raw feature: what a unit of it adds to the
        log odds of the class against the reference), ``standard_error``, ``z``, ``p`` (two-sided),
        ``low`` and ``high`` (the confidence interval), ``odds_ratio``, ``odds_low`` and
        ``odds_high`` (the same of the odds). A bootstrap has no ``z`` and no ``p``.
      reference: the class that the others are compared with.
      confidence: of the intervals.
      n_samples: rows that were used.
      log_likelihood, null_log_likelihood: of the fit, and of the classes' shares alone, in nats.
      left_out: features that have no coefficient, and why: they are constant, or the reference
        category of their column.
      l2: strength of the penalty.
      bootstrap: how many resamples the errors and intervals are from; None if from a formula.
      inflation: for each column, how many times as wide its standard errors are as if the other
        columns told nothing of it; empty with a penalty.
    """

    table: pd.DataFrame
    reference: str
    confidence: float
    n_samples: int
    log_likelihood: float
    null_log_likelihood: float
    left_out: dict[str, str]
    l2: float = 0.0
    bootstrap: int | None = None
    inflation: dict[str, float] = field(default_factory=dict)

    @property
    def note(self) -> str | None:
        """Names the columns that nearly follow from others; None if none do."""
        return collinearity_note(self.inflation)

    @property
    def degrees_of_freedom(self) -> int:
        """Coefficients beside the intercepts."""
        return int((self.table["feature"] != INTERCEPT).sum())

    @property
    def p(self) -> float | None:
        """That of the likelihood-ratio test against the classes' shares alone.

        None for a penalised fit or weighted rows, where the test does not hold.
        """
        from scipy.stats import chi2

        if self.bootstrap:
            return None
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
            "l2": self.l2,
            "bootstrap": self.bootstrap,
            "inflation": self.inflation,
            "coefficients": self.table.to_dict("records"),
        }


def statistics(
    dataset: Dataset,
    *,
    reference: str | None = None,
    confidence: float = 0.95,
    l2: float = 0.0,
    bootstrap: int | None = None,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Statistics:
    """Fits a dataset, and says how sure each coefficient is.

    The fit is the optimum of all rows, training and test, in float64. Without a penalty it is
    the maximum of the likelihood: standard errors are the roots of the diagonal of the inverse of
    the observed information; z is a coefficient by its standard error, and p that of a standard
    normal beyond it (Wald). This holds there and nowhere else, so not for penalised weights.

    A bootstrap holds for them, too. It draws as many rows as there are, with replacement, finds
    their optimum, and does so again and again: standard errors are the deviations of the
    coefficients found, and intervals go from percentile to percentile. They say how much
    coefficients depend on the rows that were drawn, and nothing of how far the penalty draws them
    towards 0. Scaling stays that of all rows; a resample that lacks a class is drawn again.

    Softmax has a set of coefficients more than it needs, so one class is the reference; others'
    coefficients are changes of the log odds against it. Without a penalty a column of categories is
    compared with its first category in the same way; with one, each category has coefficients.

    Args:
      dataset: of few columns; without a bootstrap, its rows all count the same. Otherwise each
        is drawn with its weight.
      reference: a class; None is the first.
      confidence: of the intervals, above 0 and below 1.
      l2: strength of the penalty on squares, as training has it, with the scaling that is
        usual there; above 0 it needs a bootstrap.
      bootstrap: how many resamples to fit; None is none.
      seed: of the resamples.
      on_progress: called with the number of resamples fitted, and of all.

    Raises:
      DataError: where the statistics do not hold: columns that follow from each other, classes
        that a combination of columns tells apart without a mistake, weighted rows, too few rows,
        sparse rows, or too many coefficients.
      UsageError: if there is no such class, a number is out of range, or l2 has no bootstrap.

    References: Agresti, Categorical data analysis (2013), sections 5.5 and 8.1; Hosmer, Lemeshow
    and Sturdivant, Applied logistic regression (2013), section 8.1; Efron and Tibshirani, An
    introduction to the bootstrap (1993), chapters 6 and 13.

    >>> import tfsoftmax
    >>> times = [30, 10, 20, 40]
    >>> treated = np.repeat([[0], [0], [1], [1]], times, axis=0)
    >>> better = np.repeat(["no", "yes", "no", "yes"], times)
    >>> found = statistics(tfsoftmax.from_arrays(treated, better))
    >>> found.table[["coefficient", "standard_error"]].iloc[1].round(4).tolist()  # ln 6
    [1.7918, 0.4564]
    """
    dataset = check_dataset(dataset)
    spec = dataset.spec
    check_choices(confidence, l2, bootstrap)
    base = reference_index(spec, reference)
    rows = StatisticsRows(dataset, base, l2, resampled=bootstrap is not None)
    try:
        fit = maximise(rows.blocks, spec.n_classes, len(rows.inputs), l2)
    except SeparationError:
        raise rows.separated(dataset.name, "") from None
    to_raw = _to_raw(rows.spec, rows.inputs)
    if bootstrap is None:
        figures = _wald(fit, to_raw, confidence)
    else:
        try:
            fits = resampled(rows, fit, l2, bootstrap, seed, on_progress)
        except SeparationError:
            raise rows.separated(dataset.name, "in a resample ") from None
        figures = _percentiles(fit, fits, to_raw, confidence)
    counts = rows.counts[rows.counts > 0]
    return Statistics(
        _table(rows, base, figures),
        spec.class_names[base],
        confidence,
        rows.n_samples,
        fit.log_likelihood,
        float((counts * np.log(counts / rows.n_samples)).sum()),
        rows.left_out,
        l2,
        bootstrap,
        rows.inflation,
    )


# Figures of the coefficients, ``[n_classes - 1, n_inputs + 1]`` each, the intercept last.
_Figures = dict[str, np.ndarray]


def _wald(fit: Maximum, to_raw: np.ndarray, confidence: float) -> _Figures:
    from scipy.stats import norm

    width = len(to_raw)
    blocks = [slice(first, first + width) for first in range(0, len(fit.covariance), width)]
    variances = [
        np.einsum("ij,jk,ik->i", to_raw, fit.covariance[own, own], to_raw) for own in blocks
    ]
    estimate, error = fit.parameters @ to_raw.T, np.sqrt(variances)
    z, half = estimate / error, norm.isf((1 - confidence) / 2) * error
    return {
        "coefficient": estimate,
        "standard_error": error,
        "z": z,
        "p": 2 * norm.sf(np.abs(z)),
        "low": estimate - half,
        "high": estimate + half,
    }


def _percentiles(fit: Maximum, fits: np.ndarray, to_raw: np.ndarray, confidence: float) -> _Figures:
    raw = fits @ to_raw.T
    low, high = np.quantile(raw, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return {
        "coefficient": fit.parameters @ to_raw.T,
        "standard_error": raw.std(axis=0, ddof=1),
        "low": low,
        "high": high,
    }


def _table(rows: StatisticsRows, base: int, figures: _Figures) -> pd.DataFrame:
    import pandas as pd

    spec = rows.spec
    with np.errstate(over="ignore"):
        odds = {
            "odds_ratio": np.exp(figures["coefficient"]),
            "odds_low": np.exp(figures["low"]),
            "odds_high": np.exp(figures["high"]),
        }
    others = [name for index, name in enumerate(spec.class_names) if index != base]
    inputs = [int(index) for index in rows.inputs]
    columns = [INTERCEPT, *(column_name(spec, index) for index in inputs)]
    features = [INTERCEPT, *(spec.feature_name(index) for index in inputs)]
    return pd.DataFrame(
        {
            "column": np.repeat(columns, len(others)),
            "feature": np.repeat(features, len(others)),
            "class": np.tile(np.array(others, object), len(columns)),
            # The intercept first.
            **{
                name: np.roll(values, 1, axis=1).T.ravel()
                for name, values in (figures | odds).items()
            },
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
