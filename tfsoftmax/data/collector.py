"""Rows as they are read from a source: kept in memory, or on the disk if they are many."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.cache_entries import write_marker
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.exact_numbers import WholeNumbers
from tfsoftmax.data.labels import ClassNames, check_classes, doubts
from tfsoftmax.data.notes import NOTHING, Reading
from tfsoftmax.data.scale_check import log_scales
from tfsoftmax.data.source import Source
from tfsoftmax.data.split import stratified_places
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import staging_folder, sync_tree

_log = logging.getLogger(__name__)
# What a reader says of an example, before the classes are known: a Spec without names.
Describe = Callable[[tuple[str, ...]], Spec]
_FEATURES, _REST = "features.npy", "rows.npz"


class Collector:
    """Takes in blocks of rows, and makes a dataset of them.

    `collecting` opens it.

    Attributes:
      bad: rows that cannot be used; what readers find of them is told there.
      whole: is shown whole numbers before they are made float32.
      n_read, n_samples: rows that came, and those of them that are kept.
    """

    def __init__(self, source: Source, key: str, staging: Path):
        self._source, self._key, self._staging = source, key, staging
        self._digest = hashlib.sha256(json.dumps(source.options.to_json()).encode())
        self._classes = ClassNames(source.name, source.options.encoding)
        self._blocks: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []
        self._tests: list[np.ndarray] = []
        self._bytes = 0
        self._file: BinaryIO | None = None
        self.bad = BadRows(source.name, source.options.bad_rows == "skip")
        self.whole = WholeNumbers(source.name)
        self.n_read = self.n_samples = 0

    def add(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray | None = None,
        *,
        usable: np.ndarray | None = None,
        test: bool = False,
        first_row: int | None = None,
        where: str | None = None,
    ) -> None:
        """Takes in more rows.

        Args:
          features: ``[n, n_features]`` in the dtype they are to be kept in.
          labels: ``[n]``, whatever they are.
          weights: ``[n]``.
          usable: bool ``[n]``, the rows that are not among the bad ones; None is all.
          test: whether they are the source's own test rows.
          first_row: what the first of them is called in an error; None counts from 0.
          where: what the source is called in it, a part of many; None is by its name.

        Raises:
          DataError: naming the row, if a label is missing and bad rows are not skipped.
          OSError: if the disk is full.
        """
        named = self.n_read if first_row is None else first_row
        self.n_read += len(features)
        codes, usable = self._coded(np.asarray(labels), usable, named, where)
        if not usable.all():
            features = features[usable]
            weights = None if weights is None else weights[usable]
        self._labels.append(codes)
        self._tests.append(np.full(len(features), test))
        if weights is not None:
            self._weights.append(weights.astype(np.float32))
        self.n_samples += len(features)
        self._bytes += features.nbytes
        if self._file:
            self._write(features)
            return
        self._blocks.append(features)
        # Half, because putting blocks together needs them twice for a moment.
        if self._bytes > self._source.options.memory_limit // 2:
            self._spill()

    def _coded(
        self, labels: np.ndarray, usable: np.ndarray | None, first_row: int, where: str | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the classes of the usable rows, and which these are."""
        usable = np.ones(len(labels), bool) if usable is None else usable
        try:
            return self._classes.codes(labels[usable], first_row, where), usable
        except DataError:
            if not self.bad.skip:
                raise
        codes, usable = np.zeros(len(labels), np.int32), usable.copy()
        for row in np.flatnonzero(usable):
            label = labels[row : row + 1]
            try:
                codes[row] = self._classes.codes(label, first_row + int(row), where)[0]
            except DataError as error:
                self.bad.meet("without a usable label", error)
                usable[row] = False
        return codes[usable], usable

    def dataset(self, describe: Describe, reading: Reading = NOTHING) -> Dataset:
        """All rows as a dataset, some of them held out if none are the source's test rows.

        Args:
          describe: from class names to the spec.
          reading: what should be known of how they were read, but for the bad rows.

        Raises:
          DataError: if there are no rows, or their labels are no classes.
        """
        name = self._source.name
        self._source.check_unchanged()
        self.bad.check(self.n_read)
        self.whole.check()
        if not self.n_samples:
            raise DataError(f"{name}: no rows; there is nothing to train on")
        order = self._classes.order()
        labels = order[np.concatenate(self._labels)]
        spec = describe(self._classes.sorted(order))
        for doubt in () if self._source.model else doubts(spec.class_names, np.bincount(labels)):
            _log.warning("Note: %s", doubt)
        reading = replace(reading, rows=self.n_read, skipped=self.bad.skipped())
        weights = np.concatenate(self._weights) if self._weights else None
        tests = np.concatenate(self._tests)
        if self._file:
            entry = self._keep(spec, labels, weights, tests, reading)
            try:
                return _kept(entry, self._source)
            except DataError:
                shutil.rmtree(entry)  # It could never be used.
                raise
        features = np.concatenate(self._blocks)
        self._blocks.clear()
        return parted(self._source, spec, Split(features, labels, weights), tests, reading)

    def _spill(self) -> None:
        self._file = (self._staging / _FEATURES).open("wb")
        # The header has room for any number of rows; how many is not known yet.
        self._write_header(0)
        for block in self._blocks:
            self._write(block)
        self._first = self._blocks[0][:0]
        self._blocks.clear()

    def _write(self, features: np.ndarray) -> None:
        assert self._file
        content = np.ascontiguousarray(features).data
        self._file.write(content)
        if not self._key:
            self._digest.update(content)

    def _write_header(self, n_samples: int) -> None:
        like = self._blocks[0] if self._blocks else self._first
        header = {
            "descr": np.lib.format.dtype_to_descr(like.dtype),
            "fortran_order": False,
            "shape": (n_samples, like.shape[1]),
        }
        assert self._file
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(self._file, header)

    def _keep(
        self,
        spec: Spec,
        labels: np.ndarray,
        weights: np.ndarray | None,
        tests: np.ndarray,
        reading: Reading,
    ) -> Path:
        assert self._file
        self._write_header(self.n_samples)
        self._file.close()
        described = {"spec": spec.to_json(), "reading": reading.to_json()}
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
            # Damaged, or another process was as quick; it goes with the staging folder.
            entry.rename(self._staging.parent / "before")
        self._staging.rename(entry)
        return entry

    def close(self) -> None:
        """Lets go of the file."""
        if self._file:
            self._file.close()


