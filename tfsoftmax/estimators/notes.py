"""Notes on what the columns of a table became: said once, not in every fit of a search."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Once(logging.Filter):
    """Lets every text through once."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this text is new."""
        text = record.getMessage()
        new = text not in self._said
        self._said.add(text)
        return new


_once = _Once()
_LOGS = [logging.getLogger(f"tfsoftmax.data.{name}") for name in ("notes", "exact_numbers")]


@contextmanager
def notes_once() -> Iterator[None]:
    """In the block, notes of a table's columns that were said before are not said again."""
    for log in _LOGS:
        log.addFilter(_once)
    try:
        yield
    finally:
        for log in _LOGS:
            log.removeFilter(_once)
