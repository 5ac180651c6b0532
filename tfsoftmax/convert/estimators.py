"""The final step of a pipeline: a table from scikit-learn's classifiers to weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

from tfsoftmax.convert.uses import Number, Uses
from tfsoftmax.errors import ConversionError

# Rows on which the weights are compared with what the classifier itself answers.
_ROWS = 16
_TOLERANCE = 1e-9


class Weights(NamedTuple):
    """A softmax regression in float64, of ``(x - center) * unit``.

    Attributes:
      W: ``[n_features, n_classes]``.
      b: ``[n_classes]``.
      center, unit: one number, or ``[n_features]``.
    """

    W: np.ndarray
    b: np.ndarray
    center: Any = 0.0
    unit: Any = 1.0

    def uses(self) -> Uses:
        """What becomes of each feature."""
        n_features = len(self.W)
        centers, units = (np.broadcast_to(each, n_features) for each in (self.center, self.unit))
        columns = zip(self.W, centers.tolist(), units.tolist(), strict=True)
        return [[Number(row, center, unit)] for row, center, unit in columns]


def weights_of(classifier: Any, name: str) -> Weights:
    """The weights whose softmax is the probabilities of a fitted classifier.

    Args:
      classifier: scikit-learn's.
      name: of the step, for errors.

    Raises:
      ConversionError: if it is none that is known, is not fitted, or its probabilities are no
        softmax.

    >>> from sklearn.linear_model import LogisticRegression
    >>> weights_of(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), "model").W.round(2).tolist()
    [[0.0, 0.44]]
    """
    kind = type(classifier).__name__
    where = f"step {name!r} ({kind})"
    if kind not in ESTIMATORS or not type(classifier).__module__.startswith(_MODULES):
        reason = _REASONS.get(kind, "its probabilities are not known to be a softmax")
        if kind not in _REASONS and not hasattr(classifier, "predict_proba"):
            reason = "it is no classifier that has probabilities"
        raise ConversionError(
            f"{where}: {reason}; what can be converted is {', '.join(ESTIMATORS)}"
        )
    if not hasattr(classifier, "classes_"):
        raise ConversionError(f"{where}: it is not fitted; call fit first")
    if isinstance(classifier.classes_, list):
        raise ConversionError(f"{where}: it has several outputs; fit one model for each")
    found = ESTIMATORS[kind](classifier, where)
    _check(classifier, found, where)
    return found


def _linear(classifier: Any, where: str) -> Weights:
    """Of two classes scikit-learn has the weights of the second alone; the first's are 0."""
    W, b = np.asarray(classifier.coef_, np.float64).T, np.ravel(classifier.intercept_)
    n_classes = len(classifier.classes_)
    if n_classes == 2 and W.shape[1] == 1:
        W, b = np.column_stack([np.zeros_like(W), W]), np.append(0.0, b)
    return Weights(W, np.broadcast_to(b, n_classes))


def _sgd(classifier: Any, where: str) -> Weights:
    if classifier.loss != "log_loss":
        raise ConversionError(
            f"{where}: loss={classifier.loss!r} has no probabilities that are a softmax; fit it "
            "with loss='log_loss'"
        )
    if len(classifier.classes_) > 2:
        raise ConversionError(f"{where}: {_ONE_VS_REST}")
    return _linear(classifier, where)


def _naive_bayes(classifier: Any, where: str) -> Weights:
    return Weights(classifier.feature_log_prob_.T, classifier.class_log_prior_)


def _ours(classifier: Any, where: str) -> Weights:
    spec = classifier.model_.spec
    scaling = spec.scaled_by
    if spec.encoding is not None or scaling.fill is not None:
        raise ConversionError(
            f"{where}: it encodes texts or fills in missing numbers itself, so it is exported as "
            "it is: by its method export, or as its model_"
        )
    if scaling.limit is not None:
        raise ConversionError(
            f"{where}: it cuts scaled features off at {scaling.limit:g}, which is not linear; "
            "fit it with scaling='standard', or alone, and export its model_"
        )
    return _linear(classifier, where)._replace(center=scaling.offset, unit=scaling.scale)


_ONE_VS_REST = (
    "it fits a model of each class against the rest and divides their probabilities by their sum, "
    "which is no softmax; fit LogisticRegression, which fits one model of all classes"
)
_NO_PROBABILITIES = "it has no probabilities; fit LogisticRegression"
_REASONS = {
    "OneVsRestClassifier": _ONE_VS_REST,
    "CalibratedClassifierCV": "it changes a model's probabilities; convert the model itself",
    "LinearSVC": _NO_PROBABILITIES,
    "RidgeClassifier": _NO_PROBABILITIES,
    "Perceptron": _NO_PROBABILITIES,
    "GridSearchCV": "it is a search; convert its best_estimator_",
    "RandomizedSearchCV": "it is a search; convert its best_estimator_",
}
_MODULES = ("sklearn.", "tfsoftmax.estimators.")
# From the name of a class to the function that has its weights.
ESTIMATORS: dict[str, Callable[[Any, str], Weights]] = {
    "LogisticRegression": _linear,
    "LogisticRegressionCV": _linear,
    "SGDClassifier": _sgd,
    "LinearDiscriminantAnalysis": _linear,
    "MultinomialNB": _naive_bayes,
    "SoftmaxClassifier": _ours,
    "SoftmaxClassifierCV": _ours,
}


def _check(classifier: Any, found: Weights, where: str) -> None:
    """Compares with the classifier's own probabilities, which settings and versions may change."""
    size = 1 / max(1e-300, float(np.abs(found.W).max()))
    drawn = np.abs(np.random.default_rng(0).normal(size=(_ROWS, len(found.W))))
    rows = size * drawn / found.unit + found.center
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that these rows have no names
        expected = classifier.predict_proba(rows)
    logits = (rows - found.center) * found.unit @ found.W + found.b
    if not np.allclose(softmax(logits, axis=1), expected, 0, _TOLERANCE):
        raise ConversionError(
            f"{where}: as it is set, its probabilities are no softmax of its weights. "
            f"If it is multiclass: {_ONE_VS_REST}"
        )
