"""Scores of rows from a linear model's weights, in NumPy: TensorFlow is needed for no number.

So a model that was unpickled answers at once, and in processes that fork, which TensorFlow does
not survive.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.matrices import is_matrix
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.data.unknown_categories import UnknownCategories
from tfsoftmax.spec import Spec


def text_of(spec: Spec) -> str:
    """A spec as text, which a pickle keeps."""
    return json.dumps(spec.to_json())


@lru_cache(maxsize=16)
def spec_of(text: str) -> Spec:
    """The spec that `text_of` wrote."""
    return Spec.from_json(json.loads(text))


def decision(
    spec: Spec, X: Any, coef: np.ndarray, intercept: np.ndarray, unknown: UnknownCategories
) -> np.ndarray:
    """``inputs coef^T + intercept`` of raw features.

    Args:
      spec: says how features are scaled.
      X: ``[n_samples, n_features]``, dense or sparse; or a frame that the spec encodes, for which
        alone TensorFlow is needed.
      coef: ``[n_classes, n_inputs]``, or of two classes ``[1, n_inputs]``.
      intercept: ``[n_classes]``, or ``[1]``.
      unknown: counts categories that the spec does not know.

    Returns:
      ``[n_samples, n_classes]``, or of two classes ``[n_samples]``.
    """
    # Checked numbers are an array; what is still a table has texts, or what can be read as numbers.
    if spec.encoding is not None or hasattr(X, "columns"):
        X = rows_for(spec, X, "X", unknown=unknown)
        X = X.read_sparse([slice(None)]) if isinstance(X, SparseFeatures) else X
    inputs = X if spec.scaling is None else _scaled(spec, X)
    weights = coef.T.astype(inputs.dtype, copy=False)
    scores = np.asarray(inputs @ weights) + intercept.astype(inputs.dtype, copy=False)
    return scores[:, 0] if len(coef) == 1 else scores


def _scaled(spec: Spec, X: Any) -> Any:
    scaling = spec.scaled_by
    if not is_matrix(X):
        return scaling.apply(X)
    if np.any(scaling.offset) or scaling.fill is not None:
        return scaling.apply(X.toarray())
    scaled = X.multiply(np.broadcast_to(scaling.scale, X.shape[1])).tocsr()
    if scaling.limit is not None:
        np.clip(scaled.data, -scaling.limit, scaling.limit, out=scaled.data)
    return scaled


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Probability of each class, ``[n_samples, n_classes]``, from what `decision` returned.

    >>> probabilities(np.array([0.0])).tolist()
    [[0.5, 0.5]]
    """
    return _of_both(expit, scores) if scores.ndim == 1 else softmax(scores, axis=1)


def log_probabilities(scores: np.ndarray) -> np.ndarray:
    """The logarithms of `probabilities`, exact where these are rounded to 0 or 1."""
    return _of_both(log_expit, scores) if scores.ndim == 1 else log_softmax(scores, axis=1)


def _of_both(function: Any, scores: np.ndarray) -> np.ndarray:
    return np.column_stack([function(-scores), function(scores)])
