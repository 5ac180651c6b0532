"""Lines of a CSV file on their way to pandas, where it would pass over some without a word."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting


class Lines(io.TextIOBase):
    """Lines as a file of text.

    >>> Lines(["a\\n", "1\\n"]).read(2)
    'a\\n'
    """

    def __init__(self, lines: Iterable[str]):
        self._lines = iter(lines)

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Whole lines of about so many characters; all that is left if it is negative."""
        found, count = [], 0
        for line in self._lines:
            found.append(line)
            count += len(line)
            if size is not None and 0 <= size <= count:
                break
        return "".join(found)


def with_blank_rows(lines: Iterable[str], comment: str | None, header: bool) -> Iterator[str]:
    """The lines of a table of one column, whose blank lines are rows without a value.

    Those after the last row, or before the column's name, are none.

    >>> list(with_blank_rows(["a\\n", "1\\n", "\\n", "2\\n", "\\n"], None, header=True))
    ['a\\n', '1\\n', '""\\n2\\n']
    """
    blank, started = 0, not header
    for line in lines:
        if comment and line.lstrip().startswith(comment):
            continue
        if not line.strip():
            blank += started
            continue
        yield '""\n' * blank + line
        blank, started = 0, True


def without_ragged_rows(
    lines: Iterable[str],
    bad: BadRows,
    found: set[int],
    width: int,
    delimiter: str,
    comment: str | None,
    header: bool,
) -> Iterator[str]:
    """The lines of a table, with an empty row in the place of each of another width.

    Args:
      lines: of the file.
      bad: what is told of such rows.
      found: their numbers, from 1, are added to it.
      width: columns of a row.
      delimiter: between them.
      comment: what begins a comment, if anything does.
      header: whether the first row holds the columns' names.

    Raises:
      DataError: if they are no lines of a table at all.
    """
    empty = delimiter * (width - 1) + "\n" if width > 1 else '""\n'
    row = -1 if header else 0
    try:
        for cells, text in _rows(lines, delimiter, comment):
            row += 1
            if len(cells) == width or not row:
                yield text
                continue
            few = "few" if len(cells) < width else "many"
            problem = (
                f"{bad.source}, row {row}: {len(cells)} columns, expected {width}; correct it, or "
                "leave such rows out with " + setting("bad_rows", "skip")
            )
            bad.report(f"with too {few} columns", DataError(problem))
            found.add(row)
            yield empty
    except csv.Error as error:
        raise DataError(f"{bad.source}, row {row + 1}: {error}") from error


def _rows(
    lines: Iterable[str], delimiter: str, comment: str | None
) -> Iterator[tuple[list[str], str]]:
    """Rows that are not blank: their cells, and the lines they are of."""
    taken: list[str] = []

    def recorded() -> Iterator[str]:
        for line in lines:
            if comment and '"' not in line and comment in line:
                line = line.partition(comment)[0] + "\n"
            taken.append(line)
            yield line

    for cells in csv.reader(recorded(), delimiter=delimiter, skipinitialspace=True):
        text = "".join(taken)
        taken.clear()
        if text.strip():
            yield cells, text
