"""What was found while a source was read, such as rows and columns left out and why."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from tfsoftmax.data.tables.columns import listed
from tfsoftmax.data.tables.telltales import TELLS_CLASS
from tfsoftmax.messages import setting

_log = logging.getLogger(__name__)
# Characters of the columns that are listed in a note.
_LONGEST_LIST = 300


@dataclass(frozen=True)
class SkippedRows:
    """Rows left out for one reason.

    Attributes:
      reason: what they have in common, as in ``"without a usable label"``.
      rows: how many.
      first: names the first of them, and what is wrong with it.
    """

    reason: str
    rows: int
    first: str


@dataclass(frozen=True)
class Notes:
    """What was found while a source was read.

    Attributes:
      rows: number of rows in the source.
      skipped: those of them that are left out.
      index: a column that is left out because it only numbers the rows.
      left_out: columns that are left out because their texts differ in every row.
      identifying: columns of whole numbers that differ in every row.
      telltale: columns that tell the class of every row by themselves (`Telltales`).
      marks: a mark and the column in which every number has it, as in ``"$price"``.
      first_index: of the features of an svmlight file, 0 or 1; None for what has no indices.
      label: the column with the classes, of a table.
      columns: what each column of an encoded table became, as in ``"island: category of 3"``.
      hints: what else somebody should know of them, a sentence each.

    >>> Notes(5, (SkippedRows("without a usable label", 2, "row 3: it is missing"),)).sentences()
    ['2 of 5 rows are left out: 2 without a usable label (the first: row 3: it is missing)']
    """

    rows: int = 0
    skipped: tuple[SkippedRows, ...] = ()
    index: str | None = None
    left_out: tuple[str, ...] = ()
    identifying: tuple[str, ...] = ()
    telltale: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    first_index: int | None = None
    label: str | None = None
    columns: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """A sentence for each thing that somebody who trains on the rows should know."""
        notes = []
        if self.skipped:
            count = sum(skipped.rows for skipped in self.skipped)
            notes.append(
                f"{count:,} of {self.rows:,} rows {'is' if count == 1 else 'are'} left out: "
                + describe_skipped(self.skipped)
            )
        if self.index:
            notes.append(f"column {self.index!r} is left out: it only numbers the rows")
        if self.left_out:
            notes.append(f"left out, as texts that differ in every row: {listed(self.left_out)}")
        if self.identifying:
            notes.append(
                "whole numbers that differ in every row, so they may only name it: "
                + setting("drop", list(self.identifying))
            )
        if self.telltale:
            notes.append(TELLS_CLASS + ": " + setting("drop", list(self.telltale)))
        if self.columns:
            notes.append("columns: " + _shortened(self.columns))
        return [*notes, *self.hints]

    def log(self, name: str) -> None:
        """Logs a warning for each of the `sentences`."""
        for note in self.sentences():
            _log.warning("Note: %s: %s", name, note)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of what was found, for `from_json`."""
        usual = asdict(Notes())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Notes:
        """The notes that `to_json` described."""
        known: dict[str, Any] = {
            each.name: tuple(value) if isinstance(value := found[each.name], list) else value
            for each in fields(cls)
            if each.name in found
        }
        known["skipped"] = tuple(SkippedRows(**each) for each in found.get("skipped", ()))
        return cls(**known)


def _shortened(columns: tuple[str, ...]) -> str:
    """All columns, or how many there are of each kind if they do not fit on a line or two."""
    whole = "; ".join(columns)
    if len(whole) <= _LONGEST_LIST:
        return whole
    kinds = Counter(column.rpartition(": ")[2].split()[0].strip(",") for column in columns)
    return ", ".join(f"{count:,} of kind {kind}" for kind, count in kinds.most_common())


def describe_skipped(skipped: Iterable[SkippedRows]) -> str:
    """Describes skipped rows by reason, as part of a sentence."""
    return "; ".join(f"{each.rows:,} {each.reason} (the first: {each.first})" for each in skipped)


NO_NOTES = Notes()
