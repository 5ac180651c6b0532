"""Arrays, frames and tf.data in memory are the dataset that a file would be."""

import numpy as np
import pytest
from support.data_files import CODES, FRAME, NUMBERS, TEXTS, N, csv, npz

from tfsoftmax import (
    DataError,
    SourceOptions,
    Spec,
    from_arrays,
    from_frame,
    from_tf_data,
    load_dataset,
)


def test_what_a_program_has_in_memory_is_the_same_dataset(tmp_path):
    import tensorflow as tf

    frame = from_frame(FRAME, name="same")
    read = load_dataset(csv(tmp_path))
    assert frame.sha256() == read.sha256()
    names = ("row", "width", "height")
    for features in (NUMBERS, NUMBERS.tolist(), FRAME[[*names]]):
        assert from_arrays(features, TEXTS, feature_names=names).sha256() == read.sha256()
    arrays = from_arrays(NUMBERS, TEXTS)
    pairs = tf.data.Dataset.from_tensor_slices((NUMBERS, TEXTS.tolist()))
    small = SourceOptions(memory_limit=200)
    for elements in (pairs, pairs.batch(7)):
        assert from_tf_data(elements).sha256() == arrays.sha256()
        assert from_tf_data(elements, options=small).sha256() == arrays.sha256()
    with pytest.raises(DataError, match="endless"):
        from_tf_data(pairs.repeat())


def test_one_dimension_is_not_taken_for_one_feature():
    flat = np.arange(10)
    with pytest.raises(
        DataError, match=r"shape \(10,\); expected .* numpy.reshape\(x, \(-1, 1\)\)"
    ):
        from_arrays(flat, [0, 1] * 5)
    assert from_arrays(np.reshape(flat, (-1, 1)), [0, 1] * 5).spec.n_features == 1


def test_pixels_in_memory_stay_bytes():
    dataset = from_arrays(np.full((10, 4, 4), 255, np.uint8), [0, 1] * 5)
    assert dataset.spec == Spec((4, 4), "uint8", ("0", "1"), (0, 255))


def test_pixels_that_are_not_mapped_to_255_have_their_own_range(tmp_path):
    sixteen = np.tile(np.arange(17, dtype=np.uint8), (N, 4)).reshape(N, 4, 17)
    assert load_dataset(npz(tmp_path, x=sixteen, y=CODES)).spec.value_range == (0, 16)
    assert load_dataset(npz(tmp_path, x=sixteen * 15, y=CODES)).spec.value_range == (0, 255)
    assert load_dataset(npz(tmp_path, x=sixteen[:, 0], y=CODES)).spec.value_range is None
