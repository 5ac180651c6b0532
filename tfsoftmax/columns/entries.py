"""``Entries``: the entries of sparse rows that are not 0, as tensors; also those of a few rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Entries(NamedTuple):
    """Sparse rows ``[n_rows, n_features]``, entry by entry.

    Entries of one place in a row are added up. The order of the entries does not matter.

    Attributes:
      rows: int64 ``[n_entries]`` in ``[0, n_rows)``.
      features: int64 ``[n_entries]`` in ``[0, n_features)``.
      values: float32 ``[n_entries]``.
      n_rows: int64 scalar.
    """

    rows: tf.Tensor
    features: tf.Tensor
    values: tf.Tensor
    n_rows: tf.Tensor

    def product(self, W: tf.Tensor) -> tf.Tensor:
        """These rows times a matrix ``[n_features, n]``: ``[n_rows, n]``.

        >>> entries = Entries(*map(tf.constant, ([0, 2], [1, 0], [1.0, 2.0], 3)))
        >>> entries.product(tf.constant([[10.0], [1.0]])).numpy().tolist()
        [[1.0], [0.0], [20.0]]
        """
        terms = self.values[:, None] * tf.gather(W, self.features)
        return tf.math.unsorted_segment_sum(terms, self.rows, self.n_rows)

    def tensor(self, n_features: int) -> tf.SparseTensor:
        """The same rows as TensorFlow has them, ``[n_rows, n_features]``."""
        places = tf.stack([self.rows, self.features], axis=1)
        return tf.SparseTensor(places, self.values, tf.stack([self.n_rows, n_features]))

    def matrix(self, n_features: int) -> csr_array:
        """The same rows as SciPy has them; indices ascend in each row.

        >>> Entries(*map(tf.constant, ([1, 1], [2, 0], [1.0, 2.0], 2))).matrix(3).toarray()
        array([[0., 0., 0.],
               [2., 0., 1.]], dtype=float32)
        """
        from scipy.sparse import coo_array

        places = self.rows.numpy(), self.features.numpy().astype(np.int32)
        shape = int(self.n_rows), n_features
        return coo_array((self.values.numpy(), places), shape=shape).tocsr()

    def dense(self, n_features: int) -> tf.Tensor:
        """The same rows as a matrix, float32 ``[n_rows, n_features]``."""
        places = tf.stack([self.rows, self.features], axis=1)
        return tf.scatter_nd(places, self.values, tf.stack([self.n_rows, n_features]))


class Numbered(NamedTuple):
    """Sparse rows ``[n_rows, n_features]``, whose features are numbered by their first entries.

    Most features of a few rows have one entry there. So these are neither looked up nor added up.

    Attributes:
      rows: int32 ``[n_features]`` in ``[0, n_rows)``, of one entry of each feature in turn.
      values: float32 ``[n_features]``, theirs.
      others: the features' other entries.
    """

    rows: tf.Tensor
    values: tf.Tensor
    others: Entries

    def product(self, W: tf.Tensor) -> tf.Tensor:
        """These rows times a matrix ``[n_features, n]``: ``[n_rows, n]``.

        >>> others = Entries(*map(tf.constant, ([2], [1], [3.0], 3)))
        >>> entries = Numbered(tf.constant([2, 0]), tf.constant([2.0, 1.0]), others)
        >>> entries.product(tf.constant([[10.0], [1.0]])).numpy().tolist()
        [[1.0], [0.0], [23.0]]
        """

        # TensorFlow's own gradient of the sums looks for negative rows, which takes longer.
        @tf.custom_gradient
        def product(W: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            rows, features, values, n_rows = self.others
            sums = tf.math.unsorted_segment_sum(self.values[:, None] * W, self.rows, n_rows)
            terms = values[:, None] * tf.gather(W, features)
            # Added to these rather than by themselves: XLA's threads would pass small sums around.
            return tf.tensor_scatter_nd_add(sums, rows[:, None], terms), self.transposed_product

        return product(W)

    def transposed_product(self, of_rows: tf.Tensor) -> tf.Tensor:
        """The transposed rows times a matrix ``[n_rows, n]``: ``[n_features, n]``."""
        sums = self.values[:, None] * tf.gather(of_rows, self.rows)
        terms = self.others.values[:, None] * tf.gather(of_rows, self.others.rows)
        return tf.tensor_scatter_nd_add(sums, self.others.features[:, None], terms)


def entries_of(matrix: csr_array, dtype: tf.DType = tf.float32) -> Entries:
    """The entries of compressed rows, row after row.

    >>> import scipy.sparse
    >>> entries_of(scipy.sparse.csr_array([[0.0, 2.0], [1.0, 0.0]])).features.numpy().tolist()
    [1, 0]
    """
    n_rows = matrix.shape[0]
    return Entries(
        tf.constant(np.repeat(np.arange(n_rows), np.diff(matrix.indptr)), tf.int64),
        tf.constant(matrix.indices, tf.int64),
        tf.constant(matrix.data, dtype),
        tf.constant(n_rows, tf.int64),
    )


def concatenate(parts: list[Entries]) -> Entries:
    """Entries of the same rows, together."""
    rows, features, values = (
        tf.concat(each, 0) for each in zip(*(p[:3] for p in parts), strict=True)
    )
    return Entries(rows, features, values, parts[0].n_rows)


def one_each(features: tf.Tensor, values: tf.Tensor | None = None) -> Entries:
    """One entry in each row.

    Args:
      features: int64 ``[n_rows]``.
      values: float32 ``[n_rows]``; None is 1.
    """
    n_rows = tf.size(features, tf.int64)
    ones = tf.ones_like(features, tf.float32)
    return Entries(tf.range(n_rows), features, ones if values is None else values, n_rows)
