"""Collects the rows that a reader reads: in memory, or on disk beyond the memory limit."""

from __future__ import annotations

import errno
import logging
import math
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import CheckedFeatures, Dataset, Split
from tfsoftmax.data.exact_numbers import WholeNumbers
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.labels import ClassNames, describe_doubts
from tfsoftmax.data.notes import NO_NOTES, Notes
from tfsoftmax.data.sharded_rows import Sharing, sharded
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_files import DamagedRowsError
from tfsoftmax.data.sparse_rows import (
    SparseFeatures,
    SparseRows,
    bytes_of,
    kept_dense,
    stacked,
)
from tfsoftmax.data.split import indices_of_parts, split_rows
from tfsoftmax.data.stored_rows import Cells, RowWriter, StoredRows, load_rows, raw_of_all
from tfsoftmax.distributed.gathering import errors_of_all, gathered, said_by_all
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import staging_folder

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_log = logging.getLogger(__name__)
# Errors that an entry of the cache gives if it is damaged.
_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, TypeError),
    *(zipfile.BadZipFile, DamagedRowsError),
)
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

    def __init__(
        self, source: Source, key: str, room: Callable[[], Path], workers: Workers = ALONE
    ):
        self._source, self._key, self._room = source, key, room
        self._workers = workers
        self._classes = ClassNames(source.name, source.options.encoding)
        self._blocks: list[Any] = []
        self._sparse: bool | None = None
        self._labels: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []
        self._tests: list[np.ndarray] = []
        self._bytes = self._n_entries = 0
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
          PeerError: if another of the source's workers is gone.
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
        self._source.workers.check_peers()
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
        self._n_entries += 0 if isinstance(features, np.ndarray) else features.nnz
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
        self._writer = RowWriter(self._source, self._key, self._room(), self._blocks[0])
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

    @contextmanager
    def own_parts(self, path: Path) -> Iterator[None]:
        """Reads in the block what is this worker's own; an error in any ends the block in all."""
        if self._workers.count == 1:
            yield
            return
        with errors_of_all(self._workers), self._source.reading(path), _keeping(self._source):
            yield

    def training_rows(self) -> np.ndarray:
        """The features of the rows that `dataset` would have to train on, in memory.

        Of several workers, each gets its own.

        Raises:
          DataError: as `dataset`.
        """
        labels, class_names = self._classify()
        own = (labels, np.concatenate(self._tests))
        labels, tests = (gathered(each, self._workers) for each in own)
        train, _ = indices_of_parts(self._source, class_names, labels, tests)
        rows = sharded(np.concatenate(self._blocks), _sharing(self._source, self._workers))
        found: np.ndarray = rows.take(np.sort(train)).own[:]
        return found

    def _classify(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """The classes of all rows, and their names, once all rows are added."""
        with errors_of_all(self._workers):
            self._source.check_unchanged()
        labels = np.concatenate([np.empty(0, np.int32), *self._labels])
        n_samples = self.n_samples
        if self._workers.count > 1:
            labels = self._classes.of_all(self._workers)[labels]
            n_samples = sum(said_by_all(n_samples, self._workers))
            self.n_read = sum(said_by_all(self.n_read, self._workers))
            self.bad_rows.of_all(self._workers)
            self.whole_numbers.of_all(self._workers)
        self.bad_rows.check(self.n_read)
        with errors_of_all(self._workers):
            self.whole_numbers.check()
        if not n_samples:
            raise DataError(f"{self._source.name}: no rows; there is nothing to train on")
        order = self._classes.order()
        return order[labels], self._classes.sorted(order)

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
        notes = replace(notes, rows=self.n_read, skipped=self.bad_rows.skipped())
        sparse = self._stay_sparse(spec.n_features)
        with errors_of_all(self._workers), _keeping(self._source):
            own, entry = self._kept(spec, labels, notes, raw, sparse)
        found = rows_of_all(own, self._source, self._workers)
        if not self._source.model:
            for doubt in describe_doubts(spec.class_names, np.bincount(found.rows.labels)):
                _log.warning("Note: %s", doubt)
        try:
            return split_rows(self._source, *found)
        except DataError:
            if entry:
                shutil.rmtree(entry)  # No run could use it.
            raise

    def _stay_sparse(self, n_features: int) -> bool:
        """Whether rows are kept without their zeros, those of all workers alike."""
        own = [bool(self._sparse), self.n_samples, self._n_entries]
        sparse, n_samples, n_entries = zip(*said_by_all(own, self._workers), strict=True)
        return any(sparse) and not kept_dense(sum(n_samples), n_features, sum(n_entries))

    def _kept(
        self, spec: Spec, labels: np.ndarray, notes: Notes, raw: Cells | None, sparse: bool
    ) -> tuple[StoredRows, Path | None]:
        """The rows collected here, in memory or in an entry of the cache; and that entry."""
        weights = np.concatenate(self._weights) if self._weights else None
        tests = np.concatenate([np.empty(0, bool), *self._tests])
        features = self._in_memory(spec, sparse)
        if features is not None:
            rows = Split(features, labels, weights, raw=raw)
            return StoredRows(spec, rows, tests, notes), None
        writer = self._writer or self._write_blocks()
        entry = writer.finish(spec, labels, weights, tests, notes, raw, sparse)
        return load_rows(entry), entry

    def _in_memory(self, spec: Spec, sparse: bool) -> FeaturesLike | None:
        """All rows as they are kept; None if they are in files, or would take too much memory."""
        if self._writer:
            return None
        shape = self.n_samples, spec.n_features
        features: FeaturesLike
        if sparse:
            features = SparseRows(stacked(self._blocks, spec.n_features))
        elif not self._sparse:
            features = np.concatenate([np.empty((0, shape[1]), spec.dtype), *self._blocks])
        elif 4 * math.prod(shape) > self._most_bytes:
            return None
        else:
            features = stacked(self._blocks, spec.n_features).toarray()
        self._blocks.clear()
        return features

    def close(self) -> None:
        """Closes the file, if rows are written to one."""
        if self._writer:
            self._writer.close()


@contextmanager
def collecting(source: Source, key: str, workers: Workers = ALONE) -> Iterator[Collector]:
    """Yields a collector of a source's rows; rows beyond the memory limit are cached under a key.

    Args:
      source: of the rows.
      key: `Source.key`, or of several workers `Source.key_of_own`.
      workers: that read it together, each its own parts.

    Raises:
      DataError: if the cache cannot be written.
    """
    with _keeping(source), ExitStack() as stack:

        def room() -> Path:
            # Only now: rows in memory need no folder that can be written to.
            whole = stack.enter_context(staging_folder(source.cache.folder)) / "whole"
            whole.mkdir()
            return whole

        collector = Collector(source, key, room, workers)
        try:
            yield collector
        finally:
            collector.close()


@contextmanager
def _keeping(source: Source) -> Iterator[None]:
    """Turns the system's errors about the cache, in the block, into one that says what to do."""
    folder = source.cache.folder
    try:
        yield
    except OSError as error:
        if error.filename and not _in_line(Path(error.filename), folder):
            raise
        advice = "; choose another " + setting("data_dir")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # Rows in memory take no space there.
            advice += ", or a higher " + setting("memory_limit")
        raise DataError(
            f"{source.name}: rows cannot be kept in {folder}: {error.strerror or error}" + advice
        ) from error


def _in_line(path: Path, folder: Path) -> bool:
    """Whether a path is a folder, something in it, or one of the folders that it is in."""
    return path.is_relative_to(folder) or folder.is_relative_to(path)


def load_cached(source: Source, key: str, workers: Workers = ALONE) -> Dataset | None:
    """The dataset cached under a key; None if there is none, or it is damaged.

    Args:
      source: of the rows.
      key: `Source.key`, or of several workers `Source.key_of_own`.
      workers: that read it together; all must call it.
    """
    found: StoredRows | None = None
    with suppress(*_DAMAGED):
        found = load_rows(source.cache.folder / key) if key else None
    everywhere = all(said_by_all(found is not None, workers))
    if found is None or not everywhere:
        return None
    with suppress(*_DAMAGED):
        return split_rows(source, *rows_of_all(found, source, workers))
    return None


def rows_of_all(own: StoredRows, source: Source, workers: Workers) -> StoredRows:
    """The rows of all workers, of which each has its own; all must call it.

    Args:
      own: the worker's, with the classes of all.
      source: of the rows.
      workers: all.
    """
    if workers.count == 1:
        return own
    spec, rows = own.spec, own.rows
    features = sharded(rows.features, _sharing(source, workers))
    weights = None
    if any(said_by_all(rows.weights is not None, workers)):
        here = np.empty(0, np.float32) if rows.weights is None else rows.weights
        weights = gathered(here, workers)
    labels, tests = gathered(rows.labels, workers), gathered(own.tests, workers)
    checked = CheckedFeatures(features, missing=spec.missing is not None)
    raw = raw_of_all(spec, rows.raw, workers)
    everything = Split(features, labels, weights, checked=checked, raw=raw)
    return own._replace(rows=everything, tests=tests)


def _sharing(source: Source, workers: Workers) -> Sharing:
    return Sharing(workers, source.cache.folder, source.options.memory_limit)
