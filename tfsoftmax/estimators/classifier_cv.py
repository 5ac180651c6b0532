"""``SoftmaxClassifierCV``: the penalty chosen by cross-validation, with scikit-learn's parts."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv

from tfsoftmax.errors import ArgumentError
from tfsoftmax.estimators.base import FittedClassifier, restores
from tfsoftmax.estimators.classifier import SoftmaxClassifier
from tfsoftmax.estimators.rows import checked_rows, classes_of, labelled_rows

# The least probability that a row is taken to have had.
_LEAST = np.log(np.finfo(np.float64).tiny)


class SoftmaxClassifierCV(FittedClassifier):
    """`SoftmaxClassifier` whose penalty is chosen by cross-validation.

    Every combination of `Cs` and `l1_ratios` is fitted on the training part of every split, from
    the strongest penalty to the weakest, each from where the last one ended, and scored on the
    other part. The best in the mean of all splits is fitted on all rows.

    Args:
      Cs: strengths to try; a number is so many from 1e-4 to 1e4.
      l1_ratios: shares of the penalty on magnitudes to try.
      cv: scikit-learn's splitter, a number of stratified folds, or pairs of indices; None is 5.
      scoring: scikit-learn's scorer or its name; None is the mean log-likelihood, which is
        ``"neg_log_loss"`` where every part has every class.
      tol, max_iter, class_weight, random_state, verbose, n_jobs, scaling: as for
        `SoftmaxClassifier`.

    Attributes:
      C_, l1_ratio_: what was chosen.
      Cs_: what was tried.
      scores_: ``[n_splits, n_l1_ratios, n_Cs]``.
      classes_, coef_, intercept_, n_features_in_, n_iter_, loss_curve_, gap_, model_: as those of
        `SoftmaxClassifier`, of the fit on all rows.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> chosen = SoftmaxClassifierCV(Cs=[0.01, 1.0], cv=3).fit(X, y)
    >>> chosen.C_, chosen.scores_.shape
    (1.0, (3, 1, 2))
    """

    def __init__(
        self,
        Cs: int | Sequence[float] = 10,
        *,
        l1_ratios: Sequence[float] = (0.0,),
        cv: Any = None,
        scoring: str | Callable[..., float] | None = None,
        tol: float = 1e-6,
        max_iter: int = 100,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        verbose: int = 0,
        n_jobs: int | None = None,
        scaling: str = "none",
    ):
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.cv = cv
        self.scoring = scoring
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.scaling = scaling

    @restores
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> SoftmaxClassifierCV:
        """Chooses the penalty, and trains on all rows.

        Args:
          X: rows as `SoftmaxClassifier.fit` takes them.
          y: the class of each.
          sample_weight: what each row counts, in training and, where the scorer takes it, in the
            scores.
          groups: of the rows, for splitters that keep groups together.

        Raises:
          ArgumentError: naming an argument that cannot mean anything.
          ValueError: from scikit-learn, if X and y are no labelled rows, or cannot be split.
        """
        X, y = checked_rows(self, X, y, reset=True)
        # Of all rows; whether two classes count anything.
        self.classes_ = classes_of(self, labelled_rows(X, y, sample_weight, self.class_weight))
        weights = None if sample_weight is None else np.asarray(sample_weight)
        splits = list(check_cv(self.cv, y, classifier=True).split(X, y, groups))
        self.Cs_ = self._strengths()
        scorer = _log_likelihood if self.scoring is None else check_scoring(self, self.scoring)
        self.scores_ = np.array(
            [
                [self._path(X, y, weights, split, scorer, ratio) for ratio in self.l1_ratios]
                for split in splits
            ]
        )
        best = np.unravel_index(self.scores_.mean(axis=0).argmax(), self.scores_.shape[1:])
        self.l1_ratio_, self.C_ = float(self.l1_ratios[best[0]]), float(self.Cs_[best[1]])
        chosen = self._classifier(self.C_, self.l1_ratio_).fit(X, y, sample_weight)
        fitted = "coef_", "intercept_", "n_iter_", "loss_curve_", "gap_", "_spec", "_profile"
        for name in fitted:
            setattr(self, name, getattr(chosen, name))
        return self

    def _strengths(self) -> np.ndarray:
        if isinstance(self.Cs, int | np.integer):
            return np.logspace(-4, 4, self.Cs)
        if not len(self.Cs):
            raise ArgumentError("Cs is empty; give at least one value to try")
        return np.asarray(self.Cs, np.float64)

    def _classifier(self, C: float, l1_ratio: float) -> SoftmaxClassifier:
        shared = SoftmaxClassifier().get_params().keys() & self.get_params(deep=False).keys()
        given = {name: getattr(self, name) for name in shared}
        return SoftmaxClassifier(C, l1_ratio=l1_ratio, **given)

    def _path(
        self,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        split: tuple[np.ndarray, np.ndarray],
        scorer: Callable[..., float],
        l1_ratio: float,
    ) -> np.ndarray:
        """The scores of all strengths on one split, ``[n_Cs]``."""
        fitted, held_out = split
        of_fitted = None if weights is None else weights[fitted]
        weighed = {}
        if weights is not None and "sample_weight" in inspect.signature(scorer).parameters:
            weighed = {"sample_weight": weights[held_out]}
        found = np.empty(len(self.Cs_))
        classifier = self._classifier(1.0, l1_ratio).set_params(warm_start=True, verbose=0)
        for index in np.argsort(self.Cs_, kind="stable"):
            classifier.set_params(C=float(self.Cs_[index]))
            with warnings.catch_warnings():
                # Scores are the same long before the tolerance; the fit on all rows warns.
                warnings.simplefilter("ignore", ConvergenceWarning)
                classifier.fit(_take(X, fitted), y[fitted], of_fitted)
            found[index] = scorer(classifier, _take(X, held_out), y[held_out], **weighed)
        if self.verbose:
            print(f"C={self.Cs_[found.argmax()]:.3g} is best of a split, with {found.max():.6g}")  # noqa: T201
        return found


def _take(X: Any, indices: np.ndarray) -> Any:
    return X.iloc[indices] if hasattr(X, "iloc") else X[indices]


def _log_likelihood(
    classifier: FittedClassifier, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Mean log-likelihood of the rows; a class that was not fitted is all but impossible."""
    places = np.searchsorted(classifier.classes_, y).clip(max=len(classifier.classes_) - 1)
    found = classifier.predict_log_proba(X)[np.arange(len(y)), places].clip(min=_LEAST)
    found = np.where(classifier.classes_[places] == y, found, _LEAST)
    if sample_weight is not None and not np.any(sample_weight):
        return 0.0
    return float(np.average(found, weights=sample_weight))
