"""Metrics of predictions, computed from per-row results; no TensorFlow is needed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.class_metrics import ClassMetrics
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.intervals import wilson
from tfsoftmax.probability_metrics import ProbabilityMetrics
from tfsoftmax.system.html import html_table

if TYPE_CHECKING:
    import scipy.sparse

# Blocks of rows that a model predicts at a time: large enough that the overhead of a call does
# not matter, small enough that features and probabilities take at most 64 MB of float32 each.
_MAX_BLOCK_ROWS = 16384
_MAX_BLOCK_NUMBERS = 2**24
_CALIBRATION_BINS = 15
# A confusion matrix of more classes is not plotted, or without its counts.
_MOST_PLOTTED, _MOST_COUNTS = 100, 26
# With more classes the confusion matrix is sparse: a dense one of 20,000 classes takes 3.2 GB.
_MAX_DENSE_CLASSES = 1024
# The loss, in nats, of a probability that float32 rounds to 0; computed from its smallest normal
# number.
MAX_LOSS = -float(np.log(np.finfo(np.float32).tiny))


def rows_per_block(*widths: int) -> int:
    """The number of rows that a model should predict at a time.

    Args:
      *widths: how many numbers of a row are in memory at once, such as features and classes.

    >>> rows_per_block(2, 10), rows_per_block(2, 20_000)
    (16384, 838)
    """
    return max(1, min(_MAX_BLOCK_ROWS, _MAX_BLOCK_NUMBERS // max(widths)))


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Metrics of a model's predictions on one set of rows.

    Attributes:
      confusion: int64 ``[n_classes, n_classes]``; entry ``[i, j]`` counts the rows of
        class i that were predicted as class j. A NumPy array; a `scipy.sparse.csr_array` if
        there are more than 1,024 classes.
      log_loss: mean cross-entropy, in nats.
      log_loss_error: standard error of `log_loss`, in nats; None if it is not known.
      calibration_error: expected calibration error in 15 bins, the mean gap between the
        probability of the predicted class and the accuracy (Guo et al., On calibration of
        modern neural networks, ICML 2017, eq. 3); None if it is not known.
      answered: fraction of rows on which the model did not abstain; None if it never abstains.
      answered_accuracy: accuracy on those rows; None if there are none.
      of_probabilities: metrics that need the probabilities of all classes; None if they were not
        asked for.

    >>> Evaluation(np.array([[3, 1], [0, 4]]), 0.2).accuracy
    0.875
    """

    confusion: np.ndarray | scipy.sparse.csr_array
    log_loss: float
    log_loss_error: float | None = None
    calibration_error: float | None = None
    answered: float | None = None
    answered_accuracy: float | None = None
    of_probabilities: ProbabilityMetrics | None = None

    def __repr__(self) -> str:
        return (
            f"Evaluation(accuracy {self.accuracy:.4f}, log-loss {self.log_loss:.4f}; "
            f"{self.n_samples:,} rows, {self.confusion.shape[0]:,} classes)"
        )

    def _repr_html_(self) -> str:
        low, high = self.accuracy_interval
        found = [
            ("accuracy", f"{self.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f})"),
            ("of the most frequent class", f"{self.baseline_accuracy:.4f}"),
            ("log-loss", f"{self.log_loss:.4f}"),
            ("of the classes' shares", f"{self.baseline_log_loss:.4f}"),
            ("balanced accuracy", f"{self.balanced_accuracy:.4f}"),
            ("macro F1", f"{self.macro_f1:.4f}"),
        ]
        more = self.of_probabilities
        if more and more.roc_auc is not None:
            found.append(("ROC AUC", f"{more.roc_auc:.4f}"))
        if more:
            found.append(("Brier score", f"{more.brier_score:.4f}"))
        return html_table(f"{self.n_samples:,} rows", found)

    def plot_confusion(self, class_names: Sequence[str] | None = None) -> Any:
        """Plots the confusion matrix; the colour is the share of a true class's rows.

        Args:
          class_names: to label rows and columns with; None numbers them from 0.

        Returns:
          The matplotlib axes.

        Raises:
          UsageError: if there are more than 100 classes, or matplotlib is not installed.
        """
        from tfsoftmax.system.figures import new_axes

        n_classes = self.confusion.shape[0]
        if n_classes > _MOST_PLOTTED:
            raise UsageError(
                f"a confusion matrix of {n_classes:,} classes cannot be read; "
                "largest_confusions() lists the most frequent mistakes"
            )
        counts = np.asarray(self.confusion)
        side = 2.4 + 0.42 * min(n_classes, 24)
        axes = new_axes(size=(side, side))
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        names = list(class_names) if class_names else [str(k) for k in range(n_classes)]
        axes.set_xticks(range(n_classes), names, rotation=90)
        axes.set_yticks(range(n_classes), names)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        if n_classes <= _MOST_COUNTS:
            for (row, column), count in np.ndenumerate(counts):
                color = "white" if shares[row, column] > 0.5 else "black"
                text = {"ha": "center", "va": "center", "fontsize": 8, "color": color}
                axes.text(column, row, f"{count:,}", **text)
        return axes

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Fraction of rows whose class was predicted correctly."""
        return float(self.confusion.trace() / self.n_samples)

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """A 95 % confidence interval of the accuracy (Wilson)."""
        return wilson(int(self.confusion.trace()), self.n_samples)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have rows.

        >>> Evaluation(np.array([[3, 1], [0, 2]]), 0.2).balanced_accuracy
        0.875
        """
        rows = self.confusion.sum(axis=1)
        present = rows > 0
        return float(np.mean(self.confusion.diagonal()[present] / rows[present]))

    @property
    def macro_f1(self) -> float:
        """Mean F1 score of the classes that have rows or are predicted.

        The F1 score of a class is ``2 * correct / (rows + predicted)``.

        Reference: Opitz and Burst, Macro F1 and macro F1 (2019), eq. 1.

        >>> round(Evaluation(np.array([[3, 1], [0, 2]]), 0.2).macro_f1, 4)
        0.8286
        """
        total = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        present = total > 0
        return float(np.mean(2 * self.confusion.diagonal()[present] / total[present]))

    @property
    def baseline_accuracy(self) -> float:
        """The accuracy of always predicting the most frequent class of these rows.

        >>> Evaluation(np.array([[3, 1], [0, 2]]), 0.2).baseline_accuracy
        0.6666666666666666
        """
        return float(self.confusion.sum(axis=1).max() / self.n_samples)

    @property
    def baseline_log_loss(self) -> float:
        """The log-loss of predicting each class's share of these rows for every row, in nats.

        This is the entropy of the shares. No other constant prediction has a lower log-loss.

        >>> round(Evaluation(np.array([[3, 0], [1, 2]]), 0.2).baseline_log_loss, 4)
        0.6931
        """
        rows = self.confusion.sum(axis=1)
        shares = rows[rows > 0] / self.n_samples
        return float(-np.sum(shares * np.log(shares)))

    def per_class(self) -> list[ClassMetrics]:
        """Precision, recall and F1 score of each class, in the order of the classes.

        Each has its 95 % confidence interval, too.

        >>> Evaluation(np.array([[3, 1], [0, 0]]), 0.2).per_class()[1]
        ClassMetrics(rows=0, predicted=1, precision=0.0, recall=None, f1=0.0)
        """
        rows, correct = self.confusion.sum(axis=1), self.confusion.diagonal()
        predicted = self.confusion.sum(axis=0)
        return [
            ClassMetrics(r, p, _ratio(c, p), _ratio(c, r), _ratio(2 * c, r + p))
            for r, p, c in zip(rows.tolist(), predicted.tolist(), correct.tolist(), strict=True)
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
        of_probabilities: ProbabilityMetrics | None = None,
    ) -> Evaluation:
        """Computes the metrics from per-row results.

        Args:
          labels: true classes, int ``[n_samples]``.
          predicted: predicted classes, int ``[n_samples]``.
          losses: cross-entropies in nats, ``[n_samples]``.
          n_classes: number of classes.
          confidences: probabilities of the predicted classes, ``[n_samples]``.
          reject_below: probability below which the model abstains; None if it never does. If
            it may, a loss that is not finite counts as that of a probability of 0.
          of_probabilities: metrics that need the probabilities of all classes.

        Raises:
          DataError: naming the first row whose loss is not finite, if the model never abstains.
        """
        confusion = _confusion(np.asarray(labels, np.int64), np.asarray(predicted), n_classes)
        exact = np.asarray(losses, np.float64)
        finite = np.isfinite(exact)
        if not finite.all():
            if reject_below is None:
                raise DataError(
                    f"row {int(np.argmin(finite))}: there is no prediction, because its scores "
                    "overflow float32; correct its features, or leave the row out"
                )
            exact = np.where(finite, exact, MAX_LOSS)
        error = float(exact.std(ddof=1) / np.sqrt(len(exact))) if len(exact) > 1 else None
        if confidences is None:
            return cls(confusion, float(exact.mean()), error, of_probabilities=of_probabilities)
        correct = np.asarray(labels) == predicted
        answered, answered_accuracy = _answered_metrics(correct, confidences, reject_below)
        calibration = _calibration_error(correct, np.nan_to_num(confidences))
        return cls(
            confusion,
            float(exact.mean()),
            error,
            calibration,
            answered,
            answered_accuracy,
            of_probabilities,
        )

    def largest_confusions(self, count: int) -> list[tuple[int, int, int]]:
        """The most frequent mistakes as (true class, predicted class, rows), most rows first.

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
        """All metrics that are single numbers, as a dictionary ready for JSON."""
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
            **(self.of_probabilities.figures() if self.of_probabilities else {}),
        }

    def to_json(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """All metrics, as a dictionary ready for JSON.

        If there are more than 1,024 classes it has ``confusions`` instead of
        ``confusion_matrix``: a list of ``[true class, predicted class, rows]``.
        """
        figures = {
            **self.figures(),
            "accuracy_interval": list(self.accuracy_interval),
            "class_names": list(class_names),
            "classes": self._classes_to_json(),
        }
        if isinstance(self.confusion, np.ndarray):
            return {**figures, "confusion_matrix": self.confusion.tolist()}
        counts = self.confusion.tocoo()
        pairs = np.column_stack([counts.row, counts.col, counts.data])
        return {**figures, "confusions": pairs.tolist()}

    def _classes_to_json(self) -> list[dict[str, Any]]:
        found = [metrics.to_json() for metrics in self.per_class()]
        rankings = self.of_probabilities and self.of_probabilities.classes
        if not rankings:
            return found
        return [{**one, **two._asdict()} for one, two in zip(found, rankings, strict=True)]


def evaluate_probabilities(
    probabilities: np.ndarray, labels: np.ndarray, reject_below: float | None = None
) -> Evaluation:
    """Computes the metrics from predicted probabilities, of an exported model for example.

    A probability that float32 rounded to 0 counts as float32's smallest normal number, so that
    a confident mistake costs 87 nats instead of infinity.

    Args:
      probabilities: float ``[n_samples, n_classes]``.
      labels: int ``[n_samples]``.
      reject_below: probability below which the model abstains; None if it never does.

    >>> result = evaluate_probabilities(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1]))
    >>> result.accuracy, round(result.log_loss, 4)
    (1.0, 0.4904)
    """
    predicted, losses, confidences = row_metrics(probabilities, labels)
    n_classes = probabilities.shape[1]
    return Evaluation.of(labels, predicted, losses, n_classes, confidences, reject_below)


def row_metrics(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes each row's predicted class, its loss and its confidence, for `Evaluation.of`.

    Args:
      probabilities: float ``[n_samples, n_classes]``.
      labels: int ``[n_samples]``.

    Returns:
      Predicted classes, cross-entropies in nats, and probabilities of the predicted classes,
      each ``[n_samples]``.
    """
    of_true_class = probabilities[np.arange(len(labels)), labels]
    losses = -np.log(np.maximum(of_true_class, np.finfo(np.float32).tiny))
    return probabilities.argmax(axis=1), losses, probabilities.max(axis=1)


