"""What is kept of each row that a model was asked for, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.errors import DataError
from tfsoftmax.intervals import wilson
from tfsoftmax.metrics import MAX_LOSS, Evaluation, row_metrics
from tfsoftmax.probability_metrics import ClassRanking, ProbabilityMetrics

# Probabilities that are kept, 64 MB of float32; only ROC AUC and average precision need them.
_MOST_PROBABILITIES = 2**24
# Which top-k accuracies are computed, of models with more classes than k.
_TOP = (2, 3, 5, 10)


@dataclass(frozen=True)
class RowScores:
    """A model's answers to rows whose classes are known; all arrays are ``[n_samples]``.

    Attributes:
      labels: true classes, int.
      predicted: predicted classes, int.
      losses: cross-entropies, in nats; of a row without an answer, that of a probability of 0.
      confidences: probabilities of the predicted classes.
      ranks: how many classes the model prefers to the true one, int; 0 where it is right.
      brier: Brier scores, ``sum((probability - is_true_class) ** 2)`` over the classes.
      probabilities: ``[n_samples, n_classes]``; None if there are more than 2^24 numbers.
      class_names: of the model.
      reject_below: probability below which the model abstains; None if it never does.

    >>> scores = RowScores.of([(np.array([[0.5, 0.25, 0.25], [0.2, 0.1, 0.7]]), np.array([0, 0]))],
    ...     ("a", "b", "c"))
    >>> scores.ranks.tolist(), scores.brier.round(3).tolist(), scores.evaluation().accuracy
    ([0, 1], [0.375, 1.14], 0.5)
    """

    labels: np.ndarray
    predicted: np.ndarray
    losses: np.ndarray
    confidences: np.ndarray
    ranks: np.ndarray
    brier: np.ndarray
    probabilities: np.ndarray | None
    class_names: tuple[str, ...]
    reject_below: float | None = None

    @classmethod
    def of(
        cls,
        blocks: Iterable[tuple[np.ndarray, np.ndarray]],
        class_names: Sequence[str],
        reject_below: float | None = None,
    ) -> RowScores:
        """Scores rows block by block.

        Args:
          blocks: pairs of probabilities ``[n, n_classes]`` and labels ``[n]``.
          class_names: of the model.
          reject_below: probability below which the model abstains.

        Raises:
          DataError: if there are no rows.
        """
        rows: list[tuple[np.ndarray, ...]] = []
        kept: list[np.ndarray] = []
        n_kept = 0
        for probabilities, labels in blocks:
            predicted, losses, confidences = row_metrics(probabilities, labels)
            losses = np.where(np.isfinite(losses), losses, MAX_LOSS)
            figures = _ranks(probabilities, labels), _brier(probabilities, labels)
            rows.append((labels, predicted, losses, confidences, *figures))
            n_kept += probabilities.size
            kept.append(probabilities)
            if n_kept > _MOST_PROBABILITIES:
                kept.clear()
        if not sum(len(block[0]) for block in rows):
            raise DataError("there are no rows to measure the model on")
        labels, predicted, losses, confidences, ranks, brier = map(
            np.concatenate, zip(*rows, strict=True)
        )
        return cls(
            labels,
            predicted,
            losses,
            confidences,
            ranks,
            brier,
            None if n_kept > _MOST_PROBABILITIES else np.concatenate(kept),
            tuple(class_names),
            reject_below,
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        correct = np.mean(self.correct)
        return (
            f"RowScores({len(self):,} rows, {len(self.class_names):,} classes, "
            f"accuracy {correct:.4f})"
        )

    @property
    def correct(self) -> np.ndarray:
        """Whether each row's class was predicted, bool ``[n_samples]``."""
        right: np.ndarray = self.labels == self.predicted
        return right

    def evaluation(self) -> Evaluation:
        """All metrics of the rows.

        Raises:
          DataError: naming the first row whose loss is not finite, if the model never abstains.
        """
        return Evaluation.of(
            self.labels,
            self.predicted,
            self.losses,
            len(self.class_names),
            self.confidences,
            self.reject_below,
            self.probability_metrics(),
        )

    def probability_metrics(self) -> ProbabilityMetrics:
        """The metrics that need the probabilities of all classes."""
        n_classes = len(self.class_names)
        top = {k: float(np.mean(self.ranks < k)) for k in _TOP if k < n_classes}
        # As scikit-learn has it: of two classes, whose errors are the same, one counts.
        brier = float(self.brier.mean()) / (2 if n_classes == 2 else 1)
        if self.probabilities is None:
            return ProbabilityMetrics(top, brier)
        return ProbabilityMetrics(top, brier, class_rankings(self.probabilities, self.labels))

    def by(self, values: Sequence[Any] | np.ndarray) -> list[Slice]:
        """Accuracy and log-loss of the rows of each value, in the order of the values.

        Args:
          values: what to group the rows by, one for each row.

        Raises:
          DataError: if there are not as many values as rows.

        >>> scores = RowScores.of([(np.array([[0.6, 0.4], [0.5, 0.5]]), np.array([0, 1]))], "ab")
        >>> [(found.value, found.rows, found.accuracy) for found in scores.by(["x", "y"])]
        [('x', 1, 1.0), ('y', 1, 0.0)]
        """
        if len(values) != len(self):
            raise DataError(f"{len(self):,} rows but {len(values):,} values; each row needs one")
        names, groups = np.unique(np.asarray(values), return_inverse=True)
        rows = np.bincount(groups)
        correct = np.bincount(groups, self.correct).astype(int)
        losses = np.bincount(groups, self.losses) / rows
        figures = (each.tolist() for each in (names, rows, correct, losses))
        return [Slice(*found) for found in zip(*figures, strict=True)]

    def take(self, indices: np.ndarray) -> RowScores:
        """Selects rows by index."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        chosen = {
            name: part[indices] if isinstance(part, np.ndarray) else part
            for name, part in parts.items()
        }
        return RowScores(**chosen)


class Slice(NamedTuple):
    """Rows that have one value in common.

    Attributes:
      value: the value.
      rows: number of rows.
      correct: number of rows whose class was predicted.
      log_loss: mean cross-entropy, in nats.
    """

    value: Any
    rows: int
    correct: int
    log_loss: float

    @property
    def accuracy(self) -> float:
        """Fraction of rows whose class was predicted."""
        return self.correct / self.rows

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """A 95 % confidence interval of the accuracy (Wilson)."""
        return wilson(self.correct, self.rows)

    def to_json(self) -> dict[str, Any]:
        """All figures, as a dictionary ready for JSON."""
        interval = list(self.accuracy_interval)
        return {**self._asdict(), "accuracy": self.accuracy, "accuracy_interval": interval}


def class_rankings(probabilities: np.ndarray, labels: np.ndarray) -> list[ClassRanking]:
    """ROC AUC and average precision of each class against the rest, by scikit-learn.

    Args:
      probabilities: ``[n_samples, n_classes]``; one that is not a number counts as 0.
      labels: ``[n_samples]``.

    >>> class_rankings(np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([0, 1]))
    [ClassRanking(roc_auc=1.0, average_precision=1.0), ClassRanking(roc_auc=1.0, ...)]
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    numbers = np.nan_to_num(probabilities)
    found = []
    for index, column in enumerate(numbers.T):
        of_class = labels == index
        if not of_class.any() or of_class.all():
            found.append(ClassRanking(None, None))
            continue
        area = float(roc_auc_score(of_class, column))
        found.append(ClassRanking(area, float(average_precision_score(of_class, column))))
    return found


def _ranks(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes are preferred to the true one; of equal ones the first, as in argmax."""
    numbers = np.where(np.isnan(probabilities), -1.0, probabilities)
    of_true = numbers[np.arange(len(labels)), labels][:, None]
    before = np.arange(numbers.shape[1]) < labels[:, None]
    ranks: np.ndarray = ((numbers > of_true) | ((numbers == of_true) & before)).sum(axis=1)
    # A row without an answer has no class among its best.
    return np.where(np.isnan(probabilities).any(axis=1), numbers.shape[1], ranks)


def _brier(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The Brier score of each row.

    Reference: Brier, Verification of forecasts expressed in terms of probability (Monthly Weather
    Review 78, 1950), eq. 2.
    """
    numbers = np.nan_to_num(probabilities)
    squares = np.einsum("ij,ij->i", numbers, numbers, dtype=np.float64)
    of_true = numbers[np.arange(len(labels)), labels].astype(np.float64)
    scores: np.ndarray = squares - 2 * of_true + 1
    return scores
