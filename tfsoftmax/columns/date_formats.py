"""Formats of dates and time zones that a graph can follow."""

from __future__ import annotations

import re

# What a format of dates may have, as in Python's `strptime`; fractions of seconds are ignored.
DATE_DIRECTIVES = ("%Y", "%m", "%d", "%H", "%M", "%S", "%f", "%z")
_OFFSET = re.compile("([+-])([0-9]{2}):([0-9]{2})")


def parts_of(date_format: str) -> list[str]:
    """Splits a format of dates into its directives and the characters between them.

    Raises:
      ValueError: saying what is wrong with it.

    >>> parts_of("%d.%m.%Y")
    ['%d', '.', '%m', '.', '%Y']
    """
    parts = re.findall("%.|.|%", date_format, re.DOTALL)
    found = [part for part in parts if part.startswith("%")]
    unknown = [part for part in found if part not in DATE_DIRECTIVES]
    if unknown:
        raise ValueError(
            f"the date format {date_format!r} has {unknown[0]}; it may have "
            f"{', '.join(DATE_DIRECTIVES)}"
        )
    if not {"%Y", "%m", "%d"} <= set(found) or len(set(found)) < len(found):
        raise ValueError(
            f"the date format {date_format!r} needs %Y, %m and %d, and each directive once only"
        )
    return parts


def offset_of(time_zone: str | None) -> int:
    """Seconds that the clocks of a time zone are ahead of UTC; None is UTC.

    Raises:
      ValueError: if it is not ``UTC`` or an offset such as ``+02:00``.

    >>> offset_of("+02:00"), offset_of("-03:30"), offset_of(None)
    (7200, -12600, 0)
    """
    if time_zone in (None, "UTC", "Z"):
        return 0
    found = _OFFSET.fullmatch(time_zone or "")
    if not found or int(found[2]) > 23 or int(found[3]) > 59:
        raise ValueError(
            f"the time zone is {time_zone!r}; expected UTC or an offset such as +02:00, as zones "
            "whose clocks change cannot be followed in a served model"
        )
    sign = -1 if found[1] == "-" else 1
    return sign * (int(found[2]) * 3600 + int(found[3]) * 60)
