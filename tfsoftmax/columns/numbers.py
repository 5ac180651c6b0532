"""Numbers, and words that stand for them, as one feature each."""

from __future__ import annotations

import tensorflow as tf

from tfsoftmax.columns.column import FALSE_WORDS, TRUE_WORDS, Column
from tfsoftmax.columns.entries import Entries, one_each


def number(column: Column, cells: tf.Tensor) -> Entries:
    """Takes numbers as they are, and words for yes and no as 1 and 0; NaN is missing.

    >>> number(Column("x", "boolean", ("x",)), tf.constant(["Yes", "no", ""])).values.numpy()
    array([ 1.,  0., nan], dtype=float32)
    """
    values = _of_words(cells) if cells.dtype == tf.string else tf.cast(cells, tf.float32)
    return one_each(tf.zeros_like(values, tf.int64), values)


def _of_words(cells: tf.Tensor) -> tf.Tensor:
    words = tf.strings.lower(tf.strings.strip(cells))[:, None]
    known = tf.where(tf.reduce_any(words == FALSE_WORDS, axis=1), 0.0, float("nan"))
    return tf.where(tf.reduce_any(words == TRUE_WORDS, axis=1), 1.0, known)
