"""Image-classification datasets of TensorFlow Datasets, decoded once and kept."""

from __future__ import annotations

import io
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import requests
import tensorflow_datasets as tfds

from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.names import unknown_dataset
from tfsoftmax.data.split import stratified_split
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.bar import Bar
from tfsoftmax.system.startup import import_tensorflow

_ANOTHER = "choose another " + setting("data_dir")

_REACH_SECONDS = 3.0
_log = logging.getLogger(__name__)
_HELD_OUT = ("test", "validation")
_DECODE_BATCH = 1024


def known_builders() -> list[str]:
    """The names of all its datasets, but for those that others have published."""
    names: list[str] = tfds.list_builders(with_community_datasets=False)
    return names


class TfdsSource:
    """One dataset of TensorFlow Datasets.

    Attributes:
      name: as the user typed it, perhaps with ``/config`` and ``:version``.
    """

    def __init__(
        self, name: str, data_dir: Path, manual_dir: Path | None = None, bar: Bar | None = None
    ):
        self.name, self.data_dir, self.manual_dir = name, data_dir, manual_dir
        self._bar = bar or Bar()

    def load(self, cache: DatasetCache) -> Dataset:
        """Prepares it if necessary, decodes it and keeps it in the cache.

        Raises:
          UnknownDatasetError: if TensorFlow Datasets does not know the name.
          DataError: if the dataset is not of images of one shape with one label each, or
            is neither here nor can be downloaded.
        """
        builder = self.builder()
        spec, keys = self._spec(builder)
        if not builder.is_prepared():
            self._prepare(builder)
        dataset = self._decode(builder, spec, keys)
        try:
            cache.store(self.name, dataset)
        except OSError as error:
            raise DataError(
                f"{self.name}: cannot keep the decoded arrays in {cache.folder}: "
                f"{error.strerror or error}; " + _ANOTHER
            ) from error
        # The stored arrays are mapped from the disk, so the decoded ones can be freed.
        return cache.load(self.name, self.name) or dataset

    def builder(self) -> Any:
        """The ``tfds.core.DatasetBuilder`` of this name; needs no network.

        Raises:
          UnknownDatasetError: if there is no dataset of this name.
          DataError: if there is, but not with this configuration or version.
        """
        try:
            with _own_temporary_folder():
                return tfds.builder(self.name, data_dir=self.data_dir, try_gcs=False)
        except tfds.core.registered.DatasetNotFoundError as error:
            raise unknown_dataset(self.name, known_builders()) from error
        except (ValueError, AssertionError) as error:
            configs = tfds.builder_cls(self.name.partition("/")[0].partition(":")[0])
            names = ", ".join(configs.builder_configs) or "no configurations"
            raise DataError(
                f"{self.name}: TensorFlow Datasets has the dataset but not this configuration "
                f"or version; it has {names} at version {configs.VERSION}"
            ) from error

    def _spec(self, builder: Any) -> tuple[Spec, tuple[str, str]]:
        """Describes an example, and names its image and its label."""
        info = builder.info
        keys = info.supervised_keys
        features = info.features
        if (
            not keys
            or len(keys) != 2
            or not all(isinstance(key, str) and key in features for key in keys)
            or not isinstance(features[keys[0]], tfds.features.Image)
            or not isinstance(features[keys[1]], tfds.features.ClassLabel)
        ):
            raise DataError(
                f"{self.name}: not an image-classification dataset: expected one image and "
                f"one class label, found {_kinds(features)}"
            )
        image, label = features[keys[0]], features[keys[1]]
        if None in image.shape or np.dtype(image.np_dtype) != np.uint8:
            raise DataError(
                f"{self.name}: its images do not all have one shape of 8-bit pixels "
                f"(found {image.shape}, {np.dtype(image.np_dtype)}), so one weight a pixel "
                "is not defined"
            )
        shape = image.shape[:2] if image.shape[2] == 1 else image.shape
        return Spec(tuple(shape), "uint8", tuple(label.names), (0, 255)), keys

    def _prepare(self, builder: Any) -> None:
        self._check_obtainable(builder)
        _log.info("preparing %s in %s, once; this may take minutes", self.name, self.data_dir)
        self._bar.show("preparing", figures=f"{self.name}, once; this may take minutes")
        import_tensorflow()
        tfds.disable_progress_bar()
        config = tfds.download.DownloadConfig(manual_dir=self.manual_dir, try_download_gcs=False)
        try:
            # TFDS reports on standard output, which is for results.
            with redirect_stdout(io.StringIO()):
                builder.download_and_prepare(download_config=config)
        # On damaged files a builder's parser raises errors of any type.
        except Exception as error:
            # It says 'downloaded to' even of files that it was given.
            reason = re.sub("^Artifact .*, downloaded to (.*), has", r"\1 has", _first_line(error))
            advice = "if a file is damaged, fetch it again"
            if isinstance(error, OSError) and error.errno:
                reason, advice = str(error.strerror), _ANOTHER
            raise DataError(
                f"{self.name}: cannot be prepared in {self.data_dir}: {reason}; " + advice
            ) from error

    def _check_obtainable(self, builder: Any) -> None:
        """Fails within seconds where TFDS would retry an unreachable network for minutes."""
        if self.manual_dir and not self.manual_dir.is_dir():
            raise DataError(f"{self.name}: the manual folder {self.manual_dir} is not a folder")
        missing = {
            url: info.filename
            for url, info in (builder.url_infos or {}).items()
            if not (self.manual_dir and (self.manual_dir / str(info.filename)).is_file())
        }
        if not missing or all(map(_reachable, _one_a_host(missing))):
            return
        files = ", ".join(sorted(str(filename) for filename in missing.values())[:6])
        if self.manual_dir:
            raise DataError(
                f"{self.name}: {self.manual_dir} lacks {files}, and the network cannot be reached"
            )
        raise DataError(
            f"{self.name}: not prepared in {self.data_dir} and the network cannot be "
            "reached; offline, either give "
            + setting("manual_dir")
            + f" a folder with {files}, or "
            + setting("data_dir")
            + " a folder it was prepared in elsewhere, or train on idx:DIR, or on mnist5k or "
            "digits, which need no download"
        )

    def _decode(self, builder: Any, spec: Spec, keys: tuple[str, str]) -> Dataset:
        _log.info("decoding %s, once", self.name)
        splits = builder.info.splits
        if "train" not in splits:
            raise DataError(f"{self.name}: has no split 'train', only {', '.join(splits)}")
        self._check_space(builder, spec)
        features, labels = self._arrays(builder, "train", spec, keys)
        held_out = next((split for split in _HELD_OUT if split in splits), None)
        if held_out is None:
            train, test = stratified_split(Split(features, labels), self.name)
        else:
            train = Split(features, labels)
            test = Split(*self._arrays(builder, held_out, spec, keys))
        return Dataset(self.name, spec, train, test)

    def _check_space(self, builder: Any, spec: Spec) -> None:
        rows = sum(split.num_examples for split in builder.info.splits.values())
        needed, free = rows * spec.n_features, shutil.disk_usage(self.data_dir).free
        if needed > free:
            raise DataError(
                f"{self.name}: decoded it takes {needed / 1e9:.1f} GB, but {self.data_dir} "
                f"has {free / 1e9:.1f} GB free; " + _ANOTHER
            )

    def _arrays(
        self, builder: Any, split: str, spec: Spec, keys: tuple[str, str]
    ) -> tuple[np.ndarray, np.ndarray]:
        import_tensorflow()
        rows = builder.info.splits[split].num_examples
        features = np.empty((rows, spec.n_features), np.uint8)
        labels = np.empty(rows, np.int32)
        batches = builder.as_dataset(split=split, batch_size=_DECODE_BATCH)
        start = 0
        for batch in tfds.as_numpy(batches):
            images = batch[keys[0]]
            stop = start + len(images)
            features[start:stop] = images.reshape(len(images), -1)
            labels[start:stop] = batch[keys[1]]
            start = stop
            self._bar.show("decoding", stop, rows, f"the {split} rows of {self.name}, once")
        if start != rows:
            raise DataError(f"{self.name}: {split} has {start} examples, expected {rows}")
        return features, labels


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """TFDS makes a temporary folder for each builder and never removes it; we do."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _one_a_host(urls: dict[str, Any]) -> list[str]:
    return list({requests.utils.urlparse(url).netloc: url for url in urls}.values())


def _reachable(url: str) -> bool:
    """Whether anything answers at this address, through a proxy if one is set."""
    try:
        requests.head(url, timeout=_REACH_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return False
    return True


def _kinds(features: Any) -> str:
    kinds = {key: type(feature).__name__ for key, feature in features.items()}
    return ", ".join(f"{key} ({kind})" for key, kind in list(kinds.items())[:6])


def _first_line(error: BaseException) -> str:
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line.rstrip(":. ")


def describe(name: str, data_dir: Path) -> dict[str, str]:
    """Describes a dataset for a listing, without a network: its ``about`` and ``state``."""
    source = TfdsSource(name, data_dir)
    builder = source.builder()
    spec, _ = source._spec(builder)
    if DatasetCache(data_dir).load(name, name) is not None:
        state = "ready"
    else:
        state = "prepared" if builder.is_prepared() else "download"
    shape = "x".join(map(str, spec.example_shape))
    return {"about": f"{spec.n_classes} classes of {shape} images", "state": state}
