"""What was found while a source was read: rows that are left out, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SkippedRows:
    """Rows left out for one reason.

    Attributes:
      reason: what they have in common, as in ``"without a usable label"``.
      rows: how many.
      first: which is the first, and what is wrong with it.
    """

    reason: str
    rows: int
    first: str


@dataclass(frozen=True)
class Reading:
    """What should be known of how a source was read.

    Attributes:
      rows: that there are in the source.
      skipped: those of them that are left out.

    >>> Reading(5, (SkippedRows("without a usable label", 2, "row 3: it is missing"),)).notes()
    ['2 of 5 rows are left out: 2 without a usable label (the first: row 3: it is missing)']
    """

    rows: int = 0
    skipped: tuple[SkippedRows, ...] = ()

    def notes(self) -> list[str]:
        """Sentences for whoever trains on it."""
        if not self.skipped:
            return []
        count = sum(skipped.rows for skipped in self.skipped)
        return [f"{count:,} of {self.rows:,} rows are left out: {reasons(self.skipped)}"]

    def log(self, name: str) -> None:
        """Says what there is to be said of a source of this name."""
        for note in self.notes():
            _log.warning("Note: %s: %s", name, note)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of what was found; `from_json` turns it back."""
        usual = asdict(Reading())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Reading:
        """What `to_json` described."""
        skipped = tuple(SkippedRows(**each) for each in found.get("skipped", ()))
        known = {each.name: found[each.name] for each in fields(cls) if each.name in found}
        return cls(**{**known, "skipped": skipped})


def reasons(skipped: Iterable[SkippedRows]) -> str:
    """Rows by reason, for a sentence."""
    return "; ".join(f"{each.rows:,} {each.reason} (the first: {each.first})" for each in skipped)


NOTHING = Reading()
