import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tfsoftmax import DataError, Spec
from tfsoftmax.data.images import read_image

GRAY = Spec((8, 6), "uint8", ("a", "b"), (0, 255))
COLOR = Spec((8, 6, 3), "uint8", ("a", "b"), (0, 255))


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(256, size=(8, 6)).astype(np.uint8)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path, pixels):
    path = save(tmp_path / "x.png", pixels)
    np.testing.assert_array_equal(read_image(path, GRAY), pixels)
    np.testing.assert_array_equal(read_image(path, GRAY, invert=True), 255 - pixels)


def test_color_where_the_model_has_color(tmp_path):
    array = np.random.default_rng(0).integers(256, size=(8, 6, 3)).astype(np.uint8)
    path = save(tmp_path / "x.png", array)
    np.testing.assert_array_equal(read_image(path, COLOR), array)
    assert read_image(path, GRAY).shape == (8, 6)


def test_jpeg_of_another_size(tmp_path):
    path = save(tmp_path / "x.jpg", np.full((80, 60), 100, np.uint8))
    np.testing.assert_allclose(read_image(path, GRAY), 100, atol=2)


def test_values_are_mapped_to_the_models_range(tmp_path):
    spec = Spec((1, 3), "uint8", ("a", "b"), (0, 16))
    path = save(tmp_path / "x.png", np.array([[0, 128, 255]], np.uint8))
    np.testing.assert_array_equal(read_image(path, spec), [[0, 8, 16]])


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    spec = Spec((1, 3), "uint8", ("a", "b"), (0, 255))
    path = save(tmp_path / "x.png", np.array([[0, 32896, 65535]], np.uint16))
    np.testing.assert_array_equal(read_image(path, spec), [[0, 128, 255]])


def test_transparency_shows_white_paper(tmp_path):
    array = np.zeros((8, 6, 4), np.uint8)
    array[:4, :, 3] = 255
    image = read_image(save(tmp_path / "x.png", array), GRAY)
    assert (image[:4] == 0).all()
    assert (image[4:] == 255).all()


def test_exif_orientation_is_honoured(tmp_path):
    upright = np.zeros((8, 6), np.uint8)
    upright[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned: show it rotated clockwise
    path = save(tmp_path / "x.png", np.ascontiguousarray(np.rot90(upright)), exif=exif)
    np.testing.assert_array_equal(read_image(path, GRAY), upright)


def png_claiming(width, height):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PNG, JPEG or WebP"),
        (b"just text", "not a PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(50), "not a PNG, JPEG or WebP"),
        (png_claiming(10_000, 10_000), "100000000 pixels. exceeds limit"),
        (png_claiming(20_000, 20_000), "400000000 pixels. exceeds limit"),
        (png_claiming(60, 60), "cannot be read as an image"),
    ],
    ids=["empty", "text", "gif", "large", "bomb", "no-pixels"],
)
def test_what_is_no_picture_gets_one_line(tmp_path, content, message):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_image(path, GRAY)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_picture(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(80, 60)).astype(np.uint8)
    path = save(tmp_path / "x.png", noise)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_image(path, GRAY)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_image(tmp_path / "none.png", GRAY)
    with pytest.raises(DataError, match="directory"):
        read_image(tmp_path, GRAY)


def test_a_model_of_numbers_takes_no_pictures(tmp_path):
    with pytest.raises(DataError, match="takes 4 numbers, not images"):
        read_image(tmp_path / "x.png", Spec((4,), "float32", ("a", "b")))
