"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    r"""The lines of a table; what a cell holds does not break it.

    >>> print(*table(["file", "bytes"], [["a|b", 3]]), sep="\n")
    | file | bytes |
    |---|---|
    | a\|b | 3 |
    """
    return [_row(header), "|" + "---|" * len(header), *map(_row, rows)]


def _row(cells: Sequence[object]) -> str:
    texts = (" ".join(str(cell).split()).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(texts)} |"
