"""Some rows of a mapped file, left where they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsoftmax import Dataset, Recipe, Spec, Split, evaluate, fit
from tfsoftmax.data import features as rows_module
from tfsoftmax.data.duplicates import row_hashes, shared_rows
from tfsoftmax.data.features import ChosenRows, features_of, read_rows, row_blocks
from tfsoftmax.data.split import stratified_split, with_validation


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(500, 7)).astype("f4"))
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


@pytest.fixture(params=[2**23, 100])
def block_bytes(request, monkeypatch):
    monkeypatch.setattr(rows_module, "_BLOCK_BYTES", request.param)


def test_chosen_rows_are_those_of_the_file(mapped, block_bytes):
    indices = np.sort(np.random.default_rng(1).permutation(500)[:123])
    some = features_of(mapped).take(indices)
    assert isinstance(some, ChosenRows)
    assert (some.shape, some.nbytes, len(some)) == ((123, 7), 123 * 28, 123)
    np.testing.assert_array_equal(some[:], mapped[indices])
    np.testing.assert_array_equal(some[np.array([5, 2, 77])], mapped[indices[[5, 2, 77]]])
    np.testing.assert_array_equal(np.concatenate(list(map(np.copy, row_blocks(some)))), some[:])
    found = read_rows(some, [slice(100, 200), slice(3, 10)])
    np.testing.assert_array_equal(found, mapped[indices[[*range(100, 123), *range(3, 10)]]])
    assert read_rows(some, [slice(2)], 5).shape == (5, 7)


def test_rows_of_chosen_rows_are_of_the_same_file(mapped):
    some = features_of(mapped).take(np.arange(0, 500, 5)).take(np.array([9, 4]))
    np.testing.assert_array_equal(some.indices, [45, 20])
    np.testing.assert_array_equal(some[:], mapped[[45, 20]])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 59), unique=True, min_size=1), st.data())
def test_any_slice_of_any_rows(indices, data):
    features = np.arange(120.0).reshape(60, 2)
    some = ChosenRows(features, np.array(indices))
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(indices))] * 2)))
    np.testing.assert_array_equal(some[start:stop], features[indices][start:stop])


def test_training_on_them_is_training_on_a_copy(mapped):
    labels = (mapped[:, 0] > 0).astype(np.int32)
    spec = Spec((7,), "float32", ("no", "yes"))
    train, test = stratified_split(Split(mapped, labels), "mapped", 0.2)
    assert isinstance(train.features, ChosenRows)
    copied = [Split(part.features[:], part.labels) for part in (train, test)]
    left, taken = Dataset("a", spec, train, test), Dataset("a", spec, *copied)
    assert left.sha256() == taken.sha256()
    for limit in (2**30, 6000):
        recipe = Recipe(epochs=3, batch_size=16, memory_limit=limit, l2=1e-3)
        one, other = fit(left, recipe).model, fit(taken, recipe).model
        np.testing.assert_array_equal(one.W, other.W)
        assert evaluate(one, test).log_loss == pytest.approx(evaluate(one, copied[1]).log_loss)


def test_validation_rows_stay_in_the_file_with_their_labels(mapped):
    labels = (mapped[:, 0] > 0).astype(np.int32)
    rows = Split(mapped, labels, np.arange(500, dtype=np.float32))
    dataset = Dataset("a", Spec((7,), "float32", ("no", "yes")), rows, rows)
    for part in with_validation(dataset, 0.3).splits().values():
        np.testing.assert_array_equal(part.labels, part.features[:][:, 0] > 0)
    held = with_validation(dataset, 0.3).validation
    np.testing.assert_array_equal(held.features[:], mapped[held.weights.astype(int)])


def test_rows_on_both_sides_are_counted(mapped):
    labels = np.tile(np.int32([0, 1]), 250)
    spec = Spec((7,), "float32", ("no", "yes"))
    test = Split(np.concatenate([mapped[:3] + 1, mapped[7:9]]), np.int32([0, 1, 0, 1, 0]))
    assert shared_rows(Dataset("a", spec, Split(mapped, labels), test)) == (2, 3)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int16"])
def test_hashes_are_of_values_and_hardly_ever_meet(dtype):
    rows = np.random.default_rng(0).integers(0, 3, size=(4000, 6)).astype(dtype)
    hashes = row_hashes(rows)
    assert len(np.unique(hashes)) == len(np.unique(rows, axis=0))
    np.testing.assert_array_equal(row_hashes(rows[::-1]), hashes[::-1])
