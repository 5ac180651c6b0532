"""Rows beyond the memory limit: written to the cache as they are read, and read from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.data.cache_entries import write_marker
from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import FeaturesLike, row_blocks
from tfsoftmax.data.notes import Notes
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_files import DTYPES, NAMES, SparseFileRows
from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import sync_tree

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Cells = Mapping[str, np.ndarray]
# Rows whose cells are kept.
MOST_RAW_ROWS = 1000
_FEATURES = "features.npy"
_REST = "rows.npz"


class StoredRows(NamedTuple):
    """All rows of a source, before some are held out.

    Attributes:
      spec: of the rows.
      rows: features, in their files, labels and weights.
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
      like: rows ``[n, n_features]`` of the same width and dtype, or sparse rows.
    """

    def __init__(self, source: Source, key: str, staging: Path, like: np.ndarray | csr_array):
        self._source, self._key, self._staging = source, key, staging
        self._digest = hashlib.sha256(json.dumps(source.options.to_json()).encode())
        self._sparse = not isinstance(like, np.ndarray)
        self._files = RowFiles(staging, like.dtype, None if self._sparse else like.shape[1:])

    def add(self, features: np.ndarray | csr_array) -> None:
        """Writes more rows.

        Raises:
          OSError: if the disk is full.
        """
        for content in self._files.add(features):
            if not self._key:
                self._digest.update(content)

    def finish(
        self,
        spec: Spec,
        labels: np.ndarray,
        weights: np.ndarray | None,
        tests: np.ndarray,
        notes: Notes,
        raw: Cells | None,
        sparse: bool,
    ) -> Path:
        """Writes everything else, and moves the entry into the cache.

        Args:
          spec: of the rows.
          labels: of all rows, as are weights and tests.
          weights: None where all count the same.
          tests: which are the source's own test rows.
          notes: what was found while they were read.
          raw: cells of some of them.
          sparse: whether sparse rows stay so, or get their zeros.

        Returns:
          The entry's folder.

        Raises:
          OSError: if the disk is full.
        """
        self.close()
        if self._sparse and not sparse:
            self._fill_in_zeros(spec)
        described = {"spec": spec.to_json(), "reading": notes.to_json()}
        rest: dict[str, Any] = {"labels": labels, "tests": tests}
        for key, value in described.items():
            rest[key] = np.frombuffer(json.dumps(value).encode(), np.uint8)
        if weights is not None:
            rest["weights"] = weights
        if raw is not None:
            rest["raw"] = np.frombuffer(json.dumps(_listed(raw)).encode(), np.uint8)
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
        """Closes the files."""
        self._files.close()

    def _fill_in_zeros(self, spec: Spec) -> None:
        """Writes sparse rows as rows with their zeros."""
        rows = SparseFileRows(self._staging, spec.n_features)
        with closing(ArrayFile(self._staging / _FEATURES, rows.dtype, rows.shape[1:])) as file:
            for block in row_blocks(rows):
                file.add(block)
        for name in NAMES:
            (self._staging / name).unlink()


class RowFiles:
    """Writes rows to the files of a folder: to one, or if they are sparse to those of `NAMES`."""

    def __init__(self, folder: Path, dtype: np.dtype, row_shape: tuple[int, ...] | None):
        """Opens them; without the shape of a row, rows are sparse."""
        self._n_entries, self._files = 0, []
        if row_shape is not None:
            self._files.append(ArrayFile(folder / _FEATURES, dtype, row_shape))
            return
        for name, kind in zip(NAMES, DTYPES, strict=True):
            self._files.append(ArrayFile(folder / name, np.dtype(kind)))
        self._files[0].add(np.zeros(1, np.int64))

    def add(self, rows: np.ndarray | csr_array) -> list[memoryview]:
        """Writes more rows; returns their bytes, file by file."""
        arrays = [rows]
        if not isinstance(rows, np.ndarray):
            ends = rows.indptr[1:].astype(np.int64) + self._n_entries
            arrays = [ends, rows.indices.astype(np.int32, copy=False), rows.data]
            self._n_entries += len(rows.data)
        return [file.add(array) for file, array in zip(self._files, arrays, strict=True)]

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()


def rows_in(folder: Path, n_features: int) -> FeaturesLike:
    """The rows that `RowFiles` wrote, mapped or, if sparse, to be read.

    Raises:
      OSError, EOFError, ValueError: if the files are damaged.
    """
    if (folder / _FEATURES).exists():
        array: np.ndarray = np.load(folder / _FEATURES, mmap_mode="r", allow_pickle=False)
        return array
    return SparseFileRows(folder, n_features)


class ArrayFile:
    """Writes an ``.npy`` file row by row."""

    def __init__(self, path: Path, dtype: np.dtype, row_shape: tuple[int, ...] = ()):
        self._dtype, self._row_shape, self._n_rows = dtype, row_shape, 0
        self._file = path.open("wb")
        self._write_header()

    def add(self, rows: np.ndarray) -> memoryview:
        """Writes more rows; returns their bytes."""
        content = np.ascontiguousarray(rows).data
        self._file.write(content)
        self._n_rows += len(rows)
        return content

    def close(self) -> None:
        """Closes the file, whose number of rows is now known."""
        if not self._file.closed:
            self._file.seek(0)
            self._write_header()  # It has the same size whatever the number.
            self._file.close()

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._n_rows, *self._row_shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def load_rows(entry: Path) -> StoredRows:
    """The rows in an entry of the cache, features mapped or, if sparse, to be read.

    Raises:
      OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile: if it is damaged.
    """
    with (entry / _REST).open("rb") as file, np.load(file, allow_pickle=False) as rest:
        spec = Spec.from_json(json.loads(rest["spec"].tobytes()))
        features = rows_in(entry, spec.n_features)
        raw = _cells(spec, json.loads(rest["raw"].tobytes())) if "raw" in rest else None
        rows = Split(features, rest["labels"], rest.get("weights"), raw=raw)
        notes = Notes.from_json(json.loads(rest["reading"].tobytes()) if "reading" in rest else {})
        return StoredRows(spec, rows, rest["tests"], notes)


def raw_of_all(spec: Spec, own: Cells | None, workers: Workers) -> Cells | None:
    """Cells of rows of all workers, at most `MOST_RAW_ROWS` of them; all must call it.

    Args:
      spec: of the rows.
      own: `Split.raw` of the worker's own rows.
      workers: all.
    """
    found = [_cells(spec, each) for each in said_by_all(own and _listed(own), workers) if each]
    if not found:
        return None
    n_rows = [len(next(iter(cells.values()))) for cells in found]
    chosen = np.linspace(0, sum(n_rows) - 1, min(sum(n_rows), MOST_RAW_ROWS)).astype(int)
    return {name: np.concatenate([each[name] for each in found])[chosen] for name in found[0]}


def _listed(raw: Cells) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in raw.items()}


def _cells(spec: Spec, listed: Mapping[str, list[Any]]) -> Cells:
    inputs = spec.encoding.inputs if spec.encoding else ()
    dtypes = {each.name: object if each.dtype == "string" else each.dtype for each in inputs}
    return {name: np.array(column, dtypes[name]) for name, column in listed.items()}
