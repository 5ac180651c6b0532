import gzip
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfsoftmax import RECIPES, DataError, fit, load_dataset
from tfsoftmax.data.readers.tfds_builder import TfdsSource


@pytest.fixture
def no_network(monkeypatch):
    """A proxy that nobody listens at: every request fails as without a network."""
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_network_it_fails_at_once_and_names_the_ways_out(no_network, tmp_path):
    started = time.monotonic()
    with pytest.raises(DataError) as caught:
        load_dataset("kmnist", data_dir=tmp_path)
    assert time.monotonic() - started < 30  # TFDS itself would retry for minutes
    message = str(caught.value)
    for way in ("manual_dir", "train-images-idx3-ubyte.gz", "data_dir", "idx:DIR", "mnist5k"):
        assert way in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("penguins", "not an image-classification dataset.*species .ClassLabel."),
        ("cats_vs_dogs", "do not all have one shape"),
        ("emnist/nonsense", "it has byclass, bymerge, balanced"),
        ("mnist:0.0.1", "at version 3"),
    ],
)
def test_datasets_that_do_not_fit_are_refused_before_any_download(name, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load_dataset(name, data_dir=tmp_path)


def test_a_manual_folder_that_is_none(tmp_path):
    with pytest.raises(DataError, match="manual folder .*nowhere is not a folder"):
        load_dataset("kmnist", data_dir=tmp_path, manual_dir=tmp_path / "nowhere")


def test_a_manual_folder_without_the_files(no_network, tmp_path):
    with pytest.raises(DataError, match="lacks t10k-images.*and the network cannot be reached"):
        load_dataset("kmnist", data_dir=tmp_path, manual_dir=tmp_path)


def test_builders_leave_no_temporary_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    TfdsSource("kmnist", tmp_path / "data").builder()
    assert not list(tmp_path.glob("tmp*"))


def test_damaged_manual_files_are_refused(no_network, tmp_path):
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"not these"))
    with pytest.raises(DataError, match="wrong checksum; if a file is damaged, fetch it again"):
        load_dataset("mnist", data_dir=tmp_path / "data", manual_dir=tmp_path)


def test_a_prepared_dataset_is_decoded_once_and_kept(tmp_path, monkeypatch, no_network):
    """A small builder of our own, prepared and read by TensorFlow Datasets itself."""
    images = np.random.default_rng(0).integers(256, size=(40, 6, 5, 1)).astype(np.uint8)

    class TinyShapes(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(6, 5, 1)),
                    "label": tfds.features.ClassLabel(names=["round", "square"]),
                }
            )
            return tfds.core.DatasetInfo(
                builder=self, features=features, supervised_keys=("image", "label")
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for index, image in enumerate(images):
                yield index, {"image": image, "label": index % 2}

    dataset = load_dataset("tiny_shapes", data_dir=tmp_path)
    assert dataset.spec.class_names == ("round", "square")
    assert dataset.spec.example_shape == (6, 5)
    # It has no test split, so a fifth is held out, stratified.
    np.testing.assert_array_equal(np.bincount(dataset.test.labels), [4, 4])
    rows = np.concatenate([dataset.train.features, dataset.test.features])
    assert sorted(map(bytes, rows)) == sorted(map(bytes, images))

    monkeypatch.setattr(tfds, "builder", None)  # a second run must not need it
    again = load_dataset("tiny_shapes", data_dir=tmp_path)
    np.testing.assert_array_equal(again.test.features, dataset.test.features)


@pytest.mark.slow
def test_official_mnist_from_a_manual_folder(prepared_mnist, mnist_dir):
    prepared = load_dataset("mnist", data_dir=prepared_mnist)
    official = load_dataset(f"idx:{mnist_dir}")
    for ours, theirs in ((prepared.train, official.train), (prepared.test, official.test)):
        # TFDS shuffles what it prepares.
        assert sorted(map(bytes, ours.features)) == sorted(map(bytes, theirs.features))
        np.testing.assert_array_equal(np.bincount(ours.labels), np.bincount(theirs.labels))


@pytest.mark.slow
def test_the_tutorials_published_figures(prepared_mnist):
    """Tolerances wide enough for the luck of the seed: four seeds spread by half of them."""
    dataset = load_dataset("mnist", data_dir=prepared_mnist)
    _, history = fit(dataset, RECIPES["tutorial"])
    first, last = history.epochs[0], history.last
    assert first.test_accuracy == pytest.approx(0.766, abs=0.04)
    assert first.moving_loss == pytest.approx(1.330, abs=0.1)
    assert last.train_accuracy == pytest.approx(0.8807, abs=0.008)
    assert last.test_accuracy == pytest.approx(0.884, abs=0.008)
    assert last.moving_loss == pytest.approx(0.528, abs=0.03)
