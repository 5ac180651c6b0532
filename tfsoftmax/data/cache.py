"""Decoded datasets, kept as plain arrays so that a second run starts at once."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from tfsoftmax.data.cache_entries import mark
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import remove_dead_staging, staged_folder, sync_tree

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
        remove_dead_staging(self.folder)

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
        except (OSError, EOFError, ValueError, KeyError, TypeError, DataError):
            return None

    def store(self, key: str, dataset: Dataset) -> None:
        """Keeps a dataset under a key, in the place of what was there.

        Raises:
          OSError: if the folder cannot be written.
        """
        entry = self._entry(key)
        with staged_folder(entry.parent) as staging:
            whole = staging / "whole"
            whole.mkdir()
            for part, split in zip(_SPLITS, (dataset.train, dataset.test), strict=True):
                np.save(
                    whole / f"{part}-features.npy", np.asarray(split.features), allow_pickle=False
                )
                np.save(whole / f"{part}-labels.npy", split.labels, allow_pickle=False)
            spec = json.dumps(dataset.spec.to_json(), indent=2)
            (whole / "dataset.json").write_text(spec + "\n", "utf-8")
            mark(whole, dataset.name)
            sync_tree(whole)
            try:
                with suppress(FileNotFoundError):
                    # What is there cannot be read; it goes when the staging folder does.
                    entry.rename(staging / "unreadable")
                whole.rename(entry)
            except OSError:
                # Another process may have stored the same meanwhile; that is as good.
                if self.load(key, dataset.name) is None:
                    raise

    def _entry(self, key: str) -> Path:
        return self.folder / key.replace("/", "--").replace(":", "--")


def _load(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)