@contextmanager
def collecting(source: Source, key: str) -> Iterator[Collector]:
    """A collector for a source whose kept rows have this key.

    Raises:
      DataError: if the disk cannot be written when it must be.
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


def kept(source: Source, key: str) -> Dataset | None:
    """The dataset kept under a key; None if there is none that can be read."""
    if not key:
        return None
    try:
        return _kept(source.cache.folder / key, source)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def _kept(entry: Path, source: Source) -> Dataset:
    features = np.load(entry / _FEATURES, mmap_mode="r", allow_pickle=False)
    with (entry / _REST).open("rb") as file, np.load(file, allow_pickle=False) as rest:
        labels, tests = rest["labels"], rest["tests"]
        weights = rest.get("weights")
        spec: dict[str, Any] = json.loads(rest["spec"].tobytes())
        found = json.loads(rest["reading"].tobytes()) if "reading" in rest else {}
    rows, reading = Split(features, labels, weights), Reading.from_json(found)
    return parted(source, Spec.from_json(spec), rows, tests, reading)


def parted(
    source: Source, spec: Spec, rows: Split, tests: np.ndarray, reading: Reading = NOTHING
) -> Dataset:
    """A dataset of rows, in two: the source's own test rows, or else some held out.

    Args:
      source: of the rows.
      spec: of the rows.
      rows: all of them.
      tests: bool ``[n_samples]``, which are the source's own test rows.
      reading: what should be known of how they were read; it is said.

    Raises:
      DataError: if the rows are to be trained on, and their labels are no classes, or there
        are no training rows, or too few to hold some out.
    """
    measured = source.model is not None
    try:
        check_classes(source.name, spec.class_names, len(rows))
        places = _places(source, spec, rows.labels, tests)
    except DataError:
        if not measured:
            raise
        tests = tests if tests.any() else ~tests
        places = np.flatnonzero(~tests), np.flatnonzero(tests)
    # In the source's order, so that it is the same dataset in memory and on the disk.
    train, test = (rows.take(np.sort(part)) for part in places)
    if tests.any() and len(train):
        log_scales(source.name, train, test, spec)
    reading.log(source.name)
    return Dataset(
        source.name,
        spec,
        train,
        test,
        reading=reading,
        only_measured=measured,
        options=source.options,
    )


def _places(
    source: Source, spec: Spec, labels: np.ndarray, tests: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the training and of the test rows."""
    if not tests.any():
        fraction = source.options.test_fraction
        return stratified_places(labels, source.name, fraction, spec.class_names)
    places = np.flatnonzero(~tests), np.flatnonzero(tests)
    counts = np.bincount(labels[places[0]], minlength=spec.n_classes)
    if not counts.all():
        rare = spec.class_names[int(np.argmin(counts))]
        raise DataError(
            f"{source.name}: class {rare!r} has test rows but no training rows; add some, or "
            "remove it"
        )
    return places
