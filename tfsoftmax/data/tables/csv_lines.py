"""Changes lines of a CSV file before pandas reads them, where it would drop rows silently."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting

_LONGEST_FIELD = 2**27


class Lines(io.TextIOBase):
    """Lines as a text file.

    >>> Lines(["a\\n", "1\\n"]).read(2)
    'a\\n'
    """

    def __init__(self, lines: Iterable[str]):
        self._lines = iter(lines)

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Reads complete lines of about `size` characters; all that are left if it is negative."""
        found, count = [], 0
        for line in self._lines:
            found.append(line)
            count += len(line)
            if size is not None and 0 <= size <= count:
                break
        return "".join(found)


def with_blank_rows(lines: Iterable[str], comment: str | None, header: bool) -> Iterator[str]:
    """Makes the blank lines of a table of one column rows without a value.

    Blank lines after the last row, or before the column's name, are not rows.

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
    where: str,
    bad: BadRows,
    found: set[int],
    width: int,
    delimiter: str,
    comment: str | None,
    header: bool,
) -> Iterator[str]:
    """Replaces the rows of a table that have another width by empty ones.

    Args:
      lines: of the file.
      where: its name, for messages.
      bad: counts such rows.
      found: the numbers of such rows, from 1, are added to it.
      width: number of columns.
      delimiter: between columns.
      comment: the character that begins a comment; None if there are no comments.
      header: whether the first row holds the columns' names.

    Raises:
      DataError: if they are not lines of a table at all.
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
                f"{where}, row {row}: {len(cells)} columns, expected {width}; correct it, or "
                "leave such rows out with " + setting("bad_rows", "skip")
            )
            bad.report(f"with too {few} columns", DataError(problem))
            found.add(row)
            yield empty
    except csv.Error as error:
        raise DataError(f"{where}, row {row + 1}: {error}") from error


def _rows(
    lines: Iterable[str], delimiter: str, comment: str | None
) -> Iterator[tuple[list[str], str]]:
    """Splits lines into rows that are not blank: their cells, and their lines."""
    taken: list[str] = []

    def recorded() -> Iterator[str]:
        for line in lines:
            if comment and '"' not in line and comment in line:
                line = line.partition(comment)[0] + "\n"
            taken.append(line)
            yield line

    # A cell that is too long for a text is refused later, by its column and row.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    for cells in csv.reader(recorded(), delimiter=delimiter, skipinitialspace=True):
        text = "".join(taken)
        taken.clear()
        if text.strip():
            yield cells, text
