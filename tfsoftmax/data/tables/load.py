"""Reads a table to learn from, or to measure a model on: as numbers, or encoded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from pathlib import Path

from tfsoftmax.columns.column import Encoding
from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.collector import Collector, Describe, collecting, load_cached
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.notes import NO_NOTES, Notes
from tfsoftmax.data.options import Missing
from tfsoftmax.data.source import Source
from tfsoftmax.data.tables.columns import Columns, columns_of
from tfsoftmax.data.tables.encoded_reader import EncodedReader
from tfsoftmax.data.tables.kinds_of_columns import Asked, Draft, draft_of, first_parts
from tfsoftmax.data.tables.labelled import TableReader, numbers_of
from tfsoftmax.data.tables.learn import Learner
from tfsoftmax.data.tables.reader import NumbersReader
from tfsoftmax.data.tables.table import Part, Table
from tfsoftmax.spec import Spec

# Of the codes of cells, which are only kept until the encoding is learned.
_UNLIMITED = 2**62


def load_table(source: Source, files: Iterable[Path], open_table: Callable[[], Table]) -> Dataset:
    """Reads the labelled rows of a table.

    A table of numbers is read once. Otherwise its columns become features in two passes: the
    first learns from the rows to be trained on how they are encoded, the second encodes all rows.
    A model's own encoding is not learned again.

    Args:
      source: its name, options, and the model to be measured on it, if any.
      files: that it consists of; none for a table in memory.
      open_table: opens it.

    Raises:
      DataError: naming row and column of what is wrong.
    """
    key = source.key(files)
    encoding = source.model.encoding if source.model else None
    keys = [_key_of_model(key, encoding)] if encoding else [key, _key_of_learned(key, source)]
    for each in keys:
        found = load_cached(source, each)
        if found is not None:
            return found
    table = open_table()
    options = source.options
    if encoding:
        # The model says which columns it takes.
        names = tuple(each.name for each in encoding.inputs)
        columns = columns_of(source.name, table.names, options.but(features=names, drop=()))
        return _read_encoded(source, keys[0], table, columns, encoding)
    columns = columns_of(source.name, table.names, options)
    if source.model:
        return _read_numbers(source, key, table, columns, *_opened(source, table, columns))
    asked = Asked.of(source.name, table.names, columns, options)
    bad, parts = _opened(source, table, columns)
    first = first_parts(parts)
    draft = draft_of(source.name, first, columns.features, options, asked)
    if draft is None:
        return _read_numbers(source, key, table, columns, bad, chain(first, parts))
    parts.close()
    return _read_mixed(source, keys[1], table, columns, draft)


def load_own_numbers(source: Source, path: Path, key: str, table: Table) -> Dataset:
    """Reads the labelled rows of a table of numbers, of which each of several workers has some.

    Args:
      source: its name, options and workers.
      path: of its files.
      key: `Source.key_of_own`.
      table: opened; it reads the worker's own rows alone.

    Raises:
      DataError: naming row and column of what is wrong; in all workers if one finds it.
    """
    found = load_cached(source, key, source.workers)
    if found is not None:
        return found
    columns = columns_of(source.name, table.names, source.options)
    numbers = numbers_of(source, columns)
    reader = TableReader(source, columns, numbers)
    with collecting(source, key, source.workers) as collector:
        with collector.own_parts(path):
            parts = table.read(_wanted(columns), label=columns.label, bad=collector.bad_rows)
            for part in parts:
                reader.add(collector, part.frame, part.first_row, part.usable, part.where)
        numbers.of_all(source.workers)
        return collector.dataset(_describe(source, numbers), reader.finish())


def _opened(source: Source, table: Table, columns: Columns) -> tuple[BadRows, Generator[Part]]:
    bad = BadRows(source.name, source.options.bad_rows == "skip")
    return bad, table.read(_wanted(columns), label=columns.label, bad=bad)


def _read_numbers(
    source: Source, key: str, table: Table, columns: Columns, bad: BadRows, parts: Iterator[Part]
) -> Dataset:
    """Reads columns that are features as they are."""
    numbers = numbers_of(source, columns)
    with collecting(source, key) as collector:
        collector.bad_rows = bad
        notes = _add(collector, TableReader(source, columns, numbers), numbers, table, parts)
        return collector.dataset(_describe(source, numbers), notes)


def _describe(source: Source, numbers: NumbersReader) -> Describe:
    """What makes the spec of columns that are features as they are."""

    def describe(class_names: tuple[str, ...]) -> Spec:
        shape, fill = (len(numbers.names),), source.options.fill
        return Spec(shape, "float32", class_names, feature_names=numbers.names, missing=fill)

    return describe


def _read_mixed(source: Source, key: str, table: Table, columns: Columns, draft: Draft) -> Dataset:
    """Learns how columns become features, and reads them so."""
    filled = source.options.missing is None
    source_of_codes = source.but(missing=_fill(source), memory_limit=_UNLIMITED)
    learner = Learner(source.name, draft, source_of_codes.options)
    with collecting(source_of_codes, "") as collector:
        parts = _read(table, columns, draft.encoding, collector)
        reader = TableReader(source_of_codes, columns, learner)
        _add(collector, reader, learner.cells.numbers, table, parts)
        encoding = learner.encoding(collector.training_rows())
    notes = learner.notes(encoding, filled)
    return _read_encoded(source, key, table, columns, encoding, notes)


def _read_encoded(
    source: Source,
    key: str,
    table: Table,
    columns: Columns,
    encoding: Encoding,
    notes: Notes = NO_NOTES,
) -> Dataset:
    """Reads columns as a known encoding has them."""
    options, measured = source.options.but(missing=_fill(source)), source.model is not None
    encoded = EncodedReader(source.name, encoding, options, model=measured, notes=notes)
    with collecting(source, key) as collector:
        parts = _read(table, columns, encoding, collector)
        reader = TableReader(source, columns, encoded)
        notes = _add(collector, reader, encoded.cells.numbers, table, parts)

        def describe(class_names: tuple[str, ...]) -> Spec:
            shape = (encoding.n_features,)
            return Spec(shape, "float32", class_names, missing=options.fill, encoding=encoding)

        return collector.dataset(describe, notes, encoded.raw)


def _add(
    collector: Collector,
    reader: TableReader,
    numbers: NumbersReader,
    table: Table,
    parts: Iterator[Part],
) -> Notes:
    """Adds all rows to a collector, and checks what can be checked once they are read."""
    for part in parts:
        reader.add(collector, part.frame, part.first_row, part.usable, part.where)
    table.settle_doubts(numbers.doubtful)
    table.read_rounded(numbers.names, collector.whole_numbers)
    return reader.finish()


def _read(
    table: Table, columns: Columns, encoding: Encoding, collector: Collector
) -> Iterator[Part]:
    texts, bad = encoding.texts(), collector.bad_rows
    return table.read(_wanted(columns), label=columns.label, texts=texts, filled=True, bad=bad)


def _fill(source: Source) -> Missing:
    """What becomes of missing numbers in an encoded table."""
    if source.model:
        return source.model.missing or "error"
    return source.options.missing or "indicator"


def _wanted(columns: Columns) -> list[str]:
    return [*columns.features, *filter(None, (columns.label, columns.weight))]


def _key_of_learned(key: str, source: Source) -> str:
    """The key of rows whose encoding is learned from the rows that are not held out."""
    return key and f"{key}-{source.options.test_fraction:g}"


def _key_of_model(key: str, encoding: Encoding) -> str:
    """The key of rows that are encoded as a model has it."""
    described = json.dumps(encoding.to_json()).encode()
    return key and f"{key}-{hashlib.sha256(described).hexdigest()[:16]}"
