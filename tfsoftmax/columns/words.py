"""Texts as the words and pairs of neighbouring words that they have, hashed."""

from __future__ import annotations

import tensorflow as tf

from tfsoftmax.columns.categories import hash_of
from tfsoftmax.columns.column import Column
from tfsoftmax.columns.entries import Entries

# What TensorFlow does not put in lower case as Unicode has it: it reads no further than a zero,
# and takes the lower case of these letters from the machine's language (Turkish, Lithuanian).
_BEFORE_LOWER = {
    r"\x00": " ",
    "\u0130": "i\u0307",
    "\u00cc": "\u00ec",
    "\u00cd": "\u00ed",
    "\u0128": "\u0129",
    "\u012e": "\u012f",
}
# Whatever is no letter, mark on a letter, or digit.
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N} ]+"


def text(column: Column, cells: tf.Tensor) -> Entries:
    """Encodes texts as the shares of their words and word pairs, in rows of length 1.

    A bucket with n words and pairs in it has the value 1 + log(n), divided by the length of the
    row. A text without words has the first feature.

    >>> column = Column("review", "text", ("review",), size=100)
    >>> found = text(column, tf.constant(["Good, good!", "..."]))
    >>> found.rows.numpy().tolist(), found.features.numpy().tolist()
    ([0, 0, 1], [17, 48, 0])
    """
    n_rows = tf.size(cells, tf.int64)
    words, rows = _words_of(cells)
    pairs = tf.strings.join([words[:-1], words[1:]], " ")
    inside = rows[:-1] == rows[1:]
    buckets = tf.concat([hash_of(words, column.size), hash_of(pairs[inside], column.size)], 0)
    places = tf.concat([rows, rows[:-1][inside]], 0) * column.size + buckets
    places, _, counts = tf.unique_with_counts(places, tf.int64)
    rows, buckets = places // column.size, places % column.size
    values = 1 + tf.math.log(tf.cast(counts, tf.float32))
    lengths = tf.sqrt(tf.math.unsorted_segment_sum(values**2, rows, n_rows))
    empty = tf.where(lengths == 0)[:, 0]
    return Entries(
        tf.concat([rows, empty], 0),
        tf.concat([1 + buckets, tf.zeros_like(empty)], 0),
        tf.concat([values / tf.gather(lengths, rows), tf.ones_like(empty, tf.float32)], 0),
        n_rows,
    )


def words_in_buckets(column: Column, text: str) -> dict[int, list[str]]:
    """The words and word pairs of a text by the hash bucket that each falls into.

    >>> words_in_buckets(Column("review", "text", ("review",), size=100), "Good, good!")
    {16: ['good'], 47: ['good good']}
    """
    words = _words_of(tf.constant([text]))[0]
    pairs = tf.strings.join([words[:-1], words[1:]], " ")
    found: dict[int, list[str]] = {}
    for term in dict.fromkeys([*words.numpy(), *pairs.numpy()]):
        bucket = int(hash_of(tf.constant([term]), column.size)[0])
        found.setdefault(bucket, []).append(term.decode())
    return found


def lowered(cells: tf.Tensor) -> tf.Tensor:
    """Texts in lower case, as Unicode has it; a zero is a blank."""
    lower = tf.strings.lower(cells)  # of ASCII letters, which is the same everywhere
    for found, other in _BEFORE_LOWER.items():
        lower = tf.strings.regex_replace(lower, found, other)
    return tf.strings.lower(lower, encoding="utf-8")


def _words_of(cells: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All words in lower case, in order, and the row of each."""
    spaced = tf.strings.regex_replace(lowered(cells), _BETWEEN_WORDS, " ")
    found = tf.raw_ops.StringSplitV2(input=spaced, sep="")
    return found.values, found.indices[:, 0]
