"""Decoded datasets, kept as plain arrays so that a second run starts at once."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.errors import DataError
from tfsoftmax.files import staged_folder, sync_tree
from tfsoftmax.spec import Spec

# Part of every entry's path: entries of another format are not found, so never misread.
_FORMAT = "1"
_SPLITS = ("train", "test")


class DatasetCache:
    """A folder of decoded datasets.

    An entry is a folder of ``.npy`` files and a ``dataset.json``. Entries are made aside
    and renamed, so one that exists is whole.
    """

    def __init__(self, data_dir: Path):
        self.folder = data_dir / "tfsoftmax-cache" / _FORMAT

    def load(self, key: str, name: str) -> Dataset | None:
        """The entry of this key as a dataset of this name, memory-mapped; None if none is
        there or it cannot be read.
        """
        entry = self._entry(key)
        try:
            spec = Spec.from_json(json.loads((entry / "dataset.json").read_text("utf-8")))
            train, test = (
                Split(_load(entry / f"{part}-features.npy"), _load(entry / f"{part}-labels.npy"))
                for part in _SPLITS
            )
            return Dataset(name, spec, train, test)
        except (OSError, ValueError, KeyError, TypeError, DataError):
            return None

    def store(self, key: str, dataset: Dataset) -> None:
        """Keeps a dataset under a key.

        Raises:
          OSError: if the folder cannot be written.
        """
        entry = self._entry(key)
        with staged_folder(entry.parent) as staging:
            for part, split in zip(_SPLITS, (dataset.train, dataset.test), strict=True):
                np.save(staging / f"{part}-features.npy", split.features, allow_pickle=False)
                np.save(staging / f"{part}-labels.npy", split.labels, allow_pickle=False)
            spec = json.dumps(dataset.spec.to_json(), indent=2)
            (staging / "dataset.json").write_text(spec + "\n", "utf-8")
            sync_tree(staging)
            # Another process may have stored the same meanwhile; its entry is as good.
            with suppress(FileExistsError, NotADirectoryError):
                _rename_new(staging, entry)

    def _entry(self, key: str) -> Path:
        return self.folder / key.replace("/", "--").replace(":", "--")


def _load(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _rename_new(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        if target.exists():
            raise FileExistsError(target) from error
        raise
