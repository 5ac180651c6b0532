"""Rows beyond the memory limit: written to the cache as they are read, and mapped from there."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.data.cache_entries import write_marker
from tfsoftmax.data.dataset import Split
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.source import Source
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import sync_tree

_FEATURES = "features.npy"
_REST = "rows.npz"


class StoredRows(NamedTuple):
    """All rows of a source, before some are held out.

    Attributes:
      spec: of the rows.
      rows: features, mapped, labels and weights.
      tests: bool ``[n_samples]``, the source's own test rows.
      notes: what was found while they were read.
    """

    spec: Spec
    rows: Split
    tests: np.ndarray
    notes: Notes


class RowWriter:
    """Writes an entry of the cache: features as they are read, everything else at the end.

    Args:
      source: that the rows are read from.
      key: of the entry; if empty, the entry is named after its checksum.
      staging: an empty folder, renamed in the end.
      like: rows ``[n, n_features]`` of the same width and dtype.
    """

    def __init__(self, source: Source, key: str, staging: Path, like: np.ndarray):
        self._source, self._key, self._staging = source, key, staging
        self._digest = hashlib.sha256(json.dumps(source.options.to_json()).encode())
        self._width, self._dtype = like.shape[1], like.dtype
        self._n_samples = 0
        self._file = (staging / _FEATURES).open("wb")
        # Written again in the end, when the number of rows is known; its size stays the same.
        self._write_header()

    def add(self, features: np.ndarray) -> None:
        """Writes more rows.

        Raises:
          OSError: if the disk is full.
        """
        content = np.ascontiguousarray(features).data
        self._file.write(content)
        self._n_samples += len(features)
        if not self._key:
            self._digest.update(content)

    def finish(
        self,
        spec: Spec,
        labels: np.ndarray,
        weights: np.ndarray | None,
        tests: np.ndarray,
        notes: Notes,
    ) -> Path:
        """Writes everything else, and moves the entry into the cache.

        Returns:
          The entry's folder.

        Raises:
          OSError: if the disk is full.
        """
        self._write_header()
        self.close()
        described = {"spec": spec.to_json(), "reading": notes.to_json()}
        rest: dict[str, Any] = {"labels": labels, "tests": tests}
        for key, value in described.items():
            rest[key] = np.frombuffer(json.dumps(value).encode(), np.uint8)
        if weights is not None:
            rest["weights"] = weights
        np.savez(self._staging / _REST, **rest)
        write_marker(self._staging, self._source.name)
        sync_tree(self._staging)
        for array in (labels, tests, *([] if weights is None else [weights])):
            self._digest.update(np.ascontiguousarray(array).data)
        folder = self._source.cache.folder
        entry = folder / (self._key or f"rows-{self._digest.hexdigest()[:32]}")
        with suppress(FileNotFoundError):
            # It is damaged, or another process has just stored it; deleted with the staging folder.
            entry.rename(self._staging.parent / "before")
        self._staging.rename(entry)
        return entry

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._n_samples, self._width),
        }
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(self._file, header)


def load_rows(entry: Path) -> StoredRows:
    """The rows in an entry of the cache, features mapped.

    Raises:
      OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile: if it is damaged.
    """
    features = np.load(entry / _FEATURES, mmap_mode="r", allow_pickle=False)
    with (entry / _REST).open("rb") as file, np.load(file, allow_pickle=False) as rest:
        rows = Split(features, rest["labels"], rest.get("weights"))
        spec = Spec.from_json(json.loads(rest["spec"].tobytes()))
        notes = Notes.from_json(json.loads(rest["reading"].tobytes()) if "reading" in rest else {})
        return StoredRows(spec, rows, rest["tests"], notes)
