"""How good a model in memory is."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.metrics import BLOCK_ROWS, Evaluation
from tfsoftmax.model import SoftmaxRegression


@tf.function(reduce_retracing=True, autograph=False)
def _score(
    model: SoftmaxRegression, features: tf.Tensor, labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    logits = model.logits(features)
    return ops.cross_entropy(logits, labels), tf.argmax(logits, axis=-1, output_type=tf.int32)


def evaluate(model: SoftmaxRegression, split: Any) -> Evaluation:
    """Accuracy, log-loss and confusion matrix of a model in memory.

    Args:
      model: the model.
      split: rows with ``features [n_samples, n_features]`` (raw) and
        ``labels [n_samples]``, as arrays or tensors.

    Raises:
      ValueError: if there are no rows.
    """
    n_samples = len(split.labels)
    if not n_samples:
        raise ValueError("cannot evaluate on no rows")
    losses, predicted = [], []
    for start in range(0, n_samples, BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block_losses, block_predicted = _score(
            model, tf.convert_to_tensor(split.features[rows]), split.labels[rows]
        )
        losses.append(block_losses.numpy())
        predicted.append(block_predicted.numpy())
    return Evaluation.of(
        np.asarray(split.labels),
        np.concatenate(predicted),
        np.concatenate(losses),
        model.spec.n_classes,
    )
