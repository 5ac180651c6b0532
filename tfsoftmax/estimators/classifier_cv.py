"""``SoftmaxClassifierCV``: the penalty chosen by cross-validation, with scikit-learn's parts."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv

from tfsoftmax.errors import ArgumentError, UnknownCategoryWarning
from tfsoftmax.estimators.base import FittedClassifier, restores
from tfsoftmax.estimators.classifier import SoftmaxClassifier
from tfsoftmax.estimators.rows import checked_rows, classes_of, labelled_rows
from tfsoftmax.estimators.splits import Given, OfSplit, of_splits

# The least probability that a row is taken to have had.
_LEAST = np.log(np.finfo(np.float64).tiny)


class SoftmaxClassifierCV(FittedClassifier):
    """`SoftmaxClassifier` whose penalty is chosen by cross-validation.

    Every combination of `Cs` and `l1_ratios` is fitted on the training part of every split, from
    the strongest penalty to the weakest, each from where the last one ended, and scored on the
    other part. The best in the mean of all splits is fitted on all rows.

    All splits are gone through side by side, which is far quicker than one after another, where
    that comes to the same: rows are dense numbers, the penalty is on squares alone, features are
    not scaled, and every class counts in a split.

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
      scores_: ``[n_splits, n_l1_ratios, n_Cs]``, of fits that end within `tol` of the optimum, or
        1e-6, as a share of the objective: mean log-likelihoods are then within 1e-3 of the
        optimum's. Splits that are fitted one by one may end before that, after `max_iter` steps.
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
        given = Given(X, y, weights, self.classes_)
        splits = list(check_cv(self.cv, y, classifier=True).split(X, y, groups))
        self.Cs_ = self._strengths()
        scorer = _log_likelihood if self.scoring is None else check_scoring(self, self.scoring)
        with warnings.catch_warnings():
            # All rows of a rare category may be held out.
            warnings.simplefilter("ignore", UnknownCategoryWarning)
            scores = [
                self._scores_of_splits(given, splits, scorer, ratio) for ratio in self.l1_ratios
            ]
        self.scores_ = np.stack(scores, axis=1)
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

    def _scores_of_splits(
        self,
        given: Given,
        splits: Sequence[tuple[Any, Any]],
        scorer: Callable[..., float],
        l1_ratio: float,
    ) -> np.ndarray:
        """The scores of all strengths on all splits, ``[n_splits, n_Cs]``."""
        classifiers = [self._classifier(float(C), l1_ratio) for C in self.Cs_]
        scores = np.empty((len(splits), len(classifiers)))
        side_by_side = of_splits(classifiers, given, [fitted for fitted, _ in splits])
        weighed = "sample_weight" in inspect.signature(scorer).parameters
        for found, (fitted, held_out), of_split in zip(scores, splits, side_by_side, strict=True):
            if of_split is None:
                models = self._one_by_one(given, fitted, l1_ratio)
            else:
                models = self._side_by_side(classifiers, of_split)
            X, y = _take(given.X, held_out), given.y[held_out]
            options = {}
            if weighed and given.sample_weight is not None:
                options["sample_weight"] = given.sample_weight[held_out]
            for index, classifier in models:
                found[index] = scorer(classifier, X, y, **options)
            if self.verbose:
                C = self.Cs_[found.argmax()]
                print(f"C={C:.3g} is best of a split, with {found.max():.6g}")  # noqa: T201
        return scores

    def _side_by_side(
        self, classifiers: Sequence[SoftmaxClassifier], found: OfSplit
    ) -> Iterator[tuple[int, SoftmaxClassifier]]:
        """The classifiers with the weights that were found for them."""
        for index, classifier in enumerate(classifiers):
            classifier.classes_, classifier.n_features_in_ = self.classes_, self.n_features_in_
            classifier._keep_weights(found.spec, found.W[index], found.b[index])
            yield index, classifier

    def _one_by_one(
        self, given: Given, fitted: np.ndarray, l1_ratio: float
    ) -> Iterator[tuple[int, SoftmaxClassifier]]:
        """A classifier fitted with every strength in turn, each from where the last one ended."""
        X, y = _take(given.X, fitted), given.y[fitted]
        weights = None if given.sample_weight is None else given.sample_weight[fitted]
        classifier = self._classifier(1.0, l1_ratio).set_params(warm_start=True, verbose=0)
        for index in np.argsort(self.Cs_, kind="stable"):
            classifier.set_params(C=float(self.Cs_[index]))
            with warnings.catch_warnings():
                # Scores are the same long before the tolerance; the fit on all rows warns.
                warnings.simplefilter("ignore", ConvergenceWarning)
                classifier.fit(X, y, weights)
            yield int(index), classifier


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
