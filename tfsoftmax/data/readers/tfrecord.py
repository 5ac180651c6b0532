"""TFRecords of ``tf.Example`` messages, read by TensorFlow.

A record has a feature for the label, ``label`` unless `SourceOptions.label_column` names
another, one int64 or one bytes (a text); and one for the example, ``features``, ``inputs``
or ``image`` unless `SourceOptions.features` names another: floats or int64s, as many in each
record, or bytes: an encoded PNG, JPEG or WebP picture, or raw uint8 values. Several names are
several features of one number each. A pair of names, ``ids:values``, are the ids and values of
sparse rows, as many as a record has.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.choices import Fill
from tfsoftmax.data.collector import Collector, collecting, load_cached
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.images import read_image
from tfsoftmax.data.matrices import rows_of_matrix
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.feature_count import FeatureCount, cached_as_wide
from tfsoftmax.data.readers.folders import files_at
from tfsoftmax.data.readers.image_folder import check_side, head_of
from tfsoftmax.data.readers.sparse_records import entries_in, find_pair, matrix_of
from tfsoftmax.data.source import Source
from tfsoftmax.data.source_parts import own_files
from tfsoftmax.data.tables.columns import named
from tfsoftmax.distributed.gathering import errors_of_all
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.startup import import_tensorflow

_FEATURES = ("features", "inputs", "image")
_RECORDS_PER_PART = 1024
_BYTES_PER_PART = 2**26
_NUMBERS_PER_PART = 2**24
_HEAD_BYTES = 12
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8", b"RIFF")


class Layout(NamedTuple):
    """The form of a record, found in the first one.

    Attributes:
      label: the feature with the label.
      of_label: ``"int64"`` or ``"bytes"``.
      features: the features with the example.
      kind: ``"float"``, ``"int64"``, ``"raw"``, ``"picture"`` or ``"sparse"``.
      shape: of an example; empty for sparse ones, whose features are counted as they are read.
    """

    label: str
    of_label: str
    features: tuple[str, ...]
    kind: str
    shape: tuple[int, ...]

    def spec(self, names: tuple[str, ...], missing: Fill | None = None) -> Spec:
        """What an example is."""
        if self.kind == "picture":
            return Spec(self.shape, "uint8", names, (0, 255))
        named = len(self.features) > 1 and self.kind != "sparse"
        feature_names = self.features if named else None
        dtype = "uint8" if self.kind == "raw" else "float32"
        return Spec(self.shape, dtype, names, None, feature_names, missing)


def load_tfrecord(path: Path, source: Source) -> Dataset:
    """Reads a TFRecord file, also ``.gz``, or all files in a folder in the order of their names.

    Args:
      path: of the file or folder.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the file and the record, from 1, of what is wrong.
    """
    files = files_at(path, source.name, "*.tfrecord*")
    if source.workers.count > 1 and len(files) > 1:
        with errors_of_all(source.workers), source.reading(path):
            layout = _first_layout(files, source)
        if layout and layout.kind != "sparse":
            return _load_own(path, files, layout, source)
    key = source.key(files)
    found = cached_as_wide(source, key)
    if found is not None:
        return found
    if source.model:
        key = ""  # The number of features may be the model's, and not the file's alone.
    import_tensorflow()
    layout = None
    count = FeatureCount(source)
    with collecting(source, key) as collector:
        for where, first, records in _records(files, path, source):
            layout = layout or _layout(records, where, source)
            for number, part in _in_memory(records, first, layout):
                if layout.kind == "sparse":
                    _add_sparse(collector, part, layout, where, number, source, count)
                else:
                    _add(collector, part, layout, where, number, source)
        if layout is None:
            raise DataError(f"{source.name}: no records; there is nothing to train on")
        if layout.kind == "sparse":
            layout = layout._replace(shape=(count.result("records with ids and values"),))
        missing = source.options.fill
        return collector.dataset(lambda names: layout.spec(names, missing))


def _load_own(path: Path, files: list[Path], layout: Layout, source: Source) -> Dataset:
    """Reads a worker's own files of a folder, of rows that are not sparse."""
    workers = source.workers
    own = own_files(source.name, files, workers)
    key = source.key_of_own(own)
    found = load_cached(source, key, workers)
    if found is not None:
        return found
    with collecting(source, key, workers) as collector:
        with collector.own_parts(path):
            for where, first, records in _records(own, path, source):
                for number, part in _in_memory(records, first, layout):
                    _add(collector, part, layout, where, number, source)
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
        _check_frames(file, where, source.options.memory_limit)
        for records in _parts(file, where):
            yield where, first, records
            first += len(records)


