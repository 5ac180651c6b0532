"""Dates as numbers: year, month, weekday, hour, and days since the beginning of 1970."""

from __future__ import annotations

import re

import tensorflow as tf

from tfsoftmax.columns.column import DATE_PARTS, Column
from tfsoftmax.columns.date_formats import DATE_DIRECTIVES, offset_of, parts_of
from tfsoftmax.columns.entries import Entries

_YEAR, _TWO, _SOME = "([0-9]{4})", "([0-9]{2})", "([0-9]{1,2})"
_OFFSET, _STRICT_OFFSET = (
    "(Z|[+-])(?:([0-9]{2}):?([0-9]{2})?)?",
    "(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)",
)
_ISO = f"{_YEAR}-{_TWO}-{_TWO}(?:[T ]{_TWO}:{_TWO}(?::{_TWO}(?:[.,][0-9]+)?)?(?: ?{_OFFSET})?)?"
# The fields that are written, in this order, for each directive of a format.
_FIELDS = {"%Y": [0], "%m": [1], "%d": [2], "%H": [3], "%M": [4], "%S": [5], "%z": [6, 7, 8]}
_UNREADABLE = ",".join(["0"] * 6 + ["", "0", "0"])
_DAY, _YEAR_400 = 86_400, 146_097
# Days from 0000-03-01, when the years of the calculation begin, to 1970-01-01, a Thursday.
_TO_1970, _THURSDAY = 719_468, 3


def date(column: Column, cells: tf.Tensor) -> Entries:
    """Encodes dates as five numbers, NaN where there is no date or none that can be read.

    The calendar is the Gregorian one, as ISO 8601 and Python have it.

    Reference: Hinnant, chrono-Compatible Low-Level Date Algorithms (2013).

    >>> column = Column("sold", "date", ("sold",))
    >>> date(column, tf.constant(["2024-02-29T18:30"])).values.numpy().tolist()
    [2024.0, 2.0, 3.0, 18.5, 19782.771484375]
    """
    fields, sign = _fields(column, cells)
    year, month, day, hour, minute, second, offset_hour, offset_minute = fields
    days = _days_of(year, month, day)
    offset = offset_hour * 3600 + offset_minute * 60
    offset = tf.where(sign == "-", -offset, offset)
    shift = tf.where(sign == "", tf.zeros_like(offset), offset_of(column.time_zone) - offset)
    seconds = days * _DAY + hour * 3600 + minute * 60 + second + shift
    days = seconds // _DAY
    local_year, local_month, _ = _date_of(days)
    exists = tf.reduce_all(tf.stack(_date_of(_days_of(year, month, day))) == fields[:3], axis=0)
    in_range = (year > 0) & (hour < 24) & (minute < 60) & (second < 60)
    in_range &= (offset_hour < 24) & (offset_minute < 60)
    in_range &= (local_year > 0) & (local_year < 10_000)
    parts = [
        tf.cast(local_year, tf.float64),
        tf.cast(local_month, tf.float64),
        tf.cast((days + _THURSDAY) % 7, tf.float64),
        tf.cast(seconds % _DAY, tf.float64) / 3600,
        tf.cast(seconds, tf.float64) / _DAY,
    ]
    values = tf.cast(tf.stack(parts, axis=1), tf.float32)
    values = tf.where((exists & in_range)[:, None], values, float("nan"))
    n_rows, n_parts = tf.size(cells, tf.int64), len(DATE_PARTS)
    rows = tf.repeat(tf.range(n_rows), n_parts)
    features = tf.tile(tf.range(n_parts, dtype=tf.int64), [n_rows])
    return Entries(rows, features, tf.reshape(values, [-1]), n_rows)


def _fields(column: Column, cells: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The numbers in dates, int64, and the sign of the offset; zeros if a date is unreadable."""
    pattern, groups = _pattern(column.date_format)
    cells = tf.strings.strip(cells)
    readable = tf.strings.regex_full_match(cells, pattern.replace(_OFFSET, _STRICT_OFFSET))
    written = ",".join(f"\\{group}" if group else "" for group in groups)
    records = tf.strings.regex_replace(cells, f"^{pattern}$", written)
    records = tf.where(readable, records, _UNREADABLE)
    number, text = tf.constant([0], tf.int64), tf.constant([""])
    parsed = tf.io.decode_csv(records, [number] * 6 + [text] + [number] * 2, use_quote_delim=False)
    return parsed[:6] + parsed[7:], parsed[6]


def _pattern(date_format: str | None) -> tuple[str, list[int]]:
    """A regular expression of dates, and the group of each field; 0 where a field is not written.

    The fields are year, month, day, hour, minute, second, the sign of the offset from UTC or Z,
    and its hours and minutes.
    """
    if date_format is None:
        return _ISO, list(range(1, 10))
    parts = parts_of(date_format)
    written = [field for part in parts for field in _FIELDS.get(part, ())]
    regex = []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        digits = _TWO if following in DATE_DIRECTIVES else _SOME
        known = {"%Y": _YEAR, "%f": "[0-9]+", "%z": _OFFSET}
        number = digits if part in DATE_DIRECTIVES else re.escape(part)
        regex.append(known.get(part, number))
    groups = {field: index for index, field in enumerate(written, start=1)}
    return "".join(regex), [groups.get(field, 0) for field in range(9)]


def _days_of(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970-01-01."""
    year = tf.where(month > 2, year, year - 1)
    in_400 = year % 400
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year // 400 * _YEAR_400 + in_400 * 365 + in_400 // 4 - in_400 // 100 + in_year - _TO_1970


def _date_of(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Year, month and day of days since 1970-01-01."""
    days += _TO_1970
    in_400 = days % _YEAR_400
    years = (in_400 - in_400 // 1460 + in_400 // 36_524 - in_400 // 146_096) // 365
    in_year = in_400 - (365 * years + years // 4 - years // 100)
    month = (5 * in_year + 2) // 153
    day = in_year - (153 * month + 2) // 5 + 1
    month = (month + 2) % 12 + 1
    year = years + days // _YEAR_400 * 400
    return tf.where(month > 2, year, year + 1), month, day
