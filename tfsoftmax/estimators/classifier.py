"""``SoftmaxClassifier``: multiclass logistic regression as scikit-learn's users know it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tfsoftmax.errors import ArgumentError
from tfsoftmax.estimators import scores
from tfsoftmax.estimators.recipes import check_arguments, recipe_for
from tfsoftmax.estimators.rows import checked_rows, dataset_of, labelled_rows, names_of
from tfsoftmax.estimators.train import start_tensorflow, train

if TYPE_CHECKING:
    from tfsoftmax.export.export import ExportResult
    from tfsoftmax.model import SoftmaxRegression
    from tfsoftmax.training.fit import FitResult


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):
    """Multiclass logistic regression, an estimator as scikit-learn has them.

    As it is, it finds the same optimum as scikit-learn's ``LogisticRegression`` with the same `C`,
    and proves it: of ``C sum_i s_i loss_i + (1 - l1_ratio)/2 ||w||^2 + l1_ratio ||w||_1``, s being
    what each row counts. The intercept is always fitted, and never penalised.

    Args:
      C: the smaller, the stronger the penalty; ``"auto"`` chooses it by cross-validation;
        ``numpy.inf`` is no penalty.
      l1_ratio: the share of the penalty that is on magnitudes, from 0 to 1.
      solver: ``"newton"`` goes to the optimum, and proves it; ``"sgd"`` is stochastic gradient
        descent; ``"auto"`` is newton, or SGD without a penalty, with early stopping, or if there
        are more sparse rows than newton takes.
      tol: how far from the optimum newton may stop, as a share of the objective.
      max_iter: steps of newton, at most. SGD takes `epochs`.
      class_weight: what rows of each class count, a dictionary or ``"balanced"``; times
        `sample_weight`.
      random_state: of the order of rows in SGD; None is 0, so that a fit can be repeated.
      warm_start: whether `fit` starts from the weights of the last fit.
      early_stopping: whether SGD stops once the log-loss of held-out rows gets no better.
      validation_fraction: share of the rows that early stopping holds out.
      n_iter_no_change: epochs without a better log-loss before it stops.
      verbose: above 0 prints a line for every epoch or step.
      n_jobs: has no effect; TensorFlow uses all cores by itself.
      scaling: how features are scaled, in the model itself: ``"none"``; ``"standard"``, to mean 0
        and deviation 1; or ``"auto"``, as columns of a table are scaled by `tfsoftmax.fit`.
        `coef_` is of scaled features.
      epochs: passes of SGD over the rows; None is as many as suit their number.
      batch_size: rows in a step of SGD; None is what suits their number.
      learning_rate: the largest of SGD; ``"auto"`` derives it from the rows.
      recipe_options: further options of a `Recipe`, by name, such as ``{"momentum": 0.9}``.

    Attributes:
      classes_: the labels, sorted.
      coef_: weights, ``[n_classes, n_inputs]``; of two classes ``[1, n_inputs]``, for the second.
      intercept_: ``[n_classes]``, or ``[1]``.
      n_features_in_, feature_names_in_: of X.
      n_iter_: steps of newton, or epochs, ``[1]``.
      loss_curve_: mean loss of the rows after each of them, without the penalty.
      gap_: how far from the optimum newton ended at most, as a share of the objective; None
        after SGD.
      model_: the same as a `SoftmaxRegression`; a copy.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = SoftmaxClassifier().fit(X, y)
    >>> classifier.predict(X[:2]), classifier.predict_proba(X[:2]).round(2)
    (array([0, 0]), array([[0.98, 0.02, 0.  ],
           [0.97, 0.03, 0.  ]]))
    >>> round(classifier.score(X, y), 3)
    0.973
    """

    def __init__(
        self,
        C: float | str = 1.0,
        *,
        l1_ratio: float = 0.0,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 100,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        verbose: int = 0,
        n_jobs: int | None = None,
        scaling: str = "none",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | str = "auto",
        recipe_options: Mapping[str, Any] | None = None,
    ):
        self.C = C
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.scaling = scaling
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.recipe_options = recipe_options

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SoftmaxClassifier:
        """Trains on labelled rows.

        Args:
          X: numbers ``[n_samples, n_features]``: an array, a frame, or a sparse matrix of SciPy's.
          y: the class of each row.
          sample_weight: what each row counts, ``[n_samples]``. Rows that count 0 are left out.

        Raises:
          ArgumentError: naming an argument that cannot mean anything.
          ValueError: from scikit-learn, if X and y are no labelled rows.
          DataError: naming a value that is beyond float32.
        """
        check_arguments(self)
        before = self.model_ if self.warm_start and hasattr(self, "coef_") else None
        X, y = checked_rows(self, X, y, reset=True)
        rows = labelled_rows(X, y, sample_weight, self.class_weight)
        self.classes_ = np.unique(rows.y)
        if len(self.classes_) < 2:
            raise ArgumentError(
                f"{type(self).__name__} needs rows of at least 2 classes; all that count are of "
                f"one class, {self.classes_[0]!r}"
            )
        dataset = dataset_of(rows, self.classes_, names_of(self))
        recipe = recipe_for(self, len(self.classes_), float(rows.weights.sum()))
        any_solver, verbose = self.solver == "auto", self.verbose
        self._keep(train(dataset, recipe, any_solver=any_solver, start=before, verbose=verbose))
        return self

    def _keep(self, result: FitResult) -> None:
        """Takes over what was learnt, as numbers and texts, which pickles and forks survive."""
        model, history = result
        W, b = (parameter.numpy().astype(np.float64).T for parameter in model.parameters)
        if len(b) == 2:
            W, b = W[1:] - W[:1], b[1:] - b[:1]
        self.coef_, self.intercept_ = np.ascontiguousarray(W), b
        self._spec = scores.text_of(model.spec)
        self.n_iter_ = np.array([len(history.epochs)], np.int32)
        self.loss_curve_ = [epoch.moving_loss for epoch in history.epochs]
        self.gap_ = history.proof.relative_gap if history.proof else None

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores of the classes, ``[n_samples, n_classes]``; of two, the second's ``[n_samples]``.

        Args:
          X: rows as `fit` takes them.
        """
        check_is_fitted(self)
        X = checked_rows(self, X, reset=False)
        return scores.decision(scores.spec_of(self._spec), X, self.coef_, self.intercept_)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, ``[n_samples]``."""
        found = self.decision_function(X)
        codes = (found > 0).astype(np.intp) if found.ndim == 1 else found.argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, ``[n_samples, n_classes]``, in the order of `classes_`."""
        return scores.probabilities(self.decision_function(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`, exact where those are rounded to 0."""
        return scores.log_probabilities(self.decision_function(X))

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