def _confusion(
    labels: np.ndarray, predicted: np.ndarray, n_classes: int
) -> np.ndarray | scipy.sparse.csr_array:
    if n_classes <= _MAX_DENSE_CLASSES:
        pairs = labels * n_classes + predicted
        return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    import scipy.sparse

    ones = np.ones(len(labels), np.int64)
    # coo_array sums entries that have the same indices.
    counts = scipy.sparse.coo_array((ones, (labels, predicted)), (n_classes, n_classes)).tocsr()
    counts.sort_indices()
    return counts


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _answered_metrics(
    correct: np.ndarray, confidences: np.ndarray, reject_below: float | None
) -> tuple[float | None, float | None]:
    if reject_below is None:
        return None, None
    # In float32, because the exported graphs compare in float32.
    answered = np.asarray(confidences, np.float32) >= np.float32(reject_below)
    return float(answered.mean()), float(correct[answered].mean()) if answered.any() else None


def _calibration_error(correct: np.ndarray, confidences: np.ndarray) -> float:
    exact = np.asarray(confidences, np.float64)
    # A bin includes its upper bound, as in the definition.
    bins = np.ceil(exact * _CALIBRATION_BINS).astype(np.int64).clip(1, _CALIBRATION_BINS)
    gaps = np.bincount(bins, correct - exact)
    return float(np.abs(gaps).sum() / len(exact))
