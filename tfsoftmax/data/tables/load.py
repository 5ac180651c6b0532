"""Reads a table to learn from, or to measure a model on: as numbers, or encoded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

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
from tfsoftmax.distributed.gathering import errors_of_all, said_by_all
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import TfsoftmaxError
from tfsoftmax.spec import Spec

# Of the codes of cells, which are only kept until the encoding is learned.
_UNLIMITED = 2**62
# A table that is opened, and the rows of it that a worker reads.
OpenShared = Callable[[], tuple[Table, Table]]


class _NotByPartsError(Exception):
    """What is in the columns is only known to a worker that reads all rows."""


@dataclass(frozen=True)
class _Rows:
    """Labelled rows that are to be read.

    Attributes:
      source: their name, options, and the model to be measured on them, if any.
      key: of the cache.
      table: has those that this process reads.
      columns: by their role.
      workers: that read a part of the table each; one that is alone reads it whole.
      path: of the table.
      first: the first rows of the table, where others may have read them.
    """

    source: Source
    key: str
    table: Table
    columns: Columns
    workers: Workers = ALONE
    path: Path = Path()
    first: Part | None = None

    def parts(self, bad: BadRows, encoding: Encoding | None = None) -> Generator[Part]:
        """Reads them; texts as they are where an encoding needs them so."""
        columns = self.columns
        how: dict[str, Any] = {"texts": encoding.texts(), "filled": True} if encoding else {}
        wanted = [*columns.features, *filter(None, (columns.label, columns.weight))]
        with closing(self.table.read(wanted, label=columns.label, bad=bad, **how)) as parts:
            if (part := next(parts, self._no_rows)) is not None:
                yield part
            yield from parts

    @property
    def _no_rows(self) -> Part | None:
        """What a worker reads that has no rows of a table: its columns."""
        if self.first is None:
            return None
        usable = None if self.first.usable is None else self.first.usable[:0]
        return self.first._replace(frame=self.first.frame[:0], usable=usable)


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
    table, options = open_table(), source.options
    if encoding:
        # The model says which columns it takes.
        names = tuple(each.name for each in encoding.inputs)
        columns = columns_of(source.name, table.names, options.but(features=names, drop=()))
        return _read_encoded(_Rows(source, keys[0], table, columns), encoding)
    rows = _Rows(source, key, table, columns_of(source.name, table.names, options))
    bad = BadRows(source.name, options.bad_rows == "skip")
    parts = rows.parts(bad)
    if source.model:
        return _read_numbers(rows, bad, parts)
    first = first_parts(parts)
    draft = _draft(rows, first)
    if draft is None:
        return _read_numbers(rows, bad, chain(first, parts))
    parts.close()
    return _read_mixed(rows, draft)


def load_shared_table(
    source: Source, path: Path, key: str, open_tables: OpenShared
) -> Dataset | None:
    """Reads the labelled rows of a table, of which each of several workers has some.

    All learn from its first rows what the columns are. What is learned of all rows are counts,
    which add up.

    Args:
      source: its name, options and workers.
      path: of its files.
      key: `Source.key_of_own`.
      open_tables: opens the whole table, and as another one the worker's own rows.

    Returns:
      None if each has to read all of it: numbers that are written as text have a meaning that all
      cells of a column have in common.

    Raises:
      DataError: naming row and column of what is wrong; in all workers if one finds it.
    """
    if source.model:
        return None
    for each in (key, _key_of_learned(key, source)):
        cached = load_cached(source, each, source.workers)
        if cached is not None:
            return cached
    with errors_of_all(source.workers), source.reading(path):
        whole, own = open_tables()
        rows = _Rows(source, key, whole, columns_of(source.name, whole.names, source.options))
        bad = BadRows(source.name, source.options.bad_rows == "skip")
        parts = rows.parts(bad)
        found = [part for part in first_parts(parts) if len(part.frame)]
        parts.close()
        draft = _draft(rows, found) if found else None
    if not found:
        return None
    rows = replace(rows, table=own, workers=source.workers, path=path, first=found[0])
    try:
        if draft is not None:
            return _read_mixed(rows, draft)
        bad = BadRows(source.name, source.options.bad_rows == "skip")
        return _read_numbers(rows, bad, rows.parts(bad))
    except _NotByPartsError:
        return None


def _draft(rows: _Rows, first: list[Part]) -> Draft | None:
    """What the first parts show of the columns; None of numbers."""
    source, columns, options = rows.source, rows.columns, rows.source.options
    asked = Asked.of(source.name, rows.table.names, columns, options)
    return draft_of(source.name, first, columns.features, options, asked)


def _read_numbers(rows: _Rows, bad: BadRows, parts: Iterator[Part]) -> Dataset:
    """Reads columns that are features as they are."""
    source = rows.source
    numbers = numbers_of(source, rows.columns)
    if rows.first:
        numbers.choose(rows.first.frame, rows.first.first_row)
        if numbers.left_out:
            raise _NotByPartsError
    with collecting(source, rows.key, rows.workers) as collector:
        collector.bad_rows = bad
        reader = TableReader(source, rows.columns, numbers)
        notes = _add(rows, collector, reader, numbers, parts)
        return collector.dataset(_describe(source, numbers), notes)


def _describe(source: Source, numbers: NumbersReader) -> Describe:
    """What makes the spec of columns that are features as they are."""

    def describe(class_names: tuple[str, ...]) -> Spec:
        shape, fill = (len(numbers.names),), source.options.fill
        return Spec(shape, "float32", class_names, feature_names=numbers.names, missing=fill)

    return describe


def _read_mixed(rows: _Rows, draft: Draft) -> Dataset:
    """Learns how columns become features, and reads them so."""
    source = rows.source
    filled = source.options.missing is None
    source_of_codes = source.but(missing=_fill(source), memory_limit=_UNLIMITED)
    learner = Learner(source.name, draft, source_of_codes.options, rows.workers)
    with collecting(source_of_codes, "", rows.workers) as collector:
        parts = rows.parts(collector.bad_rows, draft.encoding)
        reader = TableReader(source_of_codes, rows.columns, learner)
        _add(rows, collector, reader, learner.cells.numbers, parts)
        encoding = learner.encoding(collector.training_rows())
    notes = learner.notes(encoding, filled)
    return _read_encoded(replace(rows, key=_key_of_learned(rows.key, source)), encoding, notes)


def _read_encoded(rows: _Rows, encoding: Encoding, notes: Notes = NO_NOTES) -> Dataset:
    """Reads columns as a known encoding has them."""
    source = rows.source
    options, measured = source.options.but(missing=_fill(source)), source.model is not None
    encoded = EncodedReader(source.name, encoding, options, model=measured, notes=notes)
    with collecting(source, rows.key, rows.workers) as collector:
        parts = rows.parts(collector.bad_rows, encoding)
        reader = TableReader(source, rows.columns, encoded)
        notes = _add(rows, collector, reader, encoded.cells.numbers, parts)

        def describe(class_names: tuple[str, ...]) -> Spec:
            shape = (encoding.n_features,)
            return Spec(shape, "float32", class_names, missing=options.fill, encoding=encoding)

        return collector.dataset(describe, notes, encoded.raw)


def _add(
    rows: _Rows,
    collector: Collector,
    reader: TableReader,
    numbers: NumbersReader,
    parts: Iterator[Part],
) -> Notes:
    """Adds all rows to a collector, and checks what can be checked once they are read."""
    workers, plain = rows.workers, True
    try:
        with collector.own_parts(rows.path):
            for part in parts:
                plain = workers.count == 1 or reader.are_plain(part.frame, numbers.names)
                if not plain:
                    break
                reader.add(collector, part.frame, part.first_row, part.usable, part.where)
    except TfsoftmaxError as error:  # in all workers
        if all(said_by_all(plain, workers)):
            raise
        # One process may have found another error before it.
        raise _NotByPartsError from error
    if workers.count > 1:
        if not all(said_by_all(plain, workers)) or not reader.of_all(workers):
            raise _NotByPartsError
        collector.whole_numbers.of_all(workers)
    with errors_of_all(workers):
        rows.table.settle_doubts(numbers.doubtful)
        rows.table.read_rounded(numbers.names, collector.whole_numbers)
    return reader.finish()


def _fill(source: Source) -> Missing:
    """What becomes of missing numbers in an encoded table."""
    if source.model:
        return source.model.missing or "error"
    return source.options.missing or "indicator"


def _key_of_learned(key: str, source: Source) -> str:
    """The key of rows whose encoding is learned from the rows that are not held out."""
    return key and f"{key}-{source.options.test_fraction:g}"


def _key_of_model(key: str, encoding: Encoding) -> str:
    """The key of rows that are encoded as a model has it."""
    described = json.dumps(encoding.to_json()).encode()
    return key and f"{key}-{hashlib.sha256(described).hexdigest()[:16]}"
