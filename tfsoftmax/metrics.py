"""Figures of quality: sums over examples, never means of batch means. No TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Rows handed to a model at a time: large enough that a call's overhead vanishes, small
# enough (50 MB of float32 at 784 features) not to count in the process's memory.
BLOCK_ROWS = 16384
_CONFIDENCE_RANGES = 15


@dataclass(frozen=True)
class Evaluation:
    """Quality of predictions on one set of rows.

    Attributes:
      confusion: int64 ``[n_classes, n_classes]``; entry ``[i, j]`` counts the rows of
        class i that were taken for class j.
      log_loss: mean cross-entropy, in nats.
      log_loss_error: the mean's standard error; None where it is not known.
      calibration_error: expected calibration error: how far, on average, the probability of
        the predicted class is from how often it is right, over 15 ranges of it (Guo et al.,
        On calibration of modern neural networks, ICML 2017, eq. 3); None where it is not
        known.
      answered: share of rows on which the model did not abstain; None where it never does.
      answered_accuracy: share of those whose class was predicted; None too where there are
        none.

    >>> Evaluation(np.array([[3, 1], [0, 4]]), 0.2).accuracy
    0.875
    """

    confusion: np.ndarray
    log_loss: float
    log_loss_error: float | None = None
    calibration_error: float | None = None
    answered: float | None = None
    answered_accuracy: float | None = None

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of rows whose class was predicted."""
        return float(np.trace(self.confusion) / self.n_samples)

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the classes that have rows of the share of their rows that was found.

        >>> Evaluation(np.array([[3, 1], [0, 2]]), 0.2).balanced_accuracy
        0.875
        """
        rows = self.confusion.sum(axis=1)
        present = rows > 0
        return float(np.mean(np.diag(self.confusion)[present] / rows[present]))

    @property
    def macro_f1(self) -> float:
        """Mean over the classes, present or predicted, of the F1 score,
        ``2 * found / (rows + predictions)``.

        Reference: Opitz and Burst, Macro F1 and macro F1 (2019), eq. 1.

        >>> round(Evaluation(np.array([[3, 1], [0, 2]]), 0.2).macro_f1, 4)
        0.8286
        """
        total = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        present = total > 0
        return float(np.mean(2 * np.diag(self.confusion)[present] / total[present]))

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        predicted: np.ndarray,
        losses: np.ndarray,
        n_classes: int,
        confidences: np.ndarray | None = None,
        reject_below: float | None = None,
    ) -> Evaluation:
        """Tallies per-example results.

        Args:
          labels: true classes, int ``[n_samples]``.
          predicted: predicted classes, int ``[n_samples]``.
          losses: cross-entropies, ``[n_samples]``.
          n_classes: number of classes.
          confidences: probabilities of the predicted classes, ``[n_samples]``.
          reject_below: what they must reach to be an answer; None takes all for answers.
        """
        pairs = np.asarray(labels, np.int64) * n_classes + predicted
        confusion = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
        exact = np.asarray(losses, np.float64)
        error = float(exact.std(ddof=1) / np.sqrt(len(exact))) if len(exact) > 1 else None
        if confidences is None:
            return cls(confusion, float(exact.mean()), error)
        correct = np.asarray(labels) == predicted
        answered, right = _answered(correct, confidences, reject_below)
        calibration = _calibration_error(correct, confidences)
        return cls(confusion, float(exact.mean()), error, calibration, answered, right)

    def largest_confusions(self, count: int) -> list[tuple[int, int, int]]:
        """The most frequent mistakes as (true class, predicted class, rows), worst first.

        >>> Evaluation(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 5]]), 0.2).largest_confusions(9)
        [(1, 0, 2), (0, 1, 1)]
        """
        mistakes = self.confusion - np.diag(np.diag(self.confusion))
        worst = np.argsort(-mistakes, axis=None, kind="stable")[:count]
        pairs = zip(*np.unravel_index(worst, mistakes.shape), strict=True)
        return [(int(i), int(j), int(mistakes[i, j])) for i, j in pairs if mistakes[i, j]]

    def figures(self) -> dict[str, Any]:
        """A JSON-ready dictionary of the single figures."""
        return {
            "n_samples": self.n_samples,
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "log_loss": self.log_loss,
            "log_loss_error": self.log_loss_error,
            "calibration_error": self.calibration_error,
            "answered": self.answered,
            "answered_accuracy": self.answered_accuracy,
        }

    def to_json(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure."""
        return {
            **self.figures(),
            "class_names": list(class_names),
            "confusion_matrix": self.confusion.tolist(),
        }


def evaluate_probabilities(
    probabilities: np.ndarray, labels: np.ndarray, reject_below: float | None = None
) -> Evaluation:
    """The same figures from the probabilities an exported model answered with.

    A probability that float32 rounded to 0 counts as its smallest normal number, so a
    confident mistake costs 87 nats rather than infinity.

    Args:
      probabilities: float ``[n_samples, n_classes]``.
      labels: int ``[n_samples]``.
      reject_below: as for `Evaluation.of`.

    >>> result = evaluate_probabilities(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))
    >>> result.accuracy, round(result.log_loss, 4)
    (1.0, 0.4904)
    """
    chosen = probabilities[np.arange(len(labels)), labels]
    losses = -np.log(np.maximum(chosen, np.finfo(np.float32).tiny))
    return Evaluation.of(
        labels,
        probabilities.argmax(axis=1),
        losses,
        probabilities.shape[1],
        probabilities.max(axis=1),
        reject_below,
    )


def _answered(
    correct: np.ndarray, confidences: np.ndarray, reject_below: float | None
) -> tuple[float | None, float | None]:
    if reject_below is None:
        return None, None
    # In float32, as the graphs compare.
    answered = np.asarray(confidences, np.float32) >= np.float32(reject_below)
    return float(answered.mean()), float(correct[answered].mean()) if answered.any() else None


def _calibration_error(correct: np.ndarray, confidences: np.ndarray) -> float:
    exact = np.asarray(confidences, np.float64)
    # A range ends with its upper bound, as in the definition.
    ranges = np.ceil(exact * _CONFIDENCE_RANGES).astype(np.int64).clip(1, _CONFIDENCE_RANGES)
    gaps = np.bincount(ranges, correct - exact)
    return float(np.abs(gaps).sum() / len(exact))
