"""Folders of pictures, as Pillow reads them."""

import numpy as np
import pytest
from PIL import Image
from support.data_files import drawn, rows_of

from tfsoftmax import SourceOptions, Spec, load_dataset


def pictures(folder, arrays, endings=(".png", ".PNG")):
    for number, (label, array) in enumerate(arrays):
        path = folder / label / f"{number:03}{endings[number % len(endings)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return f"images:{folder}"


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3)], ids=["gray", "rgb"])
@pytest.mark.parametrize("memory_limit", [2**30, 500], ids=["in memory", "spilled"])
def test_pictures_are_as_pillow_reads_them(tmp_path, shape, memory_limit):
    arrays = drawn(20, shape)
    name = pictures(
        tmp_path / "in", [("cat dog"[4 * (n % 2) :][:3], a) for n, a in enumerate(arrays)]
    )
    (tmp_path / "in" / "cat" / "notes.txt").write_text("left out")
    options = SourceOptions(memory_limit=memory_limit)
    dataset = load_dataset(name, options=options, data_dir=tmp_path / "kept")
    features, names = rows_of(dataset)
    np.testing.assert_array_equal(features.reshape(arrays.shape), arrays)
    np.testing.assert_array_equal(names, ["cat", "dog"] * 10)
    assert dataset.spec == Spec(shape, "uint8", ("cat", "dog"), (0, 255))


def test_pictures_of_several_sizes_and_colors(tmp_path):
    arrays = [np.full((n + 2, 3), 10 * n, np.uint8) for n in range(10)]
    arrays[9] = np.full((4, 4, 3), (90, 0, 0), np.uint8)
    name = pictures(tmp_path, [(str(n % 2), array) for n, array in enumerate(arrays)])
    dataset = load_dataset(name, options=SourceOptions(image_size=(2, 6)))
    assert dataset.spec.example_shape == (2, 6, 3)
    features, names = rows_of(dataset)
    np.testing.assert_array_equal(features[:9], np.repeat(np.arange(9) * 10, 36).reshape(9, 36))
    np.testing.assert_array_equal(features[9], [90, 0, 0] * 12)
    np.testing.assert_array_equal(names, ["0", "1"] * 5)
    gray = load_dataset(name, options=SourceOptions(image_size=(2, 6), color="gray"))
    assert gray.spec.example_shape == (2, 6)


def test_pictures_lying_on_their_side_are_turned_up(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    array = np.zeros((4, 6), np.uint8)
    array[0] = 200
    for n in range(8):
        path = tmp_path / str(n % 2) / f"{n}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(array).save(path, exif=exif)
    dataset = load_dataset(f"images:{tmp_path}")
    assert dataset.spec.example_shape == (6, 4)
    np.testing.assert_array_equal(dataset.train.features[0].reshape(6, 4), np.rot90(array, -1))


def test_folders_called_train_and_test_are_what_they_say(tmp_path):
    arrays = drawn(12, (3, 3))
    name = pictures(
        tmp_path, [(f"{'test' if n >= 8 else 'train'}/{n % 2}", a) for n, a in enumerate(arrays)]
    )
    dataset = load_dataset(name)
    for split, expected in ((dataset.train, arrays[:8]), (dataset.test, arrays[8:])):
        order = np.argsort(split.features[:, 0])
        np.testing.assert_array_equal(split.features[order], expected.reshape(-1, 9))
        np.testing.assert_array_equal(split.labels[order], np.arange(len(expected)) % 2)


def test_train_and_test_can_be_classes_too(tmp_path):
    arrays = drawn(12, (3, 3))
    name = pictures(tmp_path, [(("train", "test")[n % 2], a) for n, a in enumerate(arrays)])
    assert load_dataset(name).spec.class_names == ("test", "train")


def test_a_class_without_pictures_is_noted(tmp_path, caplog):
    arrays = [("cat dog"[4 * (n % 2) :][:3], a) for n, a in enumerate(drawn(10, (4, 4)))]
    name = pictures(tmp_path, arrays)
    (tmp_path / "big birds").mkdir()
    dataset = load_dataset(name)
    assert dataset.spec.class_names == ("cat", "dog")
    assert "no pictures in big birds, so there is no such class" in caplog.text
