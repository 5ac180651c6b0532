"""Collects the rows that a reader reads: in memory, or on disk beyond the memory limit."""

from __future__ import annotations

import logging
import math
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.exact_numbers import WholeNumbers
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.labels import ClassNames, describe_doubts
from tfsoftmax.data.notes import NO_NOTES, Notes
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_files import DamagedRowsError
from tfsoftmax.data.sparse_rows import (
    SparseFeatures,
    bytes_of,
    kept_dense,
    rows_of_entries,
    stacked,
)
from tfsoftmax.data.split import indices_of_parts, split_rows
from tfsoftmax.data.stored_rows import Cells, RowWriter, load_rows
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import staging_folder

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_log = logging.getLogger(__name__)
# Makes the spec, once the class names are known.
Describe = Callable[[tuple[str, ...]], Spec]


class Collector:
    """Collects blocks of rows, and makes a dataset of them; made by `collecting`.

    Attributes:
      bad_rows: rows that cannot be used; readers report theirs here.
      whole_numbers: readers show it whole numbers before they are converted to float32.
      n_read: rows added.
      n_samples: rows collected: those added, minus those skipped.
    """

    def __init__(self, source: Source, key: str, staging: Path):
        self._source, self._key, self._staging = source, key, staging
        self._classes = ClassNames(source.name, source.options.encoding)
        self._blocks: list[Any] = []
        self._sparse: bool | None = None
        self._labels: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []
        self._tests: list[np.ndarray] = []
        self._bytes = 0
        self._writer: RowWriter | None = None
        self.bad_rows = BadRows(source.name, source.options.bad_rows == "skip")
        self.whole_numbers = WholeNumbers(source.name)
        self.n_read = self.n_samples = 0

    def add(
        self,
        features: np.ndarray | SparseFeatures | csr_array,
        labels: np.ndarray,
        weights: np.ndarray | None = None,
        *,
        usable: np.ndarray | None = None,
        test: bool = False,
        first_row: int | None = None,
        where: str | None = None,
    ) -> None:
        """Adds rows.

        Args:
          features: ``[n, n_features]`` in the spec's dtype. Or sparse rows (`csr_of`), of which
            later ones may have more features; then so are all others.
          labels: ``[n]`` of any kind.
          weights: ``[n]``.
          usable: bool ``[n]``, False for bad rows, which are skipped; None is all True.
          test: whether they are the source's own test rows.
          first_row: number of the first row in an error; None counts from 0.
          where: what to call the source in an error, such as one of many files; None is its
            name.

        Raises:
          DataError: naming the row, if a label is missing and bad rows are not skipped.
          TypeError: if some rows are arrays, and others sparse.
          OSError: if the disk is full.
        """
        if isinstance(features, SparseFeatures):
            features = features.read_sparse([slice(None)])
        sparse = not isinstance(features, np.ndarray)
        if self._sparse not in (None, sparse):
            raise TypeError("the rows of a source are either all arrays, or all sparse")
        self._sparse = sparse
        first_row = self.n_read if first_row is None else first_row
        self.n_read += features.shape[0]
        self._source.bar.show("reading", figures=f"{self.n_read:,} rows")
        codes, usable = self._encode_labels(np.asarray(labels), usable, first_row, where)
        if not usable.all():
            features = features[usable]
            weights = None if weights is None else weights[usable]
        self._labels.append(codes)
        n_usable = features.shape[0]
        self._tests.append(np.full(n_usable, test))
        if weights is not None:
            self._weights.append(weights.astype(np.float32))
        self.n_samples += n_usable
        self._bytes += bytes_of(features)
        if self._writer:
            self._writer.add(features)
            return
        self._blocks.append(features)
        if self._bytes > self._most_bytes:
            self._write_blocks()

    @property
    def _most_bytes(self) -> int:
        """Bytes of rows in memory: half, because blocks are concatenated in the end."""
        return self._source.options.memory_limit // 2

    def _write_blocks(self) -> RowWriter:
        """Writes all blocks to files."""
        self._writer = RowWriter(self._source, self._key, self._staging, self._blocks[0])
        for block in self._blocks:
            self._writer.add(block)
        self._blocks.clear()
        return self._writer

    def _encode_labels(
        self, labels: np.ndarray, usable: np.ndarray | None, first_row: int, where: str | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Class codes of the usable rows, and which rows are usable."""
        usable = np.ones(len(labels), bool) if usable is None else usable
        try:
            return self._classes.codes(labels[usable], first_row, where), usable
        except DataError:
            if not self.bad_rows.skip:
                raise
        codes, usable = np.zeros(len(labels), np.int32), usable.copy()
        for row in np.flatnonzero(usable):
            label = labels[row : row + 1]
            try:
                codes[row] = self._classes.codes(label, first_row + int(row), where)[0]
            except DataError as error:
                self.bad_rows.report("without a usable label", error)
                usable[row] = False
        return codes[usable], usable

    def training_rows(self) -> np.ndarray:
        """The features of the rows that `dataset` would have to train on, in memory.

        Raises:
          DataError: as `dataset`.
        """
        labels, class_names = self._classify()
        tests = np.concatenate(self._tests)
        train, _ = indices_of_parts(self._source, class_names, labels, tests)
        found: np.ndarray = np.concatenate(self._blocks)[np.sort(train)]
        return found

    def _classify(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """The classes of all rows, and their names, once all rows are added."""
        self._source.check_unchanged()
        self.bad_rows.check(self.n_read)
        self.whole_numbers.check()
        if not self.n_samples:
            raise DataError(f"{self._source.name}: no rows; there is nothing to train on")
        order = self._classes.order()
        return order[np.concatenate(self._labels)], self._classes.sorted(order)

    def dataset(
        self, describe: Describe, notes: Notes = NO_NOTES, raw: Cells | None = None
    ) -> Dataset:
        """Makes a dataset of all rows; holds some out if the source has no test rows.

        Args:
          describe: returns the spec, given the class names.
          notes: what was found while the rows were read, apart from skipped rows.
          raw: cells of some of the rows (`Split.raw`).

        Raises:
          DataError: if there are no rows, or their labels cannot be classes.
        """
        labels, class_names = self._classify()
        spec = describe(class_names)
        if not self._source.model:
            for doubt in describe_doubts(spec.class_names, np.bincount(labels)):
                _log.warning("Note: %s", doubt)
        notes = replace(notes, rows=self.n_read, skipped=self.bad_rows.skipped())
        weights = np.concatenate(self._weights) if self._weights else None
        tests = np.concatenate(self._tests)
        features = self._in_memory(spec)
        if features is not None:
            rows = Split(features, labels, weights, raw=raw)
            return split_rows(self._source, spec, rows, tests, notes)
        writer = self._writer or self._write_blocks()
        entry = writer.finish(spec, labels, weights, tests, notes, raw)
        try:
            return split_rows(self._source, *load_rows(entry))
        except DataError:
            shutil.rmtree(entry)  # No run could use it.
            raise

    def _in_memory(self, spec: Spec) -> FeaturesLike | None:
        """All rows as they are kept; None if they are in files, or would take too much memory."""
        if self._writer:
            return None
        features: FeaturesLike
        if not self._sparse:
            features = np.concatenate(self._blocks)
        else:
            shape = self.n_samples, spec.n_features
            n_entries = sum(block.nnz for block in self._blocks)
            if kept_dense(*shape, n_entries) and 4 * math.prod(shape) > self._most_bytes:
                return None
            features = rows_of_entries(stacked(self._blocks, spec.n_features))
        self._blocks.clear()
        return features

    def close(self) -> None:
        """Closes the file, if rows are written to one."""
        if self._writer:
            self._writer.close()


@contextmanager
def collecting(source: Source, key: str) -> Iterator[Collector]:
    """Yields a collector of a source's rows; rows beyond the memory limit are cached under a key.

    Raises:
      DataError: if the cache cannot be written.
    """
    folder = source.cache.folder
    try:
        with staging_folder(folder) as staging:
            whole = staging / "whole"
            whole.mkdir()
            collector = Collector(source, key, whole)
            try:
                yield collector
            finally:
                collector.close()
    except OSError as error:
        if error.filename and not str(error.filename).startswith(str(folder)):
            raise
        raise DataError(
            f"{source.name}: rows cannot be kept in {folder}: {error.strerror or error}; choose "
            "another " + setting("data_dir") + ", or a higher " + setting("memory_limit")
        ) from error


def load_cached(source: Source, key: str) -> Dataset | None:
    """The dataset cached under a key; None if there is none, or it is damaged."""
    if not key:
        return None
    try:
        return split_rows(source, *load_rows(source.cache.folder / key))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
    except DamagedRowsError:
        return None
