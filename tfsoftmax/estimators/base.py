"""What fitted estimators share: their weights, how they answer, and how they are exported."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tfsoftmax.data.profile import Profile
from tfsoftmax.data.unknown_categories import UnknownCategories
from tfsoftmax.estimators import scores
from tfsoftmax.estimators.rows import checked_rows, names_of_classes
from tfsoftmax.estimators.train import start_tensorflow
from tfsoftmax.estimators.unknown import warn_of_unknown

if TYPE_CHECKING:
    from tfsoftmax.export.export import ExportResult
    from tfsoftmax.model import SoftmaxRegression
    from tfsoftmax.spec import Spec
    from tfsoftmax.training.fit import FitResult


Method = TypeVar("Method", bound=Callable[..., Any])


def restores(fit: Method) -> Method:
    """A method that leaves the estimator as it was where it fails, so that it still answers."""

    @wraps(fit)
    def restoring(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = vars(self).copy()
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return cast(Method, restoring)


class FittedClassifier(ClassifierMixin, BaseEstimator):
    """A linear classifier once it is fitted; `fit` is its subclasses'."""

    def _keep(self, result: FitResult) -> None:
        """Takes over what was learnt, as numbers and texts, which pickles and forks survive."""
        model, history = result
        self._keep_weights(model.spec, *(parameter.numpy().T for parameter in model.parameters))
        self._profile = model.profile and model.profile.to_json()
        self.n_iter_ = np.array([len(history.epochs)], np.int32)
        self.loss_curve_ = [epoch.moving_loss for epoch in history.epochs]
        self.gap_ = history.proof.relative_gap if history.proof else None

    def _keep_weights(self, spec: Spec, W: np.ndarray, b: np.ndarray) -> None:
        """Takes over what a model answers with.

        Args:
          spec: of the model, whose classes are `classes_` in any order.
          W: ``[n_classes, n_inputs]``.
          b: ``[n_classes]``.
        """
        names = names_of_classes(self.classes_)
        order = [spec.class_names.index(name) for name in names]
        W, b = (part.astype(np.float64)[order] for part in (W, b))
        if len(b) == 2:
            W, b = W[1:] - W[:1], b[1:] - b[:1]
        self.coef_, self.intercept_ = np.ascontiguousarray(W), b
        self._spec = scores.text_of(replace(spec, class_names=names))

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores of the classes, ``[n_samples, n_classes]``; of two, the second's ``[n_samples]``.

        Categories that it was not fitted on are an `UnknownCategoryWarning`, here and in all that
        follow.

        Args:
          X: rows as `fit` takes them.
        """
        return self._scores(X)

    def _scores(self, X: Any) -> np.ndarray:
        """As `decision_function`; a warning is of the line that calls the caller."""
        check_is_fitted(self)
        X, spec = checked_rows(self, X, reset=False), scores.spec_of(self._spec)
        if spec.encoding is not None:
            start_tensorflow()
        unknown = UnknownCategories(spec.encoding)
        found = scores.decision(spec, X, self.coef_, self.intercept_, unknown)
        warn_of_unknown(unknown, level=3)
        return found

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, ``[n_samples]``."""
        found = self._scores(X)
        codes = (found > 0).astype(np.intp) if found.ndim == 1 else found.argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, ``[n_samples, n_classes]``, in the order of `classes_`."""
        return scores.probabilities(self._scores(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`, exact where those are rounded to 0."""
        return scores.log_probabilities(self._scores(X))

    @property
    def model_(self) -> SoftmaxRegression:
        """The model as all other functions of this package take it; a copy."""
        check_is_fitted(self)
        start_tensorflow()
        from tfsoftmax.model import SoftmaxRegression

        W, b = self.coef_, self.intercept_
        if len(W) == 1:
            W, b = np.concatenate([-W, W]) / 2, np.concatenate([-b, b]) / 2
        model = SoftmaxRegression(scores.spec_of(self._spec))
        model.W.assign(W.T)
        model.b.assign(b)
        if profile := getattr(self, "_profile", None):
            model.profile = Profile.from_json(profile)
        return model

    def export(
        self,
        path: str | os.PathLike[str],
        formats: str | Sequence[str] = ("float32",),
        *,
        check_on: Any,
        **options: Any,
    ) -> ExportResult:
        """Writes the model for where it will run, each file proven to answer as it does.

        Args:
          path: the model's folder, ``FOLDER/NAME``; the files are in its next version, NAME/1.
          formats: what to write beside the SavedModel, as `export_model` has them.
          check_on: rows as `fit` takes them, that the files are proven on.
          options: further ones of `export_model`.

        Raises:
          IncompleteExportError: if a file was left out; the folder is there without it.
          ExportError, UsageError, ModelError, DataError: as from `export_model`.
        """
        from tfsoftmax.export.export import export_model

        folder, name = os.path.split(os.path.abspath(os.fspath(path)))
        return export_model(
            self.model_, folder, name, check_on=check_on, formats=formats, **options
        )

    def __sklearn_tags__(self) -> Tags:
        """That sparse rows are taken, too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
