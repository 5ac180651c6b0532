"""Notes on what the columns of a table became: said once, not in every fit of a search."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tfsoftmax.estimators.advice import in_pandas
from tfsoftmax.messages import Message


class _Once(logging.Filter):
    """Lets every text through once."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this text is new; what it advises is said in the words of pandas."""
        if isinstance(record.args, tuple):
            record.args = tuple(map(_spelled, record.args))
        text = record.getMessage()
        new = text not in self._said
        self._said.add(text)
        return new


def _spelled(said: object) -> object:
    """What is said of X, without options that an estimator does not have.

    How missing numbers are taken is no advice, so it keeps its option's name.
    """
    if not isinstance(said, Message):
        return said
    return said.render(lambda each: str(each) if each.name == "missing" else in_pandas(each))


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
