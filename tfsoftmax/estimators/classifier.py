"""``SoftmaxClassifier``: multiclass logistic regression as scikit-learn's users know it."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
from sklearn.base import clone

from tfsoftmax.errors import ArgumentError
from tfsoftmax.estimators.base import FittedClassifier, restores
from tfsoftmax.estimators.recipes import check_arguments, recipe_for
from tfsoftmax.estimators.rows import checked_rows, classes_of, dataset_of, labelled_rows, names_of
from tfsoftmax.estimators.train import one_more, train


class SoftmaxClassifier(FittedClassifier):
    """Multiclass logistic regression, an estimator as scikit-learn has them.

    It minimises what scikit-learn's ``LogisticRegression`` does with the same `C`:
    ``C sum_i s_i loss_i + (1 - l1_ratio)/2 ||w||^2 + l1_ratio ||w||_1``, s being what each row
    counts. Newton, the solver where there is a penalty, finds the same optimum and proves it; SGD
    comes near it, and a ``ConvergenceWarning`` says where it did not. The intercept is always
    fitted, and never penalised.

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
      recipe_options: further options of a `Recipe`, by name, such as ``{"momentum": 0.9}``. Those
        of SGD's steps matter to newton only where rows are so many that it begins with a pass of
        SGD.

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

    @restores
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SoftmaxClassifier:
        """Trains on labelled rows.

        Args:
          X: numbers ``[n_samples, n_features]``: an array, a frame, or a sparse matrix of SciPy's.
            Or a frame with columns of other kinds, categories, dates and texts, which become
            features as `from_frame` makes them.
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
        self.classes_ = classes_of(self, rows)
        dataset = dataset_of(rows, self.classes_, names_of(self))
        recipe = recipe_for(self, len(self.classes_), float(rows.weights.sum()))
        any_solver, verbose = self.solver == "auto", self.verbose
        self._keep(train(dataset, recipe, any_solver=any_solver, start=before, verbose=verbose))
        return self

    @restores
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> SoftmaxClassifier:
        """Goes through more rows once, by SGD, from where the last call or `fit` ended.

        `C` is meant for all rows that were gone through so far, and the learning rate falls with
        the root of the number of calls.

        Args:
          X: rows as `fit` takes them, of the same features each time.
          y: their classes.
          classes: all labels there will be, in the first call; later those that are new, which
            begin as improbable ones.
          sample_weight: what each row counts.

        Raises:
          ArgumentError: if a label was not announced, or an argument means nothing for a part of
            the rows.
        """
        for name, value in (("C", "auto"), ("class_weight", "balanced"), ("early_stopping", True)):
            if isinstance(given := getattr(self, name), type(value)) and given == value:
                raise ArgumentError(
                    f"partial_fit sees a part of the rows: {name} cannot be {value!r}"
                )
        first = not hasattr(self, "coef_")
        X, y = checked_rows(self, X, y, reset=first)
        known = np.unique(classes) if first else self.classes_
        if first and classes is None:
            raise ArgumentError(
                "classes must be passed on the first call to partial_fit: all labels"
            )
        if classes is not None:
            known = np.union1d(known, classes)
        if unknown := np.setdiff1d(y, known).tolist():
            raise ArgumentError(f"y has the label {unknown[0]!r}, which is not in classes: pass it")
        rows = labelled_rows(X, y, sample_weight, self.class_weight)
        before = None if first else self.model_
        dataset = dataset_of(rows, known, names_of(self), like=before and before.spec)
        seen, calls = (0.0, 0) if first else getattr(self, "_seen", (0.0, 0))
        self._seen = seen + float(rows.weights.sum()), calls + 1
        self.classes_ = known
        # Compiling takes longer than going through a few rows once.
        options = {"schedule": "constant", "xla": False, **(self.recipe_options or {})}
        one_pass = clone(self).set_params(solver="sgd", epochs=1, recipe_options=options)
        recipe = recipe_for(one_pass, len(known), self._seen[0])
        self._keep(one_more(dataset, recipe, sqrt(calls + 1), before, self.verbose))
        return self
