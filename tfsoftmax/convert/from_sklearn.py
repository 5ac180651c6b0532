"""``from_sklearn``: a fitted scikit-learn model as a softmax regression that can be exported."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import Any

import numpy as np

from tfsoftmax.convert.assemble import assemble, rows_of
from tfsoftmax.convert.compared import compared
from tfsoftmax.convert.estimators import weights_of
from tfsoftmax.convert.pipeline import inputs_of, names_of, steps_of
from tfsoftmax.convert.walk import Walk
from tfsoftmax.data.labels import ClassNames
from tfsoftmax.errors import UsageError
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.report.converted import ConversionRecord
from tfsoftmax.training.record import parameters_sha256

_log = logging.getLogger(__name__)

_ADVICE = (
    "; if columns are far from 0, fit the pipeline with a StandardScaler, as float32 has seven "
    "digits"
)


def from_sklearn(fitted: Any, *, check_on: Any = None) -> SoftmaxRegression:
    """Converts a fitted scikit-learn classifier, alone or at the end of a pipeline.

    The model takes the rows that the pipeline takes, and has its probabilities: scalers,
    imputers, encoders and PCA become the model's own scaling, its encoding of the columns and
    its weights, which are computed in float64. `docs/convert.md` has the list of steps.

    Its ``predict`` answers with the classes' names, which are texts, where that of the original has
    the labels as it was fitted on, such as whole numbers: ``model.predict(rows).astype(int)``
    then are those. The order of the classes is `classes_`'s.

    Args:
      fitted: a classifier, or a `Pipeline` that ends in one.
      check_on: rows to compare on, as `fitted` takes them: a table or an array; None compares
        only the final step, on rows of random numbers.

    Returns:
      The model; `export_model` writes it. Its ``record`` says what it was converted from, and the
      largest difference of a probability on `check_on`.

    Raises:
      UsageError: if it is a path.
      ConversionError: naming the step that cannot be converted, and what to do; or the row of
        `check_on` whose probabilities differ by more than 1e-5.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> rows = [[1.0, 20.0], [2.0, 10.0], [3.0, 40.0], [4.0, 30.0]]
    >>> fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, list("aabb"))
    >>> model = from_sklearn(fitted, check_on=rows)
    >>> model.predict(rows).tolist()
    ['a', 'a', 'b', 'b']
    """
    if isinstance(fitted, str | os.PathLike):
        raise UsageError(
            f"from_sklearn takes a fitted model, not a path ({os.fspath(fitted)!r}): load the file "
            "first, with joblib.load or skops.io.load; or run 'tfsoftmax convert', which reads it"
        )
    steps = list(fitted.steps) if type(fitted).__name__ == "Pipeline" else [("model", fitted)]
    name, classifier = steps.pop()
    weights = weights_of(classifier, name)
    walk, uses = Walk(weights.b), weights.uses()
    for name, step in reversed(steps):
        uses = inputs_of(step, uses, walk, name)
    model = assemble(uses, names_of(fitted), _class_names(classifier), walk)
    for note in walk.notes:
        _log.warning("Note: %s", note)
    import sklearn

    record = ConversionRecord(
        "scikit-learn",
        sklearn.__version__,
        steps_of(fitted),
        tuple(walk.notes),
        parameters_sha256=parameters_sha256(model),
    )
    if check_on is not None:
        expected = fitted.predict_proba(check_on)
        n_rows, difference = compared(model, rows_of(model.spec, check_on), expected, _ADVICE)
        record = replace(record, compared_rows=n_rows, max_difference=difference)
    model.record = record
    return model


def _class_names(classifier: Any) -> tuple[str, ...]:
    """The classes as a dataset of the same labels would call them."""
    names = ClassNames("classes_")
    return names.sorted(names.codes(np.asarray(classifier.classes_)))
