"""Rows are checked when they are handed in, and only then; what was not checked always is."""

from dataclasses import replace

import numpy as np
import pytest

from tfsoftmax import DataError, Dataset, Recipe, Spec, Split, fit, from_arrays
from tfsoftmax.data.features import features_of
from tfsoftmax.data.record import DataRecord
from tfsoftmax.training.warm_start import warm_start

_SPEC = Spec((4,), "float32", ("no", "yes"))


class CountedRows(type(features_of(np.eye(1)))):
    """Rows of an array that count how often they are gone through, and those taken of them."""

    def __init__(self, array, rows_read):
        super().__init__(array)
        self.rows_read = rows_read

    def read(self, blocks, out):
        count = super().read(blocks, out)
        self.rows_read.append(count)
        return count

    def take(self, indices):
        return CountedRows(super().take(indices), self.rows_read)


def rows_of(n_samples, seed=0):
    features = np.random.default_rng(seed).normal(7, 3, size=(n_samples, 4)).astype(np.float32)
    return Split(features, (features[:, 0] > 7).astype(np.int32))


def with_nan(split, row=3):
    features = split.features.copy()
    features[row, 1] = np.nan
    return features


def test_what_is_done_before_training_goes_through_them_once_for_the_statistics():
    given, rows_read = rows_of(1000), []
    train = replace(given, features=CountedRows(given.features, rows_read))
    dataset = Dataset("counted", _SPEC, train, rows_of(50, seed=1))
    assert sum(rows_read) == 1000
    dataset = replace(dataset, origin=DataRecord.of(dataset))  # whose checksums read all rows
    rows_read.clear()
    known = {"learning_rate": 0.1, "center": False, "l2": 0.1}  # so that no rows are read for them
    recipe = Recipe(epochs=1, validation_fraction=0.2, reject_below=0.3, **known)
    model = fit(dataset, recipe).model
    # The statistics and, to train on, the copy on the device; validation rows are put there, too.
    # Then those whose counts and mean are kept with the model, which is asked for them.
    assert rows_read == [800, 800, 200, 800, 800, 800]
    rows_read.clear()
    warm_start(model, replace(dataset, spec=replace(_SPEC, class_names=("yes", "no"))))
    assert not rows_read


def test_a_dataset_by_hand_is_checked():
    rows = rows_of(20)
    with pytest.raises(DataError, match="by hand: test split, row 3, feature 1: .* missing"):
        Dataset("by hand", _SPEC, rows, replace(rows, features=with_nan(rows)))


def test_features_that_replace_checked_ones_are_checked():
    dataset = Dataset("made", _SPEC, rows_of(20), rows_of(9, seed=1))
    other = replace(dataset.train, features=with_nan(dataset.train))
    for train in (other, other.take(np.arange(2, 20))):
        with pytest.raises(DataError, match=r"training split, row \d, feature 1"):
            replace(dataset, train=train)


def test_rows_that_may_be_missing_are_checked_where_none_may_be():
    rows = rows_of(20)
    spec = replace(_SPEC, missing="mean")
    dataset = Dataset("made", spec, replace(rows, features=with_nan(rows)), rows)
    assert replace(dataset, spec=replace(spec, missing="median")).train is dataset.train
    with pytest.raises(DataError, match="training split, row 3, feature 1: .* missing"):
        replace(dataset, spec=_SPEC)


def test_rows_of_checked_rows_are_not_checked_again(monkeypatch):
    rows = rows_of(100)
    dataset = from_arrays(rows.features, rows.labels)
    monkeypatch.setattr("tfsoftmax.data.dataset.check_finite", None)  # would be called
    for train in (dataset.train, dataset.train.take(np.arange(9))):
        assert replace(dataset, train=train, validation=dataset.test.take(np.arange(4)))
