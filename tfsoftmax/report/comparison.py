"""Whether one model is better than another on the same rows, or chance alone may make it so."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.errors import DataError
from tfsoftmax.intervals import Z
from tfsoftmax.row_scores import RowScores

if TYPE_CHECKING:
    import pandas as pd

_SIGNIFICANT = 0.05
# Log-losses closer than this are printed as the same.
_SAME_LOSS = 5e-5


@dataclass(frozen=True)
class Comparison:
    """Two models, A and B, on the same rows. Differences are B's figure less A's.

    Attributes:
      n_samples: number of rows.
      accuracy: of A and of B.
      log_loss: of A and of B, in nats.
      accuracy_interval: 95 % confidence interval of the difference in accuracy.
      log_loss_interval: 95 % confidence interval of the difference in log-loss; None of one row.
      only_a: rows that A alone has right.
      only_b: rows that B alone has right.
      differing: rows for which they predict different classes.
      p: of McNemar's test, exact and two-sided: how probable it is that `only_a` and `only_b` are
        at least so far apart if both models are right equally often.
    """

    n_samples: int
    accuracy: tuple[float, float]
    log_loss: tuple[float, float]
    accuracy_interval: tuple[float, float]
    log_loss_interval: tuple[float, float] | None
    only_a: int
    only_b: int
    differing: int
    p: float

    @property
    def accuracy_difference(self) -> float:
        """By how much B's accuracy is higher."""
        return (self.only_b - self.only_a) / self.n_samples

    @property
    def log_loss_difference(self) -> float:
        """By how much B's log-loss is higher, in nats."""
        return self.log_loss[1] - self.log_loss[0]

    @property
    def verdict(self) -> str:
        """What these rows show, in a sentence."""
        by_accuracy = np.sign(self.accuracy_difference) if self.p < _SIGNIFICANT else 0
        low, high = self.log_loss_interval or (0.0, 0.0)
        if not self.differing:
            return self._verdict_of_the_same_classes(low, high)
        by_log_loss = -np.sign(self.log_loss_difference) if low > 0 or high < 0 else 0
        said = [
            f"accuracy is {_apart(self.accuracy_difference)} (p {self.p:.2g})",
            f"log-loss is {_apart(self.log_loss_difference)}",
        ]
        found = {by_accuracy, by_log_loss} - {0}
        if not found:
            return (
                f"No difference that these {self.n_samples:,} rows show: B's {said[0]} and its "
                f"{said[1]}, which chance alone may do."
            )
        if len(found) == 2:
            more_right, surer = ("B", "A") if by_accuracy > 0 else ("A", "B")
            return (
                f"{more_right} is right more often, but {surer} has the better probabilities: B's "
                f"{said[0]} and its {said[1]}."
            )
        better = "B" if found == {1} else "A"
        if by_accuracy and by_log_loss:
            return f"{better} is better: B's {said[0]} and its {said[1]}."
        first, second = said if by_accuracy else said[::-1]
        return f"{better} is better: B's {first}; that its {second} may be chance alone."

    def _verdict_of_the_same_classes(self, low: float, high: float) -> str:
        rows, apart = f"every row ({self.n_samples:,} of them)", self.log_loss_difference
        if max(map(abs, (apart, low, high))) < _SAME_LOSS:
            return (
                f"A and B answer the same on {rows}: the same class, and the same log-loss to four "
                "digits."
            )
        said = f"Both predict the same class for {rows}; B's log-loss is {_apart(apart)}, "
        if low > 0 or high < 0:
            return said + f"so {'A' if apart > 0 else 'B'} has the better probabilities."
        return said + "which chance alone may do."

    def to_json(self) -> dict[str, Any]:
        """All figures, as a dictionary ready for JSON."""
        return {
            **asdict(self),
            "accuracy_difference": self.accuracy_difference,
            "log_loss_difference": self.log_loss_difference,
            "verdict": self.verdict,
        }


