"""Pipelines, ColumnTransformers and FeatureUnions, from their ends to the columns of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tfsoftmax.convert.transformers import REASONS, TRANSFORMERS
from tfsoftmax.convert.uses import Number, Use, Uses
from tfsoftmax.convert.walk import Walk


def inputs_of(step: Any, uses: Uses, walk: Walk, name: str) -> Uses:
    """What becomes of the inputs of a step.

    Args:
      step: a fitted transformer, or a pipeline of some.
      uses: what becomes of its outputs.
      walk: where constants and notes go.
      name: of the step.

    Raises:
      ConversionError: naming the step that cannot be converted, and why.
    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return uses
    with walk.at(name, step):
        kind = type(step).__name__
        convert = {**TRANSFORMERS, **_COMPOSED}.get(kind)
        if convert is None or not type(step).__module__.startswith("sklearn."):
            reason = REASONS.get(kind, "it is not known how to make it a part of the model")
            walk.refuse(
                f"{reason}; or apply it before the rows are handed in, and convert the rest"
            )
        if hasattr(step, "fit") and _is_unfitted(step):
            walk.refuse("it is not fitted; call fit first")
        return convert(step, uses, walk)


def names_of(step: Any) -> tuple[str, ...] | None:
    """The names of the columns that a step was fitted on; None if they had none."""
    steps = [one for _, one in step.steps] if type(step).__name__ == "Pipeline" else [step]
    for one in steps:
        if getattr(one, "feature_names_in_", None) is not None:
            return tuple(map(str, one.feature_names_in_))
        if one is not None and one != "passthrough":
            return None
    return None


def steps_of(step: Any) -> str:
    """The classes that a model is made of, with the parts of each in parentheses.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> steps_of(make_pipeline(StandardScaler(), LogisticRegression()))
    'Pipeline(StandardScaler, LogisticRegression)'
    """
    if step is None or isinstance(step, str):
        return step or "passthrough"
    kind = type(step).__name__
    attribute = _PARTS.get(kind)
    if attribute is None:
        return kind
    parts = [steps_of(part[1]) for part in getattr(step, attribute)]
    return f"{kind}({', '.join(part for part in parts if part != 'drop')})"


def _is_unfitted(step: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(step)
    except NotFittedError:
        return True
    return False


def _pipeline(step: Any, uses: Uses, walk: Walk) -> Uses:
    for name, one in reversed(step.steps):
        uses = inputs_of(one, uses, walk, name)
    return uses


def _column_transformer(step: Any, uses: Uses, walk: Walk) -> Uses:
    inputs: Uses = [[] for _ in range(step.n_features_in_)]
    weights = step.transformer_weights or {}
    for name, one, columns in step.transformers_:
        part = uses[step.output_indices_[name]]
        if (isinstance(one, str) and one == "drop") or not part:
            continue
        if name in weights:
            part = _times(part, weights[name], walk)
        found = inputs_of(one, part, walk, name)
        places = _places(columns, getattr(step, "feature_names_in_", None), len(inputs))
        for place, column in zip(places, found, strict=True):
            inputs[place] += column
    return inputs


def _feature_union(step: Any, uses: Uses, walk: Walk) -> Uses:
    weights = step.transformer_weights or {}
    inputs: Uses | None = None
    first = 0
    for name, one in step.transformer_list:
        if isinstance(one, str) and one == "drop":
            continue
        # What has no names for its outputs, such as a FunctionTransformer, keeps its inputs.
        named = hasattr(one, "get_feature_names_out")
        n_outputs = len(one.get_feature_names_out()) if named else step.n_features_in_
        part, first = uses[first : first + n_outputs], first + n_outputs
        if name in weights:
            part = _times(part, weights[name], walk)
        found = inputs_of(one, part, walk, name)
        inputs = found if inputs is None else list(map(_together, inputs, found))
    return inputs or []


def _together(one: list[Use], other: list[Use]) -> list[Use]:
    return one + other


def _times(uses: Uses, factor: float, walk: Walk) -> Uses:
    return [[Number(factor * row)] for row in walk.weights(uses)]


def _places(columns: Any, names: Any, n_columns: int) -> list[int]:
    """The indices of columns that are given as scikit-learn takes them."""
    every = np.arange(n_columns)
    if isinstance(columns, str):
        columns = [columns]
    if isinstance(columns, slice):
        texts = isinstance(columns.start, str) or isinstance(columns.stop, str)
        if texts:
            columns = pd.Index(names).slice_indexer(columns.start, columns.stop, columns.step)
        return every[columns].tolist()
    chosen = np.atleast_1d(np.asarray(list(np.atleast_1d(columns))))
    if chosen.dtype.kind in "UO":
        return pd.Index(names).get_indexer(chosen).tolist()
    return every[chosen].tolist()


# Where a step has the steps that it is made of, as tuples of name and step.
_PARTS = {
    "Pipeline": "steps",
    "ColumnTransformer": "transformers_",
    "FeatureUnion": "transformer_list",
}
_COMPOSED = {
    "Pipeline": _pipeline,
    "ColumnTransformer": _column_transformer,
    "FeatureUnion": _feature_union,
}
