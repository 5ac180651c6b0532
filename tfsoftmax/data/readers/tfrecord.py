"""TFRecords of ``tf.Example`` messages: files of them as a dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.data.collector import Collector, collecting, load_cached
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.matrices import rows_of_matrix
from tfsoftmax.data.readers.feature_count import FeatureCount, cached_as_wide
from tfsoftmax.data.readers.folders import files_at
from tfsoftmax.data.readers.record_files import check_frames, parts_of_records
from tfsoftmax.data.readers.record_layout import (
    Layout,
    example_of,
    label_of,
    layout_of,
    parsed_record,
)
from tfsoftmax.data.readers.sparse_records import entries_in, matrix_of
from tfsoftmax.data.source import Source
from tfsoftmax.data.source_parts import own_files
from tfsoftmax.distributed.gathering import errors_of_all
from tfsoftmax.errors import DataError
from tfsoftmax.system.startup import import_tensorflow

_NUMBERS_PER_PART = 2**24


def load_tfrecord(path: Path, source: Source) -> Dataset:
    """Reads a TFRecord file, also ``.gz``, or all files in a folder in the order of their names.

    Args:
      path: of the file or folder.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the file and the record, from 1, of what is wrong.
    """
    files = files_at(path, source.name, "*.tfrecord*")
    if source.workers.count > 1 and len(files) > 1 and not source.model:
        with errors_of_all(source.workers), source.reading(path):
            layout = _first_layout(files, source)
        if layout:
            return _load_own(path, files, layout, source)
    key = source.key(files)
    found = cached_as_wide(source, key)
    if found is not None:
        return found
    if source.model:
        key = ""  # The number of features may be the model's, and not the file's alone.
    count = FeatureCount(source)
    with collecting(source, key) as collector:
        layout = _add_all(collector, files, path, source, count)
        if layout is None:
            raise DataError(f"{source.name}: no records; there is nothing to train on")
        return _dataset(collector, layout, source, count)


def _load_own(path: Path, files: list[Path], layout: Layout, source: Source) -> Dataset:
    """Reads a worker's own files of a folder."""
    workers = source.workers
    own = own_files(source.name, files, workers)
    key = source.key_of_own(own)
    found = load_cached(source, key, workers)
    if found is not None:
        return found
    count = FeatureCount(source)
    with collecting(source, key, workers) as collector:
        with collector.own_parts(path):
            _add_all(collector, own, path, source, count, layout)
        count.of_all(workers)
        return _dataset(collector, layout, source, count)


def _add_all(
    collector: Collector,
    files: list[Path],
    path: Path,
    source: Source,
    count: FeatureCount,
    layout: Layout | None = None,
) -> Layout | None:
    """Adds the records of files; returns their form, that of the first of them if it is None."""
    import_tensorflow()
    for where, first, records in _records(files, path, source):
        layout = layout or _layout(records, where, source)
        for number, part in _in_memory(records, first, layout):
            if layout.kind == "sparse":
                _add_sparse(collector, part, layout, where, number, source, count)
            else:
                _add(collector, part, layout, where, number, source)
    return layout


def _dataset(collector: Collector, layout: Layout, source: Source, count: FeatureCount) -> Dataset:
    if layout.kind == "sparse":
        layout = layout._replace(shape=(count.result("records with ids and values"),))
    missing = source.options.fill
    return collector.dataset(lambda names: layout.spec(names, missing))


def _first_layout(files: list[Path], source: Source) -> Layout | None:
    """The form of the first record in the files of a folder; None if there is none."""
    for where, _, records in _records(files, files[0].parent, source):
        return _layout(records, where, source)
    return None


def _records(
    files: list[Path], path: Path, source: Source
) -> Iterator[tuple[str, int, list[bytes]]]:
    """Reads files, some records at a time: the file's name for messages, the first's number."""
    for file in files:
        where, first = f"{source.name}: {file.name}" if path.is_dir() else source.name, 1
        check_frames(file, where, source.options.memory_limit)
        for records in parts_of_records(file, where):
            yield where, first, records
            first += len(records)


def _in_memory(
    records: list[bytes], first: int, layout: Layout
) -> Iterator[tuple[int, list[bytes]]]:
    """Parts of the records that are small once they are decoded, and the first's number."""
    n_per_part = max(1, _NUMBERS_PER_PART // math.prod(layout.shape))
    for start in range(0, len(records), n_per_part):
        yield first + start, records[start : start + n_per_part]


def _layout(records: list[bytes], where: str, source: Source) -> Layout:
    """Finds the form of the first record, or of the first readable one if others are skipped.

    Records of no features but the label, as sparse ones may be, do not tell.
    """
    skip = source.options.bad_rows == "skip"
    for number, record in enumerate(records, start=1):
        here = f"{where}, record {number}"
        try:
            if len(parsed_record(record, here)) > 1:
                return layout_of(record, here, source)
        except DataError:
            if not skip:
                raise
    return layout_of(records[0], f"{where}, record 1", source)


def _add(
    collector: Collector,
    records: list[bytes],
    layout: Layout,
    where: str,
    first: int,
    source: Source,
) -> None:
    anonymous = layout.spec(("", ""), source.options.fill)
    rows = np.zeros((len(records), anonymous.n_features), anonymous.dtype)
    whole = np.zeros(rows.shape if layout.kind == "int64" else 0, np.int64)

    def keep(index: int, found: dict[str, tuple[str, Any]], here: str) -> None:
        for name in layout.features:
            if name not in found:
                raise DataError(f"{here}: no feature {name!r}")
        rows[index] = example = example_of(found, layout, anonymous, source.options, here)
        if whole.size and example.dtype == np.int64:
            whole[index] = example

    labels, usable = _read(collector, records, layout, where, first, keep)
    collector.whole_numbers.add_rows(anonymous, whole, first, where)
    usable &= collector.bad_rows.find_finite(where, rows, anonymous, first, "record")
    collector.add(rows, labels, usable=usable, first_row=first, where=where)


def _add_sparse(
    collector: Collector,
    records: list[bytes],
    layout: Layout,
    where: str,
    first: int,
    source: Source,
    count: FeatureCount,
) -> None:
    entries = [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(records)

    def keep(index: int, found: dict[str, tuple[str, Any]], here: str) -> None:
        entries[index] = entries_in(found, layout.features, source.options.n_features, here)

    labels, usable = _read(collector, records, layout, where, first, keep)
    matrix = matrix_of(entries)
    count.add(matrix, where, "record", first)
    rows = rows_of_matrix(matrix, where, first).read_sparse([slice(None)])
    spec = layout._replace(shape=rows.shape[1:]).spec(("", ""), source.options.fill)
    usable &= collector.bad_rows.find_finite(where, rows, spec, first, "record")
    collector.add(rows, labels, usable=usable, first_row=first, where=where)


def _read(
    collector: Collector,
    records: list[bytes],
    layout: Layout,
    where: str,
    first: int,
    keep: Callable[[int, dict[str, tuple[str, Any]], str], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Reads records: `keep` gets the index, features and name of each.

    Returns:
      Their labels, and which of them can be used.
    """
    labels = np.zeros(len(records), object if layout.of_label == "bytes" else np.int64)
    usable = np.ones(len(records), bool)
    for index, record in enumerate(records):
        here = f"{where}, record {first + index}"
        try:
            found = parsed_record(record, here)
            if layout.label not in found:
                raise DataError(f"{here}: no feature {layout.label!r}")
            keep(index, found, here)
            labels[index] = label_of(found, layout, here)
        except DataError as error:
            collector.bad_rows.report("that are not such a record", error)
            usable[index] = False
    return labels, usable
