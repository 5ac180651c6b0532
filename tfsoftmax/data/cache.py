"""Caches decoded datasets on disk as plain arrays, so that the next run need not decode them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from tfsoftmax.data.cache_entries import write_marker
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import remove_abandoned_staging, staging_folder, sync_tree

# Part of every entry's path, so that an entry in another format is never found and misread.
_FORMAT = "1"
_SPLITS = ("train", "test")


class DatasetCache:
    """A folder of decoded datasets.

    An entry is a folder of ``.npy`` files and a ``dataset.json``. Entries are written to a
    staging folder and then renamed, so an entry that exists is complete.

    Attributes:
      data_dir: the folder in which TensorFlow Datasets keeps its files, too.
      folder: the folder of the entries, within `data_dir`.
    """

    def __init__(self, data_dir: Path):
        self.data_dir = data_dir
        self.folder = data_dir / "tfsoftmax-cache" / _FORMAT
        remove_abandoned_staging(self.folder)

    def load(self, key: str, name: str) -> Dataset | None:
        """Loads the entry of a key, memory-mapped, as a dataset called `name`.

        Returns None if there is no such entry or it cannot be read.
        """
        entry = self._entry(key)
        try:
            spec = Spec.from_json(json.loads((entry / "dataset.json").read_text("utf-8")))
            train, test = (
                Split(_load(entry / f"{part}-features.npy"), _load(entry / f"{part}-labels.npy"))
                for part in _SPLITS
            )
            return Dataset(name, spec, train, test)
        except (OSError, EOFError, ValueError, KeyError, TypeError, DataError):
            return None

    def store(self, key: str, dataset: Dataset) -> None:
        """Stores a dataset under a key and replaces any entry already there.

        Raises:
          OSError: if the folder cannot be written.
        """
        entry = self._entry(key)
        with staging_folder(entry.parent) as staging:
            whole = staging / "whole"
            whole.mkdir()
            for part, split in zip(_SPLITS, (dataset.train, dataset.test), strict=True):
                np.save(
                    whole / f"{part}-features.npy", np.asarray(split.features), allow_pickle=False
                )
                np.save(whole / f"{part}-labels.npy", split.labels, allow_pickle=False)
            spec = json.dumps(dataset.spec.to_json(), indent=2)
            (whole / "dataset.json").write_text(spec + "\n", "utf-8")
            write_marker(whole, dataset.name)
            sync_tree(whole)
            try:
                with suppress(FileNotFoundError):
                    # `load` could not read this entry; it is deleted with the staging folder.
                    entry.rename(staging / "unreadable")
                whole.rename(entry)
            except OSError:
                # Another process may have stored the same dataset meanwhile: use that one.
                if self.load(key, dataset.name) is None:
                    raise

    def _entry(self, key: str) -> Path:
        return self.folder / key.replace("/", "--").replace(":", "--")


def _load(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)
