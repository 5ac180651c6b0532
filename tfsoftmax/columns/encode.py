"""From the cells of a table to features, by TensorFlow: when rows are read, and in served graphs.

There is one implementation, so a served model encodes a row as training did. It has built-in
operations only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import tensorflow as tf

from tfsoftmax.columns.categories import Category, buckets, cross, hashed
from tfsoftmax.columns.column import Column, Encoding
from tfsoftmax.columns.dates import date
from tfsoftmax.columns.entries import Entries, concatenate
from tfsoftmax.columns.numbers import number
from tfsoftmax.columns.terms import TermCounts
from tfsoftmax.columns.words import text

Cells = Mapping[str, tf.Tensor]


class Encoder(tf.Module):
    """Encodes the rows of a table; a served model has it as an attribute, with its vocabularies.

    >>> from tfsoftmax.columns.column import Input
    >>> encoding = Encoding((Input("sex", "string"),), (
    ...     Column("sex", "category", ("sex",), ("f", "m")),))
    >>> Encoder(encoding)({"sex": tf.constant(["m", "", "x"])}).features.numpy().tolist()
    [3, 0, 1]
    """

    def __init__(self, encoding: Encoding):
        super().__init__()
        self.encoding = encoding
        self._encoders = [_encoder(column) for column in encoding.columns]

    def __call__(self, cells: Cells) -> Entries:
        """The features of some rows, not scaled.

        Args:
          cells: for each input of the encoding a tensor ``[n_rows]`` of its dtype.
        """
        parts = []
        columns = zip(self.encoding.offsets, self.encoding.columns, self._encoders, strict=False)
        for first, column, encode in columns:
            found = encode(*(cells[name] for name in column.inputs))
            parts.append(found._replace(features=found.features + first))
        return concatenate(parts)


def _encoder(column: Column) -> Callable[..., Entries]:
    """The function from the cells of a column's inputs to its features."""
    if column.kind == "category":
        return Category(column)
    if column.kind == "terms":
        return TermCounts(column)
    return partial(_ENCODERS[column.kind], column)


_ENCODERS: dict[str, Callable[..., Entries]] = {
    "number": number,
    "boolean": number,
    "hashed": hashed,
    "cross": cross,
    "buckets": buckets,
    "date": date,
    "text": text,
}