def compare(a: RowScores, b: RowScores) -> Comparison:
    """Compares two models on the same rows.

    Rows are compared one by one, which tells far smaller differences from chance than two
    intervals beside each other do. The interval of the difference in accuracy is Wald's with half
    a row added to each of the four cells (right or wrong, A and B); that of the difference in
    log-loss is Student's of the rows' differences.

    References: McNemar, Note on the sampling error of the difference between correlated
    proportions (Psychometrika 12, 1947); Agresti and Min, Simple improved confidence intervals
    for comparing matched proportions (Statistics in Medicine 24, 2005), section 2.3.

    Args:
      a: what `score_rows`, or a loaded model's `score`, returned for some rows.
      b: the same of another model, for the same rows.

    Raises:
      DataError: if they are not of the same rows.

    >>> labels, right = np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> a, b = (RowScores.of([(p, labels)], ("no", "yes")) for p in (right[:, ::-1], right))
    >>> found = compare(a, b)
    >>> found.accuracy, found.only_b, found.p
    ((0.0, 1.0), 3, 0.25)
    """
    from scipy.stats import binomtest

    _check_same(a, b)
    n = len(a)
    only_a, only_b = (int(np.sum(x.correct & ~y.correct)) for x, y in ((a, b), (b, a)))
    disagreements = only_a + only_b
    p = float(binomtest(only_a, disagreements).pvalue) if disagreements else 1.0
    return Comparison(
        n_samples=n,
        accuracy=(float(a.correct.mean()), float(b.correct.mean())),
        log_loss=(float(a.losses.mean()), float(b.losses.mean())),
        accuracy_interval=_accuracy_interval(only_a, only_b, n),
        log_loss_interval=_mean_interval(b.losses - a.losses),
        only_a=only_a,
        only_b=only_b,
        differing=len(differing_rows(a, b)),
        p=p,
    )


def differing_rows(a: RowScores, b: RowScores) -> pd.DataFrame:
    """The rows for which two models predict different classes.

    Returns:
      A frame with the columns ``row`` (from 1, among the rows that both were asked for),
      ``class``, ``a`` and ``b`` (what they predict), ``a_probability`` and ``b_probability``
      (of what they predict).
    """
    import pandas as pd

    of_a, of_b = (_names(scores, scores.predicted) for scores in (a, b))
    rows = np.flatnonzero(of_a != of_b)
    return pd.DataFrame(
        {
            "row": rows + 1,
            "class": _names(a, a.labels)[rows],
            "a": of_a[rows],
            "b": of_b[rows],
            "a_probability": a.confidences[rows].astype(float),
            "b_probability": b.confidences[rows].astype(float),
        }
    )


def _check_same(a: RowScores, b: RowScores) -> None:
    if len(a) != len(b):
        raise DataError(
            f"A was asked for {len(a):,} rows, B for {len(b):,}; compare them on the same rows"
        )
    differ = _names(a, a.labels) != _names(b, b.labels)
    if differ.any():
        row = int(np.argmax(differ))
        raise DataError(
            f"row {row + 1} is of class {_names(a, a.labels)[row]!r} for A and of class "
            f"{_names(b, b.labels)[row]!r} for B; compare them on the same rows"
        )


def _names(scores: RowScores, codes: np.ndarray) -> np.ndarray:
    return np.array(scores.class_names, object)[codes]


def _accuracy_interval(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    total = n + 2
    apart, either = (only_b - only_a) / total, (only_a + only_b + 1) / total
    half = Z * np.sqrt((either - apart**2) / total)
    return max(-1.0, float(apart - half)), min(1.0, float(apart + half))


def _mean_interval(differences: np.ndarray) -> tuple[float, float] | None:
    from scipy.stats import t

    n = len(differences)
    if n < 2:
        return None
    mean, error = float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(n))
    half = float(t.ppf(0.975, n - 1)) * error
    return mean - half, mean + half


def _apart(difference: float) -> str:
    if difference == 0:
        return "the same"
    return f"{abs(difference):.4f} {'higher' if difference > 0 else 'lower'}"
