import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from support.idx import IMAGES, LABELS, NAMES, idx_bytes, write_folder

from tfsoftmax import DataError, UsageError, load_dataset
from tfsoftmax.data.readers.idx import read_idx


@pytest.mark.parametrize(
    ("compress", "ending"), [(gzip.compress, ".gz"), (bytes, ""), (gzip.compress, "")]
)
def test_a_folder_gzipped_or_not(tmp_path, compress, ending):
    written = write_folder(tmp_path, compress=compress, ending=ending)
    dataset = load_dataset(f"idx:{tmp_path}")
    assert dataset.spec.example_shape == (4, 5)
    assert dataset.spec.class_names == ("0", "1", "2")
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        images, labels = written[part]
        np.testing.assert_array_equal(split.features, images.reshape(len(images), 20))
        np.testing.assert_array_equal(split.labels, labels)
        assert split.features.dtype == np.uint8


def test_names_with_a_dot_before_idx_are_found(tmp_path):
    write_folder(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(load_dataset(f"idx:{tmp_path}").train) == 6


def test_official_mnist(mnist_dir):
    dataset = load_dataset(f"idx:{mnist_dir}")
    assert dataset.train.features.shape == (60000, 784)
    assert dataset.test.features.shape == (10000, 784)
    # Class counts as published with the database.
    np.testing.assert_array_equal(
        np.bincount(dataset.train.labels),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    )


@settings(deadline=None)
@given(
    arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)), st.booleans()
)
def test_round_trip(tmp_path_factory, array, zipped):
    path = tmp_path_factory.mktemp("idx") / "file"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    np.testing.assert_array_equal(read_idx(path, array.ndim), array)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_bytes_give_an_array_or_one_line(tmp_path_factory, data):
    """Damaged files: a good one cut, changed at a few places, or nothing of the kind."""
    good = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    content = bytearray(data.draw(st.sampled_from([good, gzip.compress(good, mtime=0), b""])))
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    content += data.draw(st.binary(max_size=8))
    path = tmp_path_factory.mktemp("fuzz") / "file"
    path.write_bytes(content)
    try:
        assert read_idx(path, 3).ndim == 3
    except DataError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)


def replaced(folder, name, content):
    (folder / f"{name}.gz").write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (IMAGES, b"", "not an IDX file.*found no bytes"),
        (IMAGES, b"<html>Not found</html>", "not an IDX file: .*found 3c 68 74 6d"),
        (IMAGES, gzip.compress(b"PK\3\4", mtime=0), "not an IDX file"),
        (IMAGES, idx_bytes(np.zeros((6, 4, 5), np.uint8))[:-1], "truncated.*120 values.*found 119"),
        (
            IMAGES,
            gzip.compress(bytes(range(200)), mtime=0)[:-30],
            "gzip stream (ends early|is damaged)|not an",
        ),
        (
            IMAGES,
            gzip.compress(idx_bytes(np.zeros((6, 4, 5), np.uint8)), mtime=0)[:-12],
            "gzip stream",
        ),
        (IMAGES, idx_bytes(np.zeros((6, 4, 5), np.uint8)) + b"x", "more than the 120 values"),
        (IMAGES, idx_bytes(np.zeros(6, np.uint8)), "with 3 dimension.s., found type 08 with 1"),
        (IMAGES, struct.pack(">HBB3I", 0, 0x0D, 3, 6, 4, 5) + bytes(480), "found type 0d"),
        (IMAGES, struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**16, 2**16), "more than the file can"),
        (
            IMAGES,
            gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**31, 28, 28), mtime=0),
            "more than the file",
        ),
        (IMAGES, struct.pack(">HBB", 0, 8, 3) + b"\0\0", "truncated within its header"),
        (IMAGES, idx_bytes(np.zeros((5, 4, 5), np.uint8)), "5 images but 6 labels"),
        (IMAGES, idx_bytes(np.zeros((6, 4, 4), np.uint8)), "images are 4x4 but test images 4x5"),
        (LABELS, idx_bytes(np.zeros(7, np.uint8)), "6 images but 7 labels"),
        (LABELS, b"\0", "not an IDX file"),
    ],
)
def test_damage_is_named_with_its_file(tmp_path, name, content, message):
    write_folder(tmp_path)
    replaced(tmp_path, name, content)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(f"idx:{tmp_path}")
    assert str(tmp_path) in str(caught.value)


def test_corrupt_gzip_is_named(tmp_path):
    write_folder(tmp_path)
    path = tmp_path / f"{IMAGES}.gz"
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF  # the checksum at its end
    path.write_bytes(content)
    with pytest.raises(DataError, match="gzip stream is damaged .CRC check failed"):
        load_dataset(f"idx:{tmp_path}")


def test_an_empty_split_is_named(tmp_path):
    write_folder(tmp_path, n_test=0)
    with pytest.raises(DataError, match="test split is empty"):
        load_dataset(f"idx:{tmp_path}")


@pytest.mark.parametrize("shape", [(4, 0, 0), (4, 0, 5)])
def test_images_without_pixels_are_named(tmp_path, shape):
    write_folder(tmp_path)
    for part in NAMES.values():
        for name, array in zip(part, (np.zeros(shape), np.arange(4) % 2), strict=True):
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array.astype(np.uint8))))
    with pytest.raises(DataError, match="training images of 0x[05] pixels; there is nothing"):
        load_dataset(f"idx:{tmp_path}")


def test_one_class_only_is_named(tmp_path):
    write_folder(tmp_path, n_train=1, n_test=1)
    with pytest.raises(DataError, match="found 1 class"):
        load_dataset(f"idx:{tmp_path}")


def test_missing_folder_file_and_path(tmp_path):
    with pytest.raises(DataError, match="expected a folder.*found nothing"):
        load_dataset(f"idx:{tmp_path / 'nowhere'}")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="expected a folder.*found a file"):
        load_dataset(f"idx:{tmp_path / 'file'}")
    with pytest.raises(DataError, match="no file train-images-idx3-ubyte or"):
        load_dataset(f"idx:{tmp_path}")
    with pytest.raises(UsageError, match="needs a path"):
        load_dataset("idx:")


def test_header_lies_take_no_memory(tmp_path):
    """A few bytes that promise what would not fit any memory are refused at once."""
    import tracemalloc

    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 10**6, 10**4, 10**3), mtime=0))
    tracemalloc.start()
    with pytest.raises(DataError, match="more than the file can hold"):
        read_idx(path, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
