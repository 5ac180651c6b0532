"""Evaluates a model in memory."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.columns.entries import Entries
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.inputs import labels_for, rows_for
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.device import device_blocks
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.metrics import Evaluation
from tfsoftmax.model import SoftmaxRegression, check_model
from tfsoftmax.prediction import check_answered
from tfsoftmax.row_scores import RowScores
from tfsoftmax.spec import Spec

# Float32 numbers (4 MB of features or logits) that stay in a core's cache between the cast and the
# matmul; larger parts would go through memory twice.
_CACHED_NUMBERS = 2**20
# Traces that are kept: cross-validation, or a notebook, measures models of few specs.
_KEPT = 16


@lru_cache(maxsize=_KEPT)
def _scorer(spec: Spec, sparse: bool, dtype: Any) -> Any:
    """`_score`, traced once for all models of a spec and for any number of rows."""
    model = SoftmaxRegression(spec)

    @tf.function(autograph=False)
    def score(
        W: tf.Tensor, b: tf.Tensor, features: tf.Tensor | Entries, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # What is traced, and kept, has no parameters of its own.
        model.W, model.b = W, b
        return _score(model, features, labels)

    numbers, indices = (tf.TensorSpec([None], dtype) for dtype in (tf.float32, tf.int64))
    return score.get_concrete_function(
        tf.TensorSpec(model.W.shape),
        tf.TensorSpec(model.b.shape),
        Entries(indices, indices, numbers, tf.TensorSpec([], tf.int64))
        if sparse
        else tf.TensorSpec([None, spec.n_features], dtype),
        tf.TensorSpec([None], tf.int32),
    )


def _score(
    model: SoftmaxRegression, features: tf.Tensor | Entries, labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Loss, predicted class and its probability of each row."""
    if isinstance(features, Entries):
        # Blocks of entries are small already.
        return _figures(model.logits(features), labels)
    part_rows = max(1, _CACHED_NUMBERS // max(model.spec.n_features, model.spec.n_classes))
    parts = -(-tf.shape(labels)[0] // part_rows)

    def score_part(
        part: tf.Tensor,
        losses: tf.TensorArray,
        predicted: tf.TensorArray,
        confidences: tf.TensorArray,
    ) -> tuple[tf.Tensor, ...]:
        rows = slice(part * part_rows, (part + 1) * part_rows)
        found = _figures(model.logits(features[rows]), labels[rows])
        results = zip((losses, predicted, confidences), found, strict=True)
        return (part + 1, *(result.write(part, figures) for result, figures in results))

    empty = (
        tf.TensorArray(dtype, size=parts, infer_shape=False, element_shape=[None])
        for dtype in (tf.float32, tf.int32, tf.float32)
    )
    _, losses, predicted, confidences = tf.while_loop(
        # Two parts at a time keep all cores busy.
        lambda part, *_: part < parts,
        score_part,
        (0, *empty),
        parallel_iterations=2,
    )
    return losses.concat(), predicted.concat(), confidences.concat()


def _figures(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    classes = tf.argmax(logits, axis=-1, output_type=tf.int32)
    confidences = tf.exp(-ops.cross_entropy(logits, classes))
    return ops.cross_entropy(logits, labels), classes, confidences


def score_rows(model: SoftmaxRegression, split: Any) -> RowScores:
    """What there is to know of a model's answer to each row, to group or compare rows by.

    Args:
      model: the model.
      split: rows and their classes, as for `evaluate`.

    Raises:
      as `evaluate`; DataError if there are no rows.

    >>> from tfsoftmax import Spec
    >>> model = SoftmaxRegression(Spec((1,), "float32", ("no", "yes")))
    >>> scores = score_rows(model, ([[1.0], [2.0], [3.0]], ["no", "yes", "no"]))
    >>> [(found.value, found.rows, found.accuracy) for found in scores.by(["new", "old", "new"])]
    [('new', 2, 1.0), ('old', 1, 0.0)]
    """
    split = _split(model, split)
    blocks = model._asked_with(split.features, np.asarray(split.labels), "rows")
    return RowScores.of(blocks, model.spec.class_names, model.spec.reject_below)


def evaluate(model: SoftmaxRegression, split: Any, *, probabilities: bool = False) -> Evaluation:
    """Accuracy, log-loss and confusion matrix of a model in memory.

    Args:
      model: the model.
      split: rows with ``features [n_samples, n_features]`` (raw) and
        ``labels [n_samples]``, as arrays or tensors; or a pair of features, as
        `RowClassifier.predict_proba` takes them, and labels, the names of their classes.
      probabilities: whether to compute what needs the probabilities of all classes, too: top-k
        accuracy, Brier score, ROC AUC and average precision (`Evaluation.of_probabilities`). The
        rows are then read twice.

    Raises:
      ValueError: if there are no rows.
      UsageError: if it is neither, or `model` is none.
      ModelError: if the model does not take the features of a pair, or know a class of it.
      DataError: naming a row whose scores overflow, if the model may not abstain.

    >>> from tfsoftmax import Spec
    >>> model = SoftmaxRegression(Spec((1,), "float32", ("no", "yes")))
    >>> evaluate(model, ([[1.0], [2.0]], ["no", "yes"])).accuracy
    0.5
    """
    split = _split(model, split)
    n_samples = len(split.labels)
    if not n_samples:
        raise ValueError("cannot evaluate on no rows")
    sparse = taken_sparse(split.features, model.spec)
    score = _scorer(model.spec, sparse, tf.as_dtype(split.features.dtype))
    W, b = (tf.convert_to_tensor(parameter) for parameter in model.parameters)
    blocks: list[list[np.ndarray]] = []
    done = 0
    for features, labels in device_blocks(split, model.spec):
        found = [part.numpy() for part in score(W, b, features, labels)]
        check_answered(model.spec, split.features, found[0], "rows", start=done)
        done += len(found[0])
        blocks.append(found)
    losses, predicted, confidences = map(np.concatenate, zip(*blocks, strict=True))
    return Evaluation.of(
        np.asarray(split.labels),
        predicted,
        losses,
        model.spec.n_classes,
        confidences,
        model.spec.reject_below,
        score_rows(model, split).probability_metrics() if probabilities else None,
    )


def _split(model: SoftmaxRegression, given: Any) -> Any:
    """The rows and labels of a `Split`, or of a pair (X, y)."""
    check_model(model)
    if isinstance(given, tuple | list) and len(given) == 2:
        rows = rows_for(model.spec, given[0])
        labels = labels_for(model.spec, given[1])
        if len(rows) != len(labels):
            raise DataError(f"{len(rows):,} rows but {len(labels):,} labels; each row needs one")
        return Split(rows, labels)
    if not (hasattr(given, "features") and hasattr(given, "labels")):
        hint = "dataset.test, for example" if isinstance(given, Dataset) else "or (X, y)"
        raise UsageError(f"expected a Split ({hint}) to evaluate on, not {type(given).__name__}")
    return given
