"""Models of sparse rows as they are exported: only the rows of W that are not zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.columns.entries import Entries
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Scaling, Spec


class PackedModel(tf.Module):
    """A model of the features that make a difference, and a table of where they are.

    Attributes:
      model: of these features, and before them one that stands for all others and counts nothing.
      places: int32 ``[n_features]``: of each feature its index in `model`, 0 for the others.
    """

    def __init__(self, model: SoftmaxRegression):
        """Packs a trained model whose spec keeps zeros (`Spec.keeps_zeros`)."""
        super().__init__(name="packed_model")
        spec, W = model.spec, model.W.numpy()
        scaling = spec.scaled_by
        kept = W[: spec.n_features].any(axis=1)
        kept[list(scaling.indicators)] = True
        features = np.flatnonzero(kept)
        places = np.zeros(spec.n_features, np.int32)
        places[features] = np.arange(1, len(features) + 1)
        self.places = tf.Variable(places, trainable=False, name="places")
        few = Spec(
            (len(features) + 1,),
            spec.dtype,
            spec.class_names,
            scaling=_scaling_of(scaling, features, places),
        )
        self.model = SoftmaxRegression(few)
        nothing, of_missing = np.zeros_like(W[:1]), W[spec.n_features :]
        self.model.W.assign(np.concatenate([nothing, W[features], of_missing]))
        self.model.b.assign(model.b)

    def probabilities(self, entries: Entries) -> tf.Tensor:
        """Probability of each class, float32 ``[n_rows, n_classes]``."""
        return self.model.probabilities(self.packed(entries))

    def padded_logits(self, ids: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Scores from padded rows, with operations that every TFLite runtime has.

        Args:
          ids: int32 ``[n, k]``; below 0 there is no entry.
          values: float32 ``[n, k]``.

        Returns:
          float32 ``[n, n_classes]``.
        """
        model, scaling = self.model, self.model.spec.scaled_by
        there = tf.cast(ids >= 0, tf.int32)
        places = tf.gather(self.places, ids * there) * there
        missing = tf.not_equal(values, values)
        if model.fill is not None:
            values = tf.where(missing, tf.gather(model.fill, places), values)
        offset, scale = (_of_places(each, places) for each in (model.offset, model.scale))
        numbers = (values - offset) * scale
        if model.limit is not None:
            numbers = tf.clip_by_value(numbers, -model.limit, model.limit)
        numbers = tf.where(places > 0, numbers, tf.zeros_like(numbers))
        n_features = model.spec.n_features
        W = model.W[:n_features]
        logits = _summed(numbers, W, places) + model.b
        if scaling.indicators:
            of_missing = tf.scatter_nd(
                np.array(scaling.indicators)[:, None], model.W[n_features:], W.shape
            )
            logits += _summed(tf.cast(missing, tf.float32), of_missing, places)
        return logits

    def packed(self, entries: Entries) -> Entries:
        """The entries as the model of few features takes them."""
        places = tf.gather(self.places, entries.features)
        # What counts nothing must not be NaN, which times zero is NaN.
        values = tf.where(places > 0, entries.values, tf.zeros_like(entries.values))
        return entries._replace(features=tf.cast(places, tf.int64), values=values)


def unpack(spec: Spec, packed: Any) -> SoftmaxRegression:
    """The trained model from a `PackedModel` that was loaded again.

    Args:
      spec: of the trained model.
      packed: has its `places`, `model.W` and `model.b`.

    Raises:
      AttributeError, ValueError, IndexError: if it is not packed from such a model.
    """
    model, places, W = SoftmaxRegression(spec), packed.places.numpy(), packed.model.W.numpy()
    of_missing = W[len(W) - len(spec.scaled_by.indicators) :]
    model.W.assign(np.concatenate([W[places], of_missing]))
    model.b.assign(packed.model.b)
    return model


def _of_places(numbers: np.ndarray, places: tf.Tensor) -> np.ndarray | tf.Tensor:
    return tf.gather(numbers, places) if numbers.ndim else numbers


def _summed(numbers: tf.Tensor, W: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The rows of W at some places, each times a number, added up for each row."""
    return tf.matmul(numbers[:, None], tf.gather(W, places))[:, 0]


def _scaling_of(scaling: Scaling, features: np.ndarray, places: np.ndarray) -> Scaling:
    """The scaling of a feature that counts nothing, and then of some features."""

    def picked(numbers: Any, first: float) -> Any:
        some = np.asarray(numbers)[features].tolist() if isinstance(numbers, tuple) else None
        return numbers if some is None else (first, *some)

    return replace(
        scaling,
        offset=picked(scaling.offset, 0.0),
        scale=picked(scaling.scale, 1.0),
        fill=picked(scaling.fill, 0.0),
        indicators=tuple(places[list(scaling.indicators)].tolist()),
    )