def _in_memory(
    records: list[bytes], first: int, layout: Layout
) -> Iterator[tuple[int, list[bytes]]]:
    """Parts of the records that are small once they are decoded, and the first's number."""
    n_per_part = max(1, _NUMBERS_PER_PART // math.prod(layout.shape))
    for start in range(0, len(records), n_per_part):
        yield first + start, records[start : start + n_per_part]


def _check_frames(file: Path, where: str, limit: int) -> None:
    """Checks the length of every record, which TensorFlow's reader would trust blindly.

    A record is a length (uint64, little endian), its checksum (4 bytes), so many bytes, their
    checksum (4 bytes).

    Raises:
      DataError: naming the record that promises more than the file holds, or than the limit.
    """
    number, zipped = 1, file.suffix == ".gz"
    try:
        with file.open("rb") as raw:
            stream: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
            size = file.stat().st_size
            while head := stream.read(_HEAD_BYTES):
                here = f"{where}, record {number}"
                length = int.from_bytes(head[:8], "little")
                if len(head) < _HEAD_BYTES or (not zipped and length > size - raw.tell() - 4):
                    raise DataError(f"{here}: damaged, or no TFRecord: the file ends within it")
                if length > limit:
                    raise DataError(f"{here}: {length:,} bytes, more than the memory limit")
                if zipped:
                    _skip(stream, length + 4, here)
                else:
                    raw.seek(length + 4, os.SEEK_CUR)
                number += 1
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{where}: cannot be read: {reason}") from error


def _skip(stream: Any, count: int, here: str) -> None:
    while count:
        found = len(stream.read(min(count, 2**20)))
        if not found:
            raise DataError(f"{here}: damaged, or no TFRecord: the file ends within it")
        count -= found


def _parts(file: Path, where: str) -> Iterator[list[bytes]]:
    """Reads the records of a file, some at a time."""
    import tensorflow as tf

    kind = "GZIP" if file.suffix == ".gz" else ""
    records: list[bytes] = []
    read = size = 0
    try:
        for record in tf.data.TFRecordDataset(str(file), kind).as_numpy_iterator():
            records.append(record)
            size += len(record)
            if len(records) == _RECORDS_PER_PART or size > _BYTES_PER_PART:
                read += len(records)
                yield records
                records, size = [], 0
    except tf.errors.OpError as error:
        reason = re.sub(r"^\{\{.*?\}\} | \[Op:.*", "", str(error.message).splitlines()[0])
        raise DataError(
            f"{where}, record {read + len(records) + 1}: damaged, or no TFRecord ({reason}); write "
            "the file again"
        ) from error
    if records:
        yield records


def _parsed(record: bytes, where: str) -> dict[str, tuple[str, Any]]:
    """Parses a record into its features: kind and values of each."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        example = tf.train.Example.FromString(record)
    except DecodeError as error:
        raise DataError(f"{where}: not a tf.Example message") from error
    found = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind:
            found[name] = kind.removesuffix("_list"), getattr(feature, kind).value
    return found


def _layout(records: list[bytes], where: str, source: Source) -> Layout:
    """Finds the form of the first record, or of the first readable one if others are skipped.

    Records of no features but the label, as sparse ones may be, do not tell.
    """
    skip = source.options.bad_rows == "skip"
    for number, record in enumerate(records, start=1):
        here = f"{where}, record {number}"
        try:
            if len(_parsed(record, here)) > 1:
                return _layout_of(record, here, source)
        except DataError:
            if not skip:
                raise
    return _layout_of(records[0], f"{where}, record 1", source)


def _layout_of(record: bytes, where: str, source: Source) -> Layout:
    options = source.options
    found = _parsed(record, where)
    label = options.label_column or "label"
    pair = find_pair(options.features, found, where, _FEATURES)
    names = pair or named(options.features or (), found)
    names = names or tuple(name for name in _FEATURES if name in found)[:1]
    wanted = [*(names or _FEATURES[:1]), label]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(
            f"{where}: no feature {missing[0]!r}; there are "
            f"{', '.join(map(repr, sorted(found))) or 'none'}: name them with "
            + setting("features")
            + " and "
            + setting("label_column")
        )
    kinds = {found[name][0] for name in names}
    of_label = found[label][0]
    if pair:
        return Layout(label, of_label, pair, "sparse", ())
    if len(names) > 1:
        if "bytes" in kinds or any(len(found[name][1]) != 1 for name in names):
            raise DataError(f"{where}: several " + setting("features") + " must be one number each")
        kind = "int64" if kinds == {"int64"} else "float"
        return Layout(label, of_label, names, kind, (len(names),))
    kind, values = found[names[0]]
    if not len(values) or values[0] == b"":
        raise DataError(f"{where}: feature {names[0]!r} is empty")
    if kind != "bytes":
        return Layout(label, of_label, names, kind, (len(values),))
    if not values[0].startswith(_PICTURE_STARTS):
        return Layout(label, of_label, names, "raw", (len(values[0]),))
    shape = _picture_shape(values[0], f"{where}, feature {names[0]!r}", options)
    return Layout(label, of_label, names, "picture", shape)


def _picture_shape(content: bytes, where: str, options: SourceOptions) -> tuple[int, ...]:
    size, gray = head_of(where, content)
    size = options.image_size or size
    check_side(where, size)
    color = options.color or ("gray" if gray else "rgb")
    return (*size, 3) if color == "rgb" else tuple(size)


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
        rows[index] = example = _example(found, layout, anonymous, source.options, here)
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
            found = _parsed(record, here)
            if layout.label not in found:
                raise DataError(f"{here}: no feature {layout.label!r}")
            keep(index, found, here)
            labels[index] = _label(found, layout, here)
        except DataError as error:
            collector.bad_rows.report("that are not such a record", error)
            usable[index] = False
    return labels, usable


def _label(found: dict[str, tuple[str, Any]], layout: Layout, here: str) -> Any:
    kind, values = found[layout.label]
    if len(values) != 1 or kind == "float":
        raise DataError(f"{here}: expected one whole number or text as {layout.label!r}")
    if kind != layout.of_label:
        raise DataError(f"{here}: {layout.label!r} is {kind}, expected {layout.of_label}")
    if values[0] == b"":
        raise DataError(f"{here}: the label is missing; fill it in, or leave the record out")
    return values[0]


def _example(
    found: dict[str, tuple[str, Any]],
    layout: Layout,
    spec: Spec,
    options: SourceOptions,
    here: str,
) -> np.ndarray:
    kinds = {found[name][0] for name in layout.features}
    expected = "bytes" if layout.kind in ("raw", "picture") else layout.kind
    name = layout.features[0]
    if (kinds & {"bytes"}) != ({expected} & {"bytes"}):
        raise DataError(f"{here}: {name!r} is {kinds.pop()}, expected {expected}")
    values: Any = found[name][1]
    if len(layout.features) > 1 or expected == "bytes":
        for name in layout.features:
            if len(found[name][1]) != 1:
                raise DataError(f"{here}: {len(found[name][1])} values in {name!r}, expected one")
        values = [found[name][1][0] for name in layout.features]
    if layout.kind == "picture":
        _check_picture(values[0], spec, options, here)
        return read_image(here, spec, content=values[0]).reshape(-1)
    if layout.kind == "raw":
        values = np.frombuffer(values[0], np.uint8)
    if len(values) != spec.n_features:
        raise DataError(
            f"{here}: {len(values):,} values in {name!r}, expected {spec.n_features:,} as in "
            "record 1"
        )
    return np.asarray(values)


def _check_picture(content: bytes, spec: Spec, options: SourceOptions, here: str) -> None:
    """Checks that a later picture is not scaled, nor its color dropped, without being asked."""
    size, gray = head_of(here, content)
    first = spec.example_shape
    if not options.image_size and size != first[:2]:
        raise DataError(
            f"{here}: a picture of {size[0]}x{size[1]}, expected {first[0]}x{first[1]} as in "
            "record 1; have all scaled to one with " + setting("image_size", first[:2])
        )
    if not options.color and not gray and len(first) == 2:
        raise DataError(
            f"{here}: a picture in color, expected gray as in record 1; give " + setting("color")
        )
