"""Precision, recall and F1 score of one class, with their intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

from tfsoftmax.intervals import wilson

_INTERVALS = ("precision_interval", "recall_interval", "f1_interval")


class ClassMetrics(NamedTuple):
    """Metrics of one class.

    Attributes:
      rows: number of rows of the class.
      predicted: number of rows predicted as the class.
      precision: fraction of the predicted rows that are of the class; None if there are none.
      recall: fraction of the class's rows that were predicted as it; None if it has no rows.
      f1: the F1 score, ``2 * correct / (rows + predicted)``, which is the harmonic mean of
        precision and recall; None if both are.
    """

    rows: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None

    @property
    def correct(self) -> int:
        """Number of rows of the class that were predicted as it."""
        return round((self.recall or 0.0) * self.rows)

    @property
    def precision_interval(self) -> tuple[float, float] | None:
        """A 95 % confidence interval of the precision (Wilson)."""
        return wilson(self.correct, self.predicted) if self.predicted else None

    @property
    def recall_interval(self) -> tuple[float, float] | None:
        """A 95 % confidence interval of the recall (Wilson)."""
        return wilson(self.correct, self.rows) if self.rows else None

    @property
    def f1_interval(self) -> tuple[float, float] | None:
        """A 95 % confidence interval of the F1 score.

        The F1 score is ``2 F / (1 + F)``, where F is the share of correct rows among those that
        are of the class or predicted as it. The interval is Wilson's of that share.

        Reference: Hand, Christen and Kirielle, F*: an interpretable transformation of the
        F-measure (Machine Learning 110, 2021), eq. 6.

        >>> [round(bound, 3) for bound in ClassMetrics(90, 80, 0.875, 7 / 9, 0.8235).f1_interval]
        [0.753, 0.877]
        """
        either = self.rows + self.predicted - self.correct
        if not either:
            return None
        low, high = (2 * bound / (1 + bound) for bound in wilson(self.correct, either))
        return low, high

    def to_json(self) -> dict[str, Any]:
        """All figures with their intervals, as a dictionary ready for JSON."""
        intervals = {name: getattr(self, name) for name in _INTERVALS}
        return self._asdict() | {name: found and list(found) for name, found in intervals.items()}
