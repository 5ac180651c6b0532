"""Lines of text: a label and a text a line, as a table of one column of texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.encoded import Cells, cells_of_frame, features_of_cells
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.folders import check_file
from tfsoftmax.data.readers.text_file import text_file
from tfsoftmax.data.source import Source
from tfsoftmax.data.tables.load import load_table
from tfsoftmax.data.tables.table import Part, Table
from tfsoftmax.errors import DataError, ModelError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

LABEL, TEXT = "label", "text"
_ROWS_PER_PART = 10_000
_CHARACTERS_PER_PART = 2**22
# ``__label__NAME`` before the text, as fastText has it; a tab between label and text; or no label.
_Form = Literal["mark", "tab", "none"]
_MARK = "__label__"
_MARKED = re.compile(rf"{_MARK}(\S+)(?:\s+(.*))?", re.DOTALL)
_EXPECTED = {
    "mark": f"{_MARK}NAME and a text, as in the first line",
    "tab": "a label, one tab and a text, as in the first line",
}


class _Line(NamedTuple):
    """A line that is not blank, and its number, from 1."""

    number: int
    text: str


def load_text(path: Path, source: Source) -> Dataset:
    """Reads a text file, also gzipped, of ``__label__NAME TEXT`` or ``LABEL<TAB>TEXT`` lines.

    The texts are a table's column ``text``, encoded as one of kind text, so that the model takes
    texts. Blank lines are left out.

    Args:
      path: of the file.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the line, from 1, of what is wrong, or if it has no labels.
    """
    check_file(path, source.name)
    return load_table(source, [path], lambda: _open(path, source.name, source.options))


def open_texts(path: Path, name: str, options: SourceOptions, bad: BadRows) -> Table:
    """Opens a text file as a table of the columns ``label``, if there are labels, and ``text``.

    Args:
      path: of the file.
      name: for messages.
      options: the encoding of the file.
      bad: counts lines of another form.

    Raises:
      DataError: if it cannot be read.
    """
    check_file(path, name)
    table = _open(path, name, options, labelled=False)
    return Table(table.names, partial(table.read, bad=bad))


def rows_of_texts(
    path: Path, name: str, spec: Spec, options: SourceOptions
) -> Iterator[FeaturesLike]:
    """Reads texts to be predicted: a text a line, or lines as `load_text` takes them.

    What stands before a tab is a label only if it is one of the model's classes.

    Args:
      path: of the file.
      name: for messages.
      spec: of the model, which takes one column of texts.
      options: the encoding of the file.

    Yields:
      ``[n, n_features]``.

    Raises:
      as `cells_of_texts`.
    """
    for cells in cells_of_texts(path, name, spec, options):
        assert spec.encoding
        yield features_of_cells(spec.encoding, cells)


def cells_of_texts(path: Path, name: str, spec: Spec, options: SourceOptions) -> Iterator[Cells]:
    """Reads texts as `rows_of_texts` does, as the cells of the model's one column.

    Raises:
      ModelError: if the model takes anything else.
      DataError: naming the line, from 1, of what is wrong.
    """
    inputs = spec.encoding.inputs if spec.encoding else ()
    if spec.encoding is None or [each.dtype for each in inputs] != ["string"]:
        raise ModelError(f"{name}: lines of text, but the model does not take one column of texts")
    check_file(path, name)
    form, classes = _form_of(path, name, options.encoding), frozenset(spec.class_names)
    first_row = 1
    for lines in _parts(path, name, options.encoding):
        texts = [_split(line, _form_of_line(line, form), name, classes)[1] for line in lines]
        frame = _frame({inputs[0].name: texts})
        yield cells_of_frame(spec.encoding, frame, name, first_row)
        first_row += len(lines)


def _open(path: Path, name: str, options: SourceOptions, labelled: bool = True) -> Table:
    form = _form_of(path, name, options.encoding)
    if labelled and form == "none":
        raise DataError(
            f"{name}: its first line has no label; expected {_MARK}NAME and a text, or a label, a "
            "tab and a text, in every line"
        )

    def read(
        columns: Sequence[str], *, bad: BadRows | None = None, **how: object
    ) -> Generator[Part]:
        first_row = 1
        for lines in _parts(path, name, options.encoding):
            usable = np.ones(len(lines), bool)
            cells: dict[str, list[str]] = {LABEL: [], TEXT: []}
            for index, line in enumerate(lines):
                try:
                    label, text = _split(line, form, name)
                except DataError as error:
                    if bad is None:
                        raise
                    bad.report("that are not a label and a text", error)
                    usable[index], label, text = False, "", ""
                cells[LABEL].append(label)
                cells[TEXT].append(text)
            yield Part(_frame({column: cells[column] for column in columns}), first_row, usable)
            first_row += len(lines)

    return Table([TEXT] if form == "none" else [LABEL, TEXT], read)


def _form_of(path: Path, name: str, encoding: str) -> _Form:
    """Finds out from its first line how a file has its labels."""
    with text_file(path, name, encoding) as lines:
        first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise DataError(f"{name}: no lines; expected a label and a text in each")
    if first.startswith(_MARK):
        return "mark"
    return "tab" if "\t" in first.strip("\r\n") else "none"


def _form_of_line(line: _Line, form: _Form) -> _Form:
    """What a line is: without marks, any line may have a label before a tab."""
    return "tab" if form == "none" and "\t" in line.text else form


def _split(
    line: _Line, form: _Form, name: str, classes: Collection[str] | None = None
) -> tuple[str, str]:
    """Splits a line into label and text; the label of one without is empty.

    Args:
      line: to split.
      form: of all lines.
      name: of the file, for messages.
      classes: the labels that there are; None if any is one.

    Raises:
      DataError: if the line has another form, or it is not certain what its label is.
    """
    where = f"{name}, line {line.number}"
    if form == "none":
        if line.text.startswith(_MARK):
            raise DataError(f"{where}: starts with {_MARK}, but the first line has no label")
        return "", line.text
    if form == "mark":
        marked = _MARKED.fullmatch(line.text)
        if marked is None:
            raise DataError(f"{where}: expected {_EXPECTED[form]}, found {line.text[:40]!r}")
        label, text = marked[1], marked[2] or ""
        if text.startswith(_MARK):
            raise DataError(f"{where}: it has several labels; a row has one class: keep one")
        return label, text
    label, tab, text = line.text.partition("\t")
    if not tab or "\t" in text:
        raise DataError(
            f"{where}: {line.text.count(chr(9))} tabs, expected {_EXPECTED[form]}; a table with "
            "more columns is read as csv:FILE.tsv"
        )
    if classes is not None and label.strip() not in classes:
        raise DataError(
            f"{where}: {label[:40]!r} before the tab is no class of the model, so it may be part "
            "of the text: replace the tabs by spaces if there are no labels"
        )
    return label.strip(), text


def _parts(path: Path, name: str, encoding: str) -> Iterator[list[_Line]]:
    """The lines that are not blank, without their ends, some at a time."""
    lines: list[_Line] = []
    characters = 0
    with text_file(path, name, encoding) as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            lines.append(_Line(number, text.rstrip("\r\n")))
            characters += len(text)
            if len(lines) == _ROWS_PER_PART or characters > _CHARACTERS_PER_PART:
                yield lines
                lines, characters = [], 0
    if lines:
        yield lines


def _frame(cells: dict[str, list[str]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(cells, dtype=object)
