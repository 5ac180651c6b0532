"""What is said of the kinds of a table's columns, as in ``island=category``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from tfsoftmax.choices import did_you_mean
from tfsoftmax.columns.column import KINDS, Kind
from tfsoftmax.columns.date_formats import offset_of, parts_of
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting

# Kinds that are said of one column; crosses and buckets have options of their own.
COLUMN_KINDS = tuple(kind for kind in KINDS if kind not in ("cross", "buckets", "terms"))
HASHED_SIZE = 2**16
TEXT_SIZE = 2**18
_SIZES = {"hashed": HASHED_SIZE, "text": TEXT_SIZE}
_MOST_BUCKETS = 2**24
_MOST_RANGES = 1000
# What stands after ``date:``; a format has no zone's name before its first directive.
_ZONE_AND_FORMAT = re.compile(r"([^%:\s]+|[+-]\d\d:\d\d)(?::(%.*))?", re.DOTALL)


@dataclass(frozen=True)
class AskedColumn:
    """What is said of one column, or of several that are crossed.

    Attributes:
      names: of the columns.
      kind: that it shall be of.
      size: number of hash buckets, of texts, hashed categories and crosses.
      date_format: how dates are written; None if as ISO 8601 has it.
      time_zone: of dates that do not say theirs; None is UTC.
      ranges: number of ranges of a number, each with as many training rows; 0 if `boundaries`
        are given.
      boundaries: between ranges of a number, ascending.
    """

    names: tuple[str, ...]
    kind: Kind
    size: int = 0
    date_format: str | None = None
    time_zone: str | None = None
    ranges: int = 0
    boundaries: tuple[float, ...] = ()


def asked_column(text: str, known: Collection[str] | None = None) -> AskedColumn:
    """Reads what is said of one column: ``NAME=KIND``, and more of it after a colon.

    Args:
      text: as in ``review=text:4096``, ``day=date:%d/%m/%Y`` or ``day=date:+01:00:%d/%m/%Y``.
      known: the names of the table's columns, some of which may have ``=`` in them.

    Raises:
      UsageError: naming the kinds, if it is written in another way.

    >>> asked_column("day=date:%d/%m/%Y").date_format
    '%d/%m/%Y'
    """
    name, said = _split_name("column", text, "=", known, "island=category")
    kind, _, more = said.partition(":")
    if kind not in COLUMN_KINDS:
        raise UsageError(
            setting("column", [text])
            + f": no kind {kind!r}; {did_you_mean(kind, COLUMN_KINDS)}there are "
            + ", ".join(COLUMN_KINDS)
        )
    asked = AskedColumn((name,), kind, size=_SIZES.get(kind, 0))  # type: ignore[arg-type]
    if not more:
        return asked
    if kind == "date":
        try:
            return _date(asked, more)
        except ValueError as error:
            raise UsageError(setting("column", [text]) + f": {error}") from error
    if kind not in _SIZES:
        raise UsageError(
            setting("column", [text])
            + f": {more!r} stands after {kind}; only hashed and text have a number of buckets "
            "there, and date has a time zone or a format"
        )
    return AskedColumn((name,), asked.kind, size=_size("column", text, more))


def asked_cross(text: str, known: Collection[str] | None = None) -> AskedColumn:
    """Reads which columns are crossed: names joined by ``:``, perhaps ``=`` and a size.

    Args, Raises: as `asked_column`.

    >>> asked_cross("island:sex=1024").names
    ('island', 'sex')
    """
    joined, equals, more = text.rpartition("=")
    if not equals or not more.strip().isdigit() or (known and more in known):
        joined, more = text, ""
    names = _split_names(joined, known)
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        raise UsageError(
            setting("cross", [text]) + ": expected the names of columns joined by ':', as in "
            "island:sex, or island:sex=1024 with a number of buckets"
        )
    return AskedColumn(names, "cross", size=_size("cross", text, more) if more else HASHED_SIZE)


def asked_buckets(text: str, known: Collection[str] | None = None) -> AskedColumn:
    """Reads into which ranges a number falls: ``NAME:N`` of as many rows, or boundaries.

    Args, Raises: as `asked_column`.

    >>> asked_buckets("age:18,30,65").boundaries, asked_buckets("age:10").ranges
    ((18.0, 30.0, 65.0), 10)
    """
    example = "age:10 for ten ranges of as many rows each, or age:18,30,65 for boundaries"
    name, said = _split_name("buckets", text, ":", known, example)
    if said.strip().isdigit():
        ranges = int(said)
        if not 2 <= ranges <= _MOST_RANGES:
            raise UsageError(
                setting("buckets", [text])
                + f": expected 2 to {_MOST_RANGES:,} ranges, found {ranges:,}; a comma makes it a "
                f"boundary: {name}:{said},"
            )
        return AskedColumn((name,), "buckets", ranges=ranges)
    try:
        boundaries = tuple(float(part) for part in said.rstrip(",").split(","))
    except ValueError:
        boundaries = ()
    finite = all(abs(each) < 3e38 for each in boundaries)
    if not boundaries or not finite or list(boundaries) != sorted(set(boundaries)):
        raise UsageError(
            setting("buckets", [text]) + f": expected ascending numbers, as in {example}"
        )
    return AskedColumn((name,), "buckets", boundaries=boundaries)


def check_asked(column: Iterable[str], cross: Iterable[str], buckets: Iterable[str]) -> None:
    """Checks how the options are written, without a table.

    Raises:
      UsageError: naming one that is written in another way.
    """
    for text in column:
        asked_column(text)
    for text in cross:
        asked_cross(text)
    for text in buckets:
        asked_buckets(text)


def _split_name(
    field: str, text: str, mark: str, known: Collection[str] | None, example: str
) -> tuple[str, str]:
    """Splits at a mark that may be in the name, too."""
    places = [index for index, character in enumerate(text) if character == mark]
    splits = [(text[:index], text[index + 1 :]) for index in places if 0 < index < len(text) - 1]
    if not splits:
        raise UsageError(setting(field, [text]) + f": expected NAME{mark}..., as in {example}")
    among = [split for split in splits if split[0] in (known or ())]
    if among:
        return among[-1]
    # A format of dates may have the mark, too.
    return next((one for one in splits if one[1].partition(":")[0] in KINDS), splits[-1])


def _date(asked: AskedColumn, more: str) -> AskedColumn:
    """A date with what is said of it: a time zone, a format, or both."""
    found = _ZONE_AND_FORMAT.fullmatch(more)
    zone, date_format = (found[1], found[2]) if found else (None, more)
    offset_of(zone)
    if date_format is not None:
        parts_of(date_format)
    return replace(asked, date_format=date_format, time_zone=zone)


def _split_names(joined: str, known: Collection[str] | None) -> tuple[str, ...]:
    """Splits at colons, but not those within the name of a known column."""
    parts = joined.split(":")
    names: list[str] = []
    while parts:
        longest = next(
            (n for n in range(len(parts), 1, -1) if ":".join(parts[:n]) in (known or ())), 1
        )
        names.append(":".join(parts[:longest]))
        parts = parts[longest:]
    return tuple(names)


def _size(field: str, text: str, given: str) -> int:
    if not given.strip().isdigit() or not 1 <= int(given) <= _MOST_BUCKETS:
        raise UsageError(
            setting(field, [text])
            + f": expected a number of buckets from 1 to {_MOST_BUCKETS:,}, found {given!r}"
        )
    return int(given)


def listed_names(asked: Sequence[AskedColumn]) -> list[str]:
    """All names of columns that something is said of."""
    return [name for each in asked for name in each.names]
