"""Which rows are held out to test on."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from support.data_files import NUMBERS, TEXTS, N, csv, npy, npz

from tfsoftmax import DataError, SourceOptions, from_arrays, load_dataset


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_held_out_rows_are_those_scikit_learn_draws(tmp_path, fraction):
    options = SourceOptions(test_fraction=fraction)
    dataset = load_dataset(csv(tmp_path), options=options)
    by_name = np.unique(TEXTS, return_inverse=True)[1]
    _, held = train_test_split(np.arange(N), test_size=fraction, random_state=0, stratify=by_name)
    np.testing.assert_array_equal(dataset.test.features[:, 0], np.sort(held))
    assert set(np.bincount(dataset.test.labels)) == {N * fraction / 3}


def test_test_rows_of_the_sources_own_are_taken(tmp_path):
    arrays = {
        "x_train": NUMBERS[:50],
        "y_train": TEXTS[:50].astype(str),
        "x_test": NUMBERS[50:],
        "y_test": TEXTS[50:].astype(str),
    }
    for kind, write in (("npz", npz), ("npy", npy)):
        folder = tmp_path / kind
        folder.mkdir()
        dataset = load_dataset(write(folder, **arrays))
        np.testing.assert_array_equal(dataset.train.features[:], NUMBERS[:50])
        np.testing.assert_array_equal(dataset.test.features[:], NUMBERS[50:])
        names = np.array(dataset.spec.class_names)
        np.testing.assert_array_equal(names[dataset.test.labels], TEXTS[50:])


def test_a_class_without_training_rows_is_named():
    with pytest.raises(DataError, match="class 'blanc'"):
        from_arrays(NUMBERS[::3], TEXTS[::3], test=(NUMBERS, TEXTS))


@pytest.mark.parametrize(("copies", "share"), [(4, 0.25), (2, 0.5)])
def test_too_few_rows_of_many_classes_say_which_share_would_do(copies, share):
    labels = np.repeat(np.arange(30), copies)
    rows = np.arange(len(labels) * 2.0).reshape(-1, 2)
    advice = f"add rows, or take another share, as in test_fraction={share}$"
    with pytest.raises(DataError, match=advice):
        from_arrays(rows, labels)
    dataset = from_arrays(rows, labels, options=SourceOptions(test_fraction=share))
    assert set(dataset.test.labels) == set(dataset.train.labels) == set(range(30))
