"""Metrics that need the probabilities of all classes, as they are kept and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class ClassRanking(NamedTuple):
    """How well a class's probability tells its rows from all others.

    Attributes:
      roc_auc: area under the ROC curve; None if no row, or every row, is of the class.
      average_precision: mean of the precisions at each threshold, weighted by the increase in
        recall, as `sklearn.metrics.average_precision_score` has it; None as before.
    """

    roc_auc: float | None
    average_precision: float | None


@dataclass(frozen=True)
class ProbabilityMetrics:
    """Metrics that need the probabilities of all classes.

    Attributes:
      top_k: for several k, the fraction of rows whose class is among the k most probable ones.
      brier_score: mean squared error of the probabilities, summed over the classes, from 0 to 2;
        of two classes one counts, so from 0 to 1, as `sklearn.metrics.brier_score_loss` has it.
      classes: ROC AUC and average precision of each class against all others; None if there are
        more than 2^24 probabilities.
    """

    top_k: dict[int, float]
    brier_score: float
    classes: list[ClassRanking] | None = None

    @property
    def roc_auc(self) -> float | None:
        """Mean of the classes' areas under their ROC curves, each against the rest.

        None if it is not known, or no class has one.
        """
        return self._mean("roc_auc")

    @property
    def average_precision(self) -> float | None:
        """Mean of the classes' average precisions, each against the rest; None as for `roc_auc`."""
        return self._mean("average_precision")

    def _mean(self, name: str) -> float | None:
        known = [getattr(one, name) for one in self.classes or () if one.roc_auc is not None]
        return float(np.mean(known)) if known else None

    def figures(self) -> dict[str, Any]:
        """All metrics but those of single classes, as a dictionary ready for JSON."""
        return {
            "top_k": {str(k): share for k, share in self.top_k.items()},
            "brier_score": self.brier_score,
            "roc_auc": self.roc_auc,
            "average_precision": self.average_precision,
        }
