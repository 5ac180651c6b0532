"""What was found while a source was read: rows that are left out, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from tfsoftmax.data.tables.columns import listed
from tfsoftmax.messages import setting

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
class Notes:
    """What should be known of how a source was read.

    Attributes:
      rows: that there are in the source.
      skipped: those of them that are left out.
      index: the column of a table that is left out because it only numbers the rows.
      left_out: columns that are left out because they are texts that differ in every row.
      identifying: columns of whole numbers that differ in every row.
      marks: a mark and the column on whose every number it is, as in ``"$price"``.

    >>> Notes(5, (SkippedRows("without a usable label", 2, "row 3: it is missing"),)).notes()
    ['2 of 5 rows are left out: 2 without a usable label (the first: row 3: it is missing)']
    """

    rows: int = 0
    skipped: tuple[SkippedRows, ...] = ()
    index: str | None = None
    left_out: tuple[str, ...] = ()
    identifying: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """Sentences for whoever trains on it."""
        notes = []
        if self.skipped:
            count = sum(skipped.rows for skipped in self.skipped)
            notes.append(f"{count:,} of {self.rows:,} rows are left out: {reasons(self.skipped)}")
        if self.index:
            notes.append(f"column {self.index!r} is left out: it only numbers the rows")
        if self.left_out:
            notes.append(f"left out, as texts that differ in every row: {listed(self.left_out)}")
        if self.identifying:
            notes.append(
                "whole numbers that differ in every row, so they may only name it: "
                + setting("drop", list(self.identifying))
            )
        return notes

    def log(self, name: str) -> None:
        """Says what there is to be said of a source of this name."""
        for note in self.notes():
            _log.warning("Note: %s: %s", name, note)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of what was found; `from_json` turns it back."""
        usual = asdict(Notes())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Notes:
        """What `to_json` described."""
        known: dict[str, Any] = {
            each.name: tuple(value) if isinstance(value := found[each.name], list) else value
            for each in fields(cls)
            if each.name in found
        }
        known["skipped"] = tuple(SkippedRows(**each) for each in found.get("skipped", ()))
        return cls(**known)


def reasons(skipped: Iterable[SkippedRows]) -> str:
    """Rows by reason, for a sentence."""
    return "; ".join(f"{each.rows:,} {each.reason} (the first: {each.first})" for each in skipped)


NO_NOTES = Notes()
