"""Categories as features of 0 and 1: of a vocabulary, hashed, crossed, ranges of a number."""

from __future__ import annotations

import tensorflow as tf

from tfsoftmax.columns.column import Column
from tfsoftmax.columns.entries import Entries, one_each
from tfsoftmax.columns.row_encoder import HASH_KEY


class Category(tf.Module):
    """Encodes a column of categories that each have a feature.

    >>> Category(Column("x", "category", ("x",), ("a", "b")))(tf.constant(["b ", "", "c"])).features
    <tf.Tensor: shape=(3,), dtype=int64, numpy=array([3, 0, 1])>
    """

    def __init__(self, column: Column):
        super().__init__()
        features = [0, *range(2, 2 + len(column.vocabulary))]
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(["", *column.vocabulary], tf.string), tf.constant(features, tf.int64)
            ),
            1,
        )

    def __call__(self, cells: tf.Tensor) -> Entries:
        """Takes cells ``[n_rows]``, texts or int64."""
        return one_each(self._table.lookup(as_texts(cells)))


def hashed(column: Column, cells: tf.Tensor) -> Entries:
    """Encodes categories by their hash.

    >>> hashed(Column("x", "hashed", ("x",), size=9), tf.constant(["", "Biscoe"])).features.numpy()
    array([0, 3])
    """
    texts = as_texts(cells)
    return one_each(
        tf.where(texts == "", tf.constant(0, tf.int64), 1 + hash_of(texts, column.size))
    )


def cross(column: Column, *cells: tf.Tensor) -> Entries:
    """Encodes several columns together: each combination of their cells by its hash.

    What is hashed is, of each cell, its length in bytes, a colon and the cell, so that no two
    combinations are the same text.
    """
    texts = [as_texts(each) for each in cells]
    lengths = [tf.strings.as_string(tf.strings.length(each)) for each in texts]
    parts = [
        part for length, each in zip(lengths, texts, strict=True) for part in (length, ":", each)
    ]
    missing = tf.strings.join(texts) == ""
    buckets = 1 + hash_of(tf.strings.join(parts), column.size)
    return one_each(tf.where(missing, tf.constant(0, tf.int64), buckets))


def buckets(column: Column, cells: tf.Tensor) -> Entries:
    """Encodes a number by the range that it is in.

    >>> buckets(Column("x", "buckets", ("x",), boundaries=(1.0, 2.0)),
    ...         tf.constant([float("nan"), 0.5, 1.0, 9.0])).features.numpy().tolist()
    [0, 1, 2, 3]
    """
    values = tf.cast(cells, tf.float32)
    above = values[:, None] >= tf.constant(column.boundaries, tf.float32)
    ranges = 1 + tf.math.count_nonzero(above, axis=1)
    return _unless_missing(tf.math.is_nan(values), ranges)


def as_texts(cells: tf.Tensor) -> tf.Tensor:
    """Cells as texts without blanks around them; of a column of 0 and 1, ``"0"`` and ``"1"``."""
    if cells.dtype == tf.string:
        return tf.strings.strip(cells)
    if cells.dtype.is_floating:
        words = tf.where(cells != 0, "1", "0")
        return tf.where(tf.math.is_nan(cells), "", words)
    return tf.strings.as_string(cells)


def hash_of(texts: tf.Tensor, size: int) -> tf.Tensor:
    """The hash bucket of each text, int64, as `row_encoder.bucket_of` has it."""
    return tf.strings.to_hash_bucket_strong(texts, size, list(HASH_KEY))


def _unless_missing(missing: tf.Tensor, features: tf.Tensor) -> Entries:
    """One entry in each row: of the first feature where the cell is missing."""
    return one_each(tf.where(missing, tf.constant(0, tf.int64), features))
