"""From raw features to the numbers that W multiplies."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.columns.entries import Entries, concatenate
from tfsoftmax.spec import Numbers, Spec

# Few specs are trained on in a process.
_KEPT = 16


class Scaler:
    """Scales raw features as a spec says.

    Attributes:
      spec: what goes in.
      offset, scale: subtracted from each feature, and multiplied with it then.
      fill: what stands for missing values; None where there are none.
      limit: what scaled features are clipped to; None clips nothing.
      indicators: the features that another input tells whether they are missing.
    """

    def __init__(self, spec: Spec):
        scaling = spec.scaled_by
        self.spec = spec
        self.offset, self.scale = _float32(scaling.offset), _float32(scaling.scale)
        self.fill = None if scaling.fill is None else _float32(scaling.fill)
        self.limit, self.indicators = scaling.limit, list(scaling.indicators)

    def scaled(self, features: tf.Tensor | Entries) -> tf.Tensor:
        """Raw features ``[n_samples, n_features]`` as the float32 numbers that W multiplies.

        Of sparse rows only the entries are scaled, so the scaling must keep zeros
        (`Spec.keeps_zeros`).

        Returns:
          ``[n_samples, n_inputs]``, as `Entries` where they were given.
        """
        if isinstance(features, Entries):
            return self._scaled_entries(features)
        raw = values = tf.cast(features, tf.float32)
        if self.fill is not None:
            # NaN alone differs from itself; TFLite has no operation of its own for it.
            values = tf.where(tf.not_equal(raw, raw), self.fill, raw)
        if np.any(self.offset):
            values -= self.offset
        if np.any(self.scale != 1):
            values *= self.scale
        if self.limit is not None:
            values = tf.clip_by_value(values, -self.limit, self.limit)
        if not self.indicators:
            return values
        watched = tf.gather(raw, self.indicators, axis=1)
        return tf.concat([values, tf.where(tf.not_equal(watched, watched), 1.0, 0.0)], axis=1)

    def _scaled_entries(self, entries: Entries) -> Entries:
        rows, features, raw, n_rows = entries
        values, missing = raw, tf.not_equal(raw, raw)

        def of_each(numbers: np.ndarray) -> np.ndarray | tf.Tensor:
            return tf.gather(numbers, features) if numbers.ndim else numbers

        if self.fill is not None:
            values = tf.where(missing, of_each(self.fill), raw)
        if np.any(self.offset):
            values -= of_each(self.offset)
        if np.any(self.scale != 1):
            values *= of_each(self.scale)
        if self.limit is not None:
            values = tf.clip_by_value(values, -self.limit, self.limit)
        scaled = Entries(rows, features, values, n_rows)
        if not self.indicators:
            return scaled
        input_of = np.zeros(self.spec.n_features, np.int64)
        input_of[self.indicators] = range(self.spec.n_features, self.spec.n_inputs)
        inputs = tf.where(missing, tf.gather(input_of, features), 0)
        found = tf.where(inputs)[:, 0]
        ones = tf.ones_like(found, tf.float32)
        indicated = Entries(tf.gather(rows, found), tf.gather(inputs, found), ones, n_rows)
        return concatenate([scaled, indicated])


@lru_cache(maxsize=_KEPT)
def scaler(spec: Spec) -> Callable[[Any], Any]:
    """`Scaler.scaled`, one function for all models of a spec: what is traced of it can be kept.

    >>> spec = Spec((1,), "uint8", ("no", "yes"), (0, 255))
    >>> scaler(spec)(tf.constant([[51]])).numpy().round(3)
    array([[0.2]], dtype=float32)
    >>> scaler(spec) is scaler(spec)
    True
    """
    return Scaler(spec).scaled


def _float32(numbers: Numbers) -> np.ndarray:
    return np.asarray(numbers, np.float32)
