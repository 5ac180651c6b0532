"""The steps before the final one: a table from scikit-learn's transformers to functions.

Each function takes the fitted step, what becomes of its outputs, and the `Walk`; and returns what
becomes of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tfsoftmax.convert.categories import one_hot
from tfsoftmax.convert.texts import counts, tfidf, tfidf_of_counts
from tfsoftmax.convert.uses import Category, Missing, Number, Uses
from tfsoftmax.convert.walk import Walk

Convert = Callable[[Any, Uses, Walk], Uses]


def _standard(step: Any, uses: Uses, walk: Walk) -> Uses:
    offset = np.zeros(len(uses)) if step.mean_ is None or not step.with_mean else step.mean_
    scale = np.ones(len(uses)) if step.scale_ is None else 1 / step.scale_
    return walk.scaled(uses, offset, scale)


def _min_max(step: Any, uses: Uses, walk: Walk) -> Uses:
    _refuse_clip(step, walk)
    return walk.scaled(uses, -step.min_ / step.scale_, step.scale_)


def _max_abs(step: Any, uses: Uses, walk: Walk) -> Uses:
    _refuse_clip(step, walk)
    return walk.scaled(uses, np.zeros(len(uses)), 1 / step.scale_)


def _robust(step: Any, uses: Uses, walk: Walk) -> Uses:
    offset = np.zeros(len(uses)) if step.center_ is None else step.center_
    scale = np.ones(len(uses)) if step.scale_ is None else 1 / step.scale_
    return walk.scaled(uses, offset, scale)


def _refuse_clip(step: Any, walk: Walk) -> None:
    if getattr(step, "clip", False):
        walk.refuse("clip=True is not linear; fit it with clip=False")


def _imputer(step: Any, uses: Uses, walk: Walk) -> Uses:
    if not (step.missing_values is None or pd.isna(step.missing_values)):
        walk.refuse(
            f"it fills in {step.missing_values!r} rather than NaN; replace these by NaN in the "
            "data, and fit it with missing_values=np.nan"
        )
    kept = np.flatnonzero(~pd.isna(step.statistics_))
    inputs: Uses = [[] for _ in range(step.n_features_in_)]
    for column, outputs in zip(kept, uses[: len(kept)], strict=True):
        value = step.statistics_[column]
        for use in outputs:
            if isinstance(use, Number | Category):
                inputs[column].append(use.filled(value))
            elif not isinstance(use, Missing):
                walk.refuse("texts, or counts of words, are what the step after it takes")
    if any(isinstance(use, Number) for column in inputs for use in column):
        walk.fills.add(step.strategy)
    if step.indicator_ is not None:
        rows = walk.weights(uses[len(kept) :])
        for column, row in zip(step.indicator_.features_, rows, strict=True):
            inputs[column].append(Missing(row))
    return inputs


def _components(step: Any, uses: Uses, walk: Walk) -> Uses:
    """PCA and TruncatedSVD: a product with their components, folded into the weights."""
    components = step.components_
    if getattr(step, "whiten", False):
        components = components / np.sqrt(step.explained_variance_)[:, None]
    rows = components.T @ walk.weights(uses)
    centers = getattr(step, "mean_", None)
    centers = np.zeros(len(rows)) if centers is None else centers
    return [[Number(row, float(center))] for row, center in zip(rows, centers, strict=True)]


def _selection(step: Any, uses: Uses, walk: Walk) -> Uses:
    inputs: Uses = [[] for _ in range(step.n_features_in_)]
    for column, outputs in zip(step.get_support(indices=True), uses, strict=True):
        inputs[column] = outputs
    return inputs


def _function(step: Any, uses: Uses, walk: Walk) -> Uses:
    if step.func is not None:
        walk.refuse(
            f"its function {getattr(step.func, '__name__', step.func)!r} can be any code; apply it "
            "before the rows are handed in, and convert the steps after it"
        )
    return uses


# From the name of a class to the function that converts it.
TRANSFORMERS: dict[str, Convert] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "SimpleImputer": _imputer,
    "OneHotEncoder": one_hot,
    "CountVectorizer": counts,
    "TfidfVectorizer": tfidf,
    "TfidfTransformer": tfidf_of_counts,
    "PCA": _components,
    "TruncatedSVD": _components,
    "VarianceThreshold": _selection,
    "SelectKBest": _selection,
    "SelectPercentile": _selection,
    "FunctionTransformer": _function,
}
REASONS = {
    "OrdinalEncoder": "it makes numbers of categories; use OneHotEncoder, which a linear model "
    "can do more with",
    "TargetEncoder": "it makes numbers of categories; use OneHotEncoder",
    "HashingVectorizer": "it hashes words with MurmurHash3, which TensorFlow's graphs do not have; "
    "use TfidfVectorizer, which has a vocabulary, or train with tfsoftmax, which hashes texts",
    "FeatureHasher": "it hashes with MurmurHash3, which TensorFlow's graphs do not have; use "
    "OneHotEncoder",
    "PolynomialFeatures": "products of columns are not linear; compute them before the rows are "
    "handed in",
}
