"""Generated sparse sets: click logs whose categories are hashed, and documents; seeded."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array


def click_log(
    n_rows: int, n_columns: int, n_fields: int = 75, n_classes: int = 20, tilt: float = 0.5
) -> tuple[csr_array, np.ndarray]:
    """Rows of a log: one category of each field, by Zipf's law, that the class makes likelier.

    Args:
      n_columns: all fields' categories together; each has a column, as after hashing.
      n_fields: the entries of a row, each 1.
      tilt: how much classes differ: the deviation of the log-probabilities of a category.

    Returns:
      float32 ``[n_rows, n_columns]`` whose indices ascend in each row, and labels ``[n_rows]``.
    """
    rng = np.random.default_rng([2026, n_rows, n_columns])
    labels = rng.integers(0, n_classes, n_rows, dtype=np.int32)
    rows_of = [np.flatnonzero(labels == k) for k in range(n_classes)]
    places = np.array_split(rng.permutation(n_columns).astype(np.int32), n_fields)
    indices = np.empty((n_rows, n_fields), np.int32)
    for field, columns in enumerate(places):
        usual = 1.0 / np.arange(1, len(columns) + 1)
        for rows in rows_of:
            chances = usual * np.exp(tilt * rng.normal(size=len(columns)))
            ends = np.cumsum(chances)
            drawn = np.searchsorted(ends, rng.random(len(rows)) * ends[-1], side="right")
            indices[rows, field] = columns[np.minimum(drawn, len(columns) - 1)]
    indices.sort(axis=1)
    starts = np.arange(n_rows + 1, dtype=np.int32) * n_fields
    values = np.ones(indices.size, np.float32)
    return csr_array((values, indices.ravel(), starts), shape=(n_rows, n_columns)), labels


def documents(
    n_rows: int, n_words: int = 30_000, n_classes: int = 16, length: int = 80
) -> tuple[list[str], np.ndarray]:
    """Texts of words by Zipf's law, of about `length` words; each class prefers some of them."""
    rng = np.random.default_rng([2026, n_rows, n_words])
    labels = rng.integers(0, n_classes, n_rows, dtype=np.int32)
    lengths = rng.poisson(length, n_rows) + 5
    words = np.array([f"w{word}" for word in rng.permutation(n_words)], dtype=object)
    usual = 1.0 / np.arange(10, n_words + 10)
    texts = np.empty(n_rows, dtype=object)
    for k in range(n_classes):
        ends = np.cumsum(usual * np.exp(0.45 * rng.normal(size=n_words)))
        for row in np.flatnonzero(labels == k):
            drawn = np.searchsorted(ends, rng.random(lengths[row]) * ends[-1])
            texts[row] = " ".join(words[np.minimum(drawn, n_words - 1)])
    return texts.tolist(), labels
