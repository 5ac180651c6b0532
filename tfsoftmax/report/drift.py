"""Whether new rows are distributed as the rows that a model was trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfsoftmax.data.column_profile import ColumnProfile
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.profile import Profile
from tfsoftmax.errors import DataError, ModelError
from tfsoftmax.prediction import RowClassifier

# What banks take for a moderate and for a large difference (Siddiqi, 2006).
MODERATE, LARGE = 0.1, 0.25
_SIGNIFICANT = 0.05
# The logarithm of an empty bin's share is infinite; it counts as this one.
_LEAST_SHARE = 1e-4
# The chi-squared distribution suits counts of which none is expected to be smaller (Cochran, 1954).
_LEAST_EXPECTED = 1.0


@dataclass(frozen=True)
class Bin:
    """The shares of rows, then and now, that have a category or a number of a range."""

    name: str
    then: float
    now: float


@dataclass(frozen=True)
class ColumnDrift:
    """A column in the training rows and in new rows; pairs are of these two.

    Attributes:
      name: of the column.
      psi: population stability index.
      p: of the chi-squared test that both have the same distribution.
      missing: shares of rows without a value.
      unknown: shares of rows with a category that the model does not know.
      bins: the shares of rows with other values.
    """

    name: str
    psi: float
    p: float
    missing: tuple[float, float]
    unknown: tuple[float, float]
    bins: tuple[Bin, ...]

    @classmethod
    def between(cls, then: ColumnProfile, now: ColumnProfile) -> ColumnDrift:
        """Compares a column in two sets of rows."""
        counts = np.array([[each.missing, each.unknown, *each.counts] for each in (then, now)])
        shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).T.tolist()
        missing, unknown, *others = map(tuple, shares)
        bins = tuple(Bin(name, *each) for name, each in zip(then.bins, others, strict=True))
        return cls(then.name, psi(*counts), _p(counts), missing, unknown, bins)


@dataclass(frozen=True)
class Drift:
    """New rows beside the rows that a model was trained on.

    Attributes:
      n_samples: training rows that were kept count of, and new rows.
      columns: those that differ most first.
      predicted: the predicted classes.
      left_out: columns of the table that no count was kept of.
    """

    n_samples: tuple[int, int]
    columns: tuple[ColumnDrift, ...]
    predicted: ColumnDrift
    left_out: int = 0

    @classmethod
    def between(cls, then: Profile, now: Profile) -> Drift:
        """Compares two sets of rows that were counted in the same bins.

        Raises:
          DataError: if there are no new rows.
        """
        if not now.n_samples:
            raise DataError("there are no rows to compare with the training rows")
        columns = [
            ColumnDrift.between(*pair) for pair in zip(then.columns, now.columns, strict=True)
        ]
        return cls(
            (then.n_samples, now.n_samples),
            tuple(sorted(columns, key=lambda column: -column.psi)),
            ColumnDrift.between(then.predicted, now.predicted),
            then.left_out,
        )

    def differs(self, column: ColumnDrift, least: float = MODERATE) -> bool:
        """Whether a column's index is at least so large, and not by chance alone.

        Few rows have large indices by chance, so p must be below 0.05 divided by the number of
        tests (Bonferroni's correction).
        """
        return column.psi >= least and column.p < _SIGNIFICANT / (len(self.columns) + 1)

    @property
    def verdict(self) -> str:
        """What these rows show, in a sentence."""
        found = [column for column in self.columns if self.differs(column)]
        classes = self.differs(self.predicted)
        if not found and not classes:
            count = self.n_samples[1]
            rows = "this one row shows" if count == 1 else f"these {count:,} rows show"
            return f"No drift that {rows}: no PSI is {MODERATE} or more beyond what chance may do."
        predicted = f"the predicted classes {'differ' if classes else 'do not differ'}"
        if classes:
            predicted += f" (PSI {self.predicted.psi:.2f})"
        if not found:
            return f"Drift: no column differs from the training rows, but {predicted}."
        large = sum(self.differs(column, LARGE) for column in found)
        return (
            f"Drift: {len(found):,} of {len(self.columns):,} columns differ from the training "
            f"rows, {large:,} of them with a PSI of {LARGE} or more; {found[0].name} differs most "
            f"(PSI {found[0].psi:.2f}); {predicted}."
        )

    def to_json(self) -> dict[str, Any]:
        """All figures, as a dictionary ready for JSON."""
        return {**asdict(self), "verdict": self.verdict}


def drift(model: RowClassifier, rows: Any, profile: Profile | None = None) -> Drift:
    """Compares new rows with those that a model was trained on; their labels are not needed.

    Args:
      model: as `fit` returned it, or loaded from a SavedModel.
      rows: as `RowClassifier.predict_proba` takes them.
      profile: of the training rows; None is the one that was kept with the model.

    Raises:
      DataError: if there are no rows, or they are not as the model takes them.
      ModelError: if the model has no profile, or takes other columns.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model, _ = tfsoftmax.fit(dataset, tfsoftmax.Recipe(epochs=5))
    >>> drift(model, dataset.test).verdict
    'No drift that these 360 rows show: no PSI is 0.1 or more beyond what chance may do.'
    >>> drift(model, dataset.test.features // 2).columns[0].name
    'brightness'
    """
    if profile is None:
        profile = getattr(model, "profile", None)
    if profile is None:
        profile = profile_of(getattr(model, "description", {}), "the model")
    return Drift.between(profile, count_rows(model, rows, profile))


def count_rows(
    model: RowClassifier,
    rows: Any,
    profile: Profile,
    *,
    where: str = "rows",
    first_row: int = 0,
) -> Profile:
    """Counts rows, and what a model predicts for them, in the bins of a profile.

    Arguments are otherwise as for `RowClassifier.predict_proba`.
    """
    features = rows_for(model.spec, rows, where, first_row)
    probabilities = model.predict_proba(features, where=where, first_row=first_row)
    predicted = probabilities.argmax(axis=1)
    predicted[np.isnan(probabilities).any(axis=1)] = -1
    return profile.count(model.spec, features, predicted)


def profile_of(description: Any, where: str) -> Profile:
    """The profile in a model's record.

    Args:
      description: the content of ``tfsoftmax.json``, or a part of it.
      where: what to call the model in an error.

    Raises:
      ModelError: if there is none, or it is damaged.
    """
    found = description.get("profile")
    if not found:
        raise ModelError(
            f"{where}: no counts of its training rows were kept with it, as is so of models that "
            "were converted, made by partial_fit or made by an earlier version; train it with "
            "tfsoftmax train, tfsoftmax.fit or SoftmaxClassifier.fit to compare rows with them"
        )
    try:
        return Profile.from_json(found)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{where}: the counts of its training rows are damaged ({type(error).__name__}: "
            f"{error}); train it again"
        ) from error


def psi(then: np.ndarray, now: np.ndarray) -> float:
    """The population stability index of counts in the same bins.

    It is the sum of ``(q - p) log(q / p)`` over the bins, p and q being the shares of the rows;
    shares below 0.0001 count as that. By chance alone it is about ``(bins - 1) (1 / n + 1 / m)``
    for n and m rows (Yurdakul and Naranjo, 2020).

    References: Siddiqi, Credit Risk Scorecards (2006), which has the limits 0.1 and 0.25 that are
    in use; Kullback and Leibler, On information and sufficiency (Annals of Mathematical
    Statistics 22, 1951), eq. 2.6, whose divergence J it is.

    >>> round(psi(np.array([50, 50]), np.array([25, 75])), 4)
    0.2747
    """
    p, q = (np.maximum(each / max(each.sum(), 1), _LEAST_SHARE) for each in (then, now))
    return float(np.sum((q - p) * np.log(q / p)))


def _p(counts: np.ndarray) -> float:
    """The chi-squared test of homogeneity: its p, of counts ``[2, bins]``.

    Bins that expect less than one row are put together: the distribution would not hold for them.
    """
    from scipy.stats import chi2_contingency

    totals = counts.sum(axis=0)
    expected = totals * counts.sum(axis=1).min() / max(counts.sum(), 1)
    small = expected < _LEAST_EXPECTED
    kept = np.column_stack([counts[:, ~small], counts[:, small].sum(axis=1)])
    kept = kept[:, kept.sum(axis=0) > 0]
    if kept.shape[1] < 2 or not kept.sum(axis=1).all():
        return 1.0
    return float(chi2_contingency(kept, correction=False).pvalue)
