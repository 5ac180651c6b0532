"""From the cells of a table to features, by TensorFlow: when rows are read, and in served graphs.

There is one implementation, so a served model encodes a row as training did. It has built-in
operations only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfsoftmax.columns.column import Column, Encoding
from tfsoftmax.columns.entries import Entries, concatenate

Cells = Mapping[str, tf.Tensor]


def encode(encoding: Encoding, cells: Cells) -> Entries:
    """The features of some rows, not scaled.

    Args:
      encoding: how the columns become features.
      cells: for each of its inputs a tensor ``[n_rows]`` of its dtype.

    >>> from tfsoftmax.columns.column import Input
    >>> encoding = Encoding((Input("sex", "string"),), (
    ...     Column("sex", "category", ("sex",), ("f", "m")),))
    >>> encode(encoding, {"sex": tf.constant(["m", "", "x"])}).features.numpy().tolist()
    [3, 0, 1]
    """
    parts = []
    for first, column in zip(encoding.offsets, encoding.columns, strict=False):
        found = _ENCODERS[column.kind](column, [cells[name] for name in column.inputs])
        parts.append(found._replace(features=found.features + first))
    return concatenate(parts)


def _number(column: Column, cells: list[tf.Tensor]) -> Entries:
    values = tf.cast(cells[0], tf.float32)
    return _one_each(tf.zeros_like(values, tf.int64), values)


def _category(column: Column, cells: list[tf.Tensor]) -> Entries:
    (texts,) = cells
    if texts.dtype != tf.string:
        texts = tf.strings.as_string(texts)
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            ["", *column.vocabulary],
            tf.constant([0, *range(2, 2 + len(column.vocabulary))], tf.int64),
        ),
        1,
    )
    return _one_each(table.lookup(texts))


def _one_each(features: tf.Tensor, values: tf.Tensor | None = None) -> Entries:
    """One entry in each row."""
    n_rows = tf.size(features, tf.int64)
    ones = tf.ones_like(features, tf.float32)
    return Entries(tf.range(n_rows), features, ones if values is None else values, n_rows)


_ENCODERS: dict[str, Callable[[Column, list[tf.Tensor]], Entries]] = {
    "number": _number,
    "category": _category,
}
