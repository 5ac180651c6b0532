"""Texts as counts of known words and sequences of words, as scikit-learn's vectorizers do it."""

from __future__ import annotations

import tensorflow as tf

from tfsoftmax.columns.column import Column
from tfsoftmax.columns.entries import Entries
from tfsoftmax.columns.words import lowered

# What Python's regular expressions take for no letter, digit or underscore.
_BETWEEN_WORDS = r"[^\p{L}\p{N}_ ]+"


class TermCounts(tf.Module):
    """Encodes texts by a vocabulary of terms: words, and sequences of neighbouring words.

    A text without known terms has the first feature.

    >>> from tfsoftmax.columns.column import Terms
    >>> column = Column("x", "terms", ("x",), ("bad", "good"), terms=Terms(norm=None))
    >>> found = TermCounts(column)(tf.constant(["Good, good!", "so so"]))
    >>> found.features.numpy().tolist(), found.values.numpy().tolist()
    ([2, 0], [2.0, 1.0])
    """

    def __init__(self, column: Column):
        super().__init__()
        assert column.terms is not None
        self._terms = column.terms
        self._size = len(column.vocabulary)
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(column.vocabulary, tf.string), tf.range(self._size, dtype=tf.int64)
            ),
            -1,
        )

    def __call__(self, cells: tf.Tensor) -> Entries:
        """Takes texts ``[n_rows]``."""
        terms, n_rows = self._terms, tf.size(cells, tf.int64)
        found, rows = self._found(cells)
        known = found >= 0
        places, _, counts = tf.unique_with_counts((rows * self._size + found)[known], tf.int64)
        rows, found = places // self._size, places % self._size
        values = tf.cast(counts, tf.float32)
        if terms.binary:
            values = tf.ones_like(values)
        if terms.sublinear:
            values = 1 + tf.math.log(values)
        if terms.weights:
            values *= tf.gather(tf.constant(terms.weights, tf.float32), found)
        if terms.norm == "l1":
            values /= tf.gather(tf.math.unsorted_segment_sum(tf.abs(values), rows, n_rows), rows)
        if terms.norm == "l2":
            squares = tf.math.unsorted_segment_sum(values**2, rows, n_rows)
            values /= tf.sqrt(tf.gather(squares, rows))
        empty = tf.where(tf.math.unsorted_segment_sum(tf.ones_like(values), rows, n_rows) == 0)[
            :, 0
        ]
        return Entries(
            tf.concat([rows, empty], 0),
            tf.concat([1 + found, tf.zeros_like(empty)], 0),
            tf.concat([values, tf.ones_like(empty, tf.float32)], 0),
            n_rows,
        )

    def _found(self, cells: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The place of each term in the vocabulary, -1 if it is in none, and its row."""
        words, rows = self._words(cells)
        shortest, longest = self._terms.lengths
        places, of_rows = [], []
        for length in range(shortest, longest + 1):
            n = tf.maximum(tf.size(words) - length + 1, 0)
            parts = [words[start : start + n] for start in range(length)]
            inside = rows[:n] == rows[length - 1 : length - 1 + n]
            places.append(self._table.lookup(tf.strings.join(parts, " ")[inside]))
            of_rows.append(rows[:n][inside])
        return tf.concat(places, 0), tf.concat(of_rows, 0)

    def _words(self, cells: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        texts = lowered(cells) if self._terms.lowercase else cells
        spaced = tf.strings.regex_replace(texts, _BETWEEN_WORDS, " ")
        found = tf.raw_ops.StringSplitV2(input=spaced, sep="")
        long_enough = tf.strings.length(found.values, "UTF8_CHAR") >= self._terms.shortest_word
        return found.values[long_enough], found.indices[:, 0][long_enough]
