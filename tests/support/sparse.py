"""Sparse rows made for tests."""

import numpy as np
import scipy.sparse

from tfsoftmax import Dataset, Spec, Split
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows


class InFile(SparseFeatures):
    """Sparse rows that are read anew each time, as from a file."""

    in_file = True

    def __init__(self, matrix):
        self._rows, self.shape = SparseRows(matrix), matrix.shape
        self.nbytes = self._rows.nbytes

    nbytes = 0

    def read_sparse(self, blocks):
        return self._rows.read_sparse(blocks)

    def take(self, indices):
        return self._rows.take(indices)


def sparse_matrix(n_rows=300, n_features=700, entries=8, seed=0):
    """Rows of about so many entries; low columns are frequent, and some rows are empty."""
    generator = np.random.default_rng(seed)
    counts = generator.poisson(entries, n_rows)
    counts[::50] = 0
    rows = np.repeat(np.arange(n_rows), counts)
    columns = (n_features * generator.random(len(rows)) ** 3).astype(np.int32)
    values = generator.normal(1, 0.5, len(rows)).astype(np.float32)
    return scipy.sparse.coo_array((values, (rows, columns)), (n_rows, n_features)).tocsr()


def sparse_dataset(n_train=300, n_test=60, n_features=700, n_classes=3, seed=0, weights=None):
    """Rows whose classes are those of a linear model with noise."""
    generator = np.random.default_rng(seed)
    matrix = sparse_matrix(n_train + n_test, n_features, seed=seed)
    scores = matrix @ generator.normal(size=(n_features, n_classes))
    labels = (scores + generator.gumbel(size=scores.shape)).argmax(axis=1).astype(np.int32)
    names = tuple(f"class {index}" for index in range(n_classes))
    train = Split(SparseRows(matrix[:n_train]), labels[:n_train], weights)
    test = Split(SparseRows(matrix[n_train:]), labels[n_train:])
    return Dataset("made", Spec((n_features,), "float32", names), train, test)


def with_zeros(dataset):
    """The same dataset with its zeros filled in."""
    parts = [
        Split(np.asarray(part.features), part.labels, part.weights)
        for part in (dataset.train, dataset.test)
    ]
    return Dataset(dataset.name, dataset.spec, *parts)
