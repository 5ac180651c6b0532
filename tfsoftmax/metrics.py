"""Figures of quality: sums over examples, never means of batch means. No TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import scipy.sparse

# Rows handed to a model at a time: enough that a call's overhead vanishes, and few enough, with
# their features and with a figure for each class, not to count in the process's memory: at most
# 64 MB of float32 of either.
_BLOCK_ROWS, _BLOCK_NUMBERS = 16384, 2**24
_CONFIDENCE_RANGES = 15
# A confusion matrix of more classes is kept as the entries that are not 0: 20,000 classes would
# take 3.2 GB.
_DENSE_CLASSES = 1024
# What a probability costs that float32 rounds to 0: as its smallest normal number.
_LARGEST_LOSS = -float(np.log(np.finfo(np.float32).tiny))


def rows_per_block(spec: Spec) -> int:
    """How many rows to hand to a model at a time.

    >>> [rows_per_block(Spec((2,), "float32", ("x",) * n)) for n in (10, 20_000)]
    [16384, 838]
    """
    width = max(spec.n_features, spec.n_classes)
    return max(1, min(_BLOCK_ROWS, _BLOCK_NUMBERS // width))


@dataclass(frozen=True)
class Evaluation:
    """Quality of predictions on one set of rows.

    Attributes:
      confusion: int64 ``[n_classes, n_classes]``; entry ``[i, j]`` counts the rows of
        class i that were taken for class j. An array, and for more than 1,024 classes a
        `scipy.sparse.csr_array`.
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

    confusion: np.ndarray | scipy.sparse.csr_array
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
        return float(self.confusion.trace() / self.n_samples)

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the classes that have rows of the share of their rows that was found.

        >>> Evaluation(np.array([[3, 1], [0, 2]]), 0.2).balanced_accuracy
        0.875
        """
        rows = self.confusion.sum(axis=1)
        present = rows > 0
        return float(np.mean(self.confusion.diagonal()[present] / rows[present]))

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
        return float(np.mean(2 * self.confusion.diagonal()[present] / total[present]))

    @property
    def baseline_accuracy(self) -> float:
        """The accuracy of always answering these rows' most frequent class.

        >>> Evaluation(np.array([[3, 1], [0, 2]]), 0.2).baseline_accuracy
        0.6666666666666666
        """
        return float(self.confusion.sum(axis=1).max() / self.n_samples)

    @property
    def baseline_log_loss(self) -> float:
        """The log-loss of always answering each class's share of these rows, in nats.

        No answer that is the same for all rows has a lower one: it is the entropy of the shares.

        >>> round(Evaluation(np.array([[3, 0], [1, 2]]), 0.2).baseline_log_loss, 4)
        0.6931
        """
        rows = self.confusion.sum(axis=1)
        shares = rows[rows > 0] / self.n_samples
        return float(-np.sum(shares * np.log(shares)))

    def per_class(self) -> list[ClassFigures]:
        """Precision, recall and F1 of each class, in the classes' order.

        >>> Evaluation(np.array([[3, 1], [0, 0]]), 0.2).per_class()[1]
        ClassFigures(rows=0, predicted=1, precision=0.0, recall=None, f1=0.0)
        """
        true, found = self.confusion.sum(axis=1), self.confusion.diagonal()
        predicted = self.confusion.sum(axis=0)
        return [
            ClassFigures(r, p, _share(f, p), _share(f, r), _share(2 * f, r + p))
            for r, p, f in zip(true.tolist(), predicted.tolist(), found.tolist(), strict=True)
        ]

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
          reject_below: what they must reach to be an answer; None takes all for answers. A row
            without an answer, whose loss is not finite, then costs what a probability of 0 does.

        Raises:
          DataError: naming a row without an answer, if all must have one.
        """
        confusion = _confusion(np.asarray(labels, np.int64), np.asarray(predicted), n_classes)
        exact = np.asarray(losses, np.float64)
        finite = np.isfinite(exact)
        if not finite.all():
            if reject_below is None:
                raise DataError(
                    f"row {int(np.argmin(finite))}: there is no answer, because its scores are "
                    "beyond float32's numbers: correct its features, or leave it out"
                )
            exact = np.where(finite, exact, _LARGEST_LOSS)
        error = float(exact.std(ddof=1) / np.sqrt(len(exact))) if len(exact) > 1 else None
        if confidences is None:
            return cls(confusion, float(exact.mean()), error)
        correct = np.asarray(labels) == predicted
        answered, right = _answered(correct, confidences, reject_below)
        calibration = _calibration_error(correct, np.nan_to_num(confidences))
        return cls(confusion, float(exact.mean()), error, calibration, answered, right)

    def largest_confusions(self, count: int) -> list[tuple[int, int, int]]:
        """The most frequent mistakes as (true class, predicted class, rows), worst first.

        >>> Evaluation(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 5]]), 0.2).largest_confusions(9)
        [(1, 0, 2), (0, 1, 1)]
        """
        import scipy.sparse

        counts = scipy.sparse.coo_array(self.confusion)
        wrong = (counts.row != counts.col) & (counts.data > 0)
        pairs = np.column_stack([counts.row[wrong], counts.col[wrong], counts.data[wrong]])
        worst = np.argsort(-pairs[:, 2], kind="stable")[:count]
        return [(i, j, rows) for i, j, rows in pairs[worst].tolist()]

    def figures(self) -> dict[str, Any]:
        """A JSON-ready dictionary of the single figures."""
        return {
            "n_samples": self.n_samples,
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "baseline_accuracy": self.baseline_accuracy,
            "baseline_log_loss": self.baseline_log_loss,
            "log_loss": self.log_loss,
            "log_loss_error": self.log_loss_error,
            "calibration_error": self.calibration_error,
            "answered": self.answered,
            "answered_accuracy": self.answered_accuracy,
        }

    def to_json(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure.

        Of more than 1,024 classes it has ``confusions`` instead of ``confusion_matrix``: a list
        of true class, predicted class and rows.
        """
        figures = {
            **self.figures(),
            "class_names": list(class_names),
            "classes": [figures._asdict() for figures in self.per_class()],
        }
        if isinstance(self.confusion, np.ndarray):
            return {**figures, "confusion_matrix": self.confusion.tolist()}
        counts = self.confusion.tocoo()
        pairs = np.column_stack([counts.row, counts.col, counts.data])
        return {**figures, "confusions": pairs.tolist()}


class ClassFigures(NamedTuple):
    """How well one class is found.

    Attributes:
      rows: of the class.
      predicted: rows that were taken for it.
      precision: share of those that are of the class; None where there are none.
      recall: share of the class's rows that were taken for it; None where it has none.
      f1: ``2 * found / (rows + predicted)``, the harmonic mean of both.
    """

    rows: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


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
    predicted, losses, confidences = score_rows(probabilities, labels)
    n_classes = probabilities.shape[1]
    return Evaluation.of(labels, predicted, losses, n_classes, confidences, reject_below)


def score_rows(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `Evaluation.of` tallies, of some rows: predicted classes, losses, confidences.

    Args:
      probabilities: float ``[n_samples, n_classes]``.
      labels: int ``[n_samples]``.
    """
    chosen = probabilities[np.arange(len(labels)), labels]
    losses = -np.log(np.maximum(chosen, np.finfo(np.float32).tiny))
    return probabilities.argmax(axis=1), losses, probabilities.max(axis=1)


def _confusion(
    labels: np.ndarray, predicted: np.ndarray, n_classes: int
) -> np.ndarray | scipy.sparse.csr_array:
    if n_classes <= _DENSE_CLASSES:
        pairs = labels * n_classes + predicted
        return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    import scipy.sparse

    ones = np.ones(len(labels), np.int64)
    # Entries of the same place are added up.
    counts = scipy.sparse.coo_array((ones, (labels, predicted)), (n_classes, n_classes)).tocsr()
    counts.sort_indices()
    return counts


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


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
