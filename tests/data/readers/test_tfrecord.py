"""TFRecord files of tf.Example messages, as TensorFlow writes them."""

import io

import numpy as np
import pytest
from PIL import Image
from support.data_files import drawn, records, rows_of

from tfsoftmax import DataError, SourceOptions, load_dataset


def encoded(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def test_records_of_pictures_bytes_whole_numbers_and_several_features(tmp_path):
    arrays = drawn(20, (3, 4))
    name = records(
        tmp_path / "t.tfrecord",
        [
            {
                "image": [encoded(array)],
                "raw": [array.tobytes()],
                "whole": array.ravel().tolist(),
                "first": [float(array[0, 0])],
                "last": [float(array[-1, -1])],
                "label": [n % 2 * 10],
            }
            for n, array in enumerate(arrays)
        ],
    )
    flat = arrays.reshape(20, 12)
    for features, shape, dtype, expected in (
        (None, (3, 4), "uint8", flat),
        (("raw",), (12,), "uint8", flat),
        (("whole",), (12,), "float32", flat),
        (("first", "last"), (2,), "float32", flat[:, [0, -1]]),
    ):
        dataset = load_dataset(name, options=SourceOptions(features=features))
        assert (dataset.spec.example_shape, dataset.spec.dtype) == (shape, dtype)
        found, names = rows_of(dataset)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(names, ["0", "10"] * 10)
    assert dataset.spec.feature_names == ("first", "last")


def test_records_whose_pictures_differ_are_not_scaled_without_a_word(tmp_path):
    def name(*arrays):
        arrays = [*arrays] * 3
        examples = [{"image": [encoded(a)], "label": [n % 2]} for n, a in enumerate(arrays)]
        return records(tmp_path / "t.tfrecord", examples)

    gray, large = np.zeros((3, 4), np.uint8), np.zeros((6, 8), np.uint8)
    color = np.zeros((3, 4, 3), np.uint8)
    with pytest.raises(DataError, match="record 2: a picture of 6x8, expected 3x4 as in record 1"):
        load_dataset(name(gray, large))
    with pytest.raises(DataError, match="record 2: a picture in color, expected gray"):
        load_dataset(name(gray, color))
    options = SourceOptions(image_size=(2, 2), color="rgb")
    assert load_dataset(name(gray, large), options=options).spec.example_shape == (2, 2, 3)
    assert load_dataset(name(color, gray)).spec.example_shape == (3, 4, 3)
