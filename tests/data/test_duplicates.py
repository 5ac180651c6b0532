"""Test rows that are training rows too."""

import numpy as np
import pytest

from tfsoftmax import Dataset, Spec, Split, from_arrays
from tfsoftmax.data.duplicates import shared_rows


def test_test_rows_that_are_training_rows_are_counted():
    rows = np.array([[1.5, 0.0], [2, 3], [4, 5], [6, 7]], np.float32)
    again = np.array([[9, 9], [4, 5], [1.5, -0.0], [4, 5], [5, 4]], np.float32)
    dataset = from_arrays(rows, [0, 1, 0, 1], test=(again, [0, 1, 0, 1, 0]))
    assert shared_rows(dataset) == (3, 1)
    assert shared_rows(from_arrays(rows, [0, 1, 0, 1], test=(again[:1], [0]))) == (0, None)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_rows_are_counted_twice_exactly_where_numpy_finds_them_equal(dtype):
    generator = np.random.default_rng(0)
    train, test = (generator.integers(3, size=(200, 5)).astype(dtype) for _ in range(2))
    spec = Spec((5,), dtype, ("a", "b"))
    labels = np.arange(200, dtype=np.int32) % 2
    found = shared_rows(Dataset("made", spec, Split(train, labels), Split(test, labels)))
    equal = (test[:, None] == train[None]).all(axis=2).any(axis=1)
    assert found == (equal.sum(), equal.argmax())
