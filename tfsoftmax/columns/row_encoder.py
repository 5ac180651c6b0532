"""Encodes rows without TensorFlow, for runtimes that have no texts; it is made to be copied.

It needs nothing but Python. `row_encoder.js` is the same in JavaScript, and docs/encoding.md says
how rows are encoded.
"""

from __future__ import annotations

import datetime
import math
import re
import struct
import unicodedata
from collections import Counter
from itertools import pairwise
from typing import Any

# The key of the test vectors in the paper: the bytes 0 to 15, as two little-endian numbers.
HASH_KEY = struct.unpack("<QQ", bytes(range(16)))
_MASK = 2**64 - 1
_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_BLANKS = " \t\n\v\f\r"
_WORDS = {"true": 1.0, "yes": 1.0, "1": 1.0, "false": 0.0, "no": 0.0, "0": 0.0}
_DATE = {"%Y": "([0-9]{4})", "%f": "[0-9]+", "%z": "(Z|[+-][0-9]{2}(?::?[0-9]{2})?)"}
_ISO_DATE = "%Y-%m-%d(?:[T ]%H:%M(?::%S(?:[.,]%f)?)?(?: ?%z)?)?"


def encode_row(encoding: dict[str, Any], row: dict[str, Any]) -> dict[int, float]:
    """The features of a row that are not 0, and its numbers.

    Args:
      encoding: as a model's file has it.
      row: its cells by the names of the columns: texts, numbers, and None for a missing one.

    Returns:
      The value of each feature by its index, NaN where a number is missing; others are 0.

    >>> encode_row({"inputs": [{"name": "sex", "dtype": "string"}], "columns": [
    ...     {"kind": "category", "inputs": ["sex"], "vocabulary": ["f", "m"]}]}, {"sex": "m"})
    {3: 1.0}
    """
    dtypes = {given["name"]: given["dtype"] for given in encoding["inputs"]}
    entries: dict[int, float] = {}
    first = 0
    for column in encoding["columns"]:
        cells = [_cell(row.get(name), dtypes[name]) for name in column["inputs"]]
        for feature, value in _features(column, cells).items():
            entries[first + feature] = float32(value)
        first += n_features(column)
    return entries


def n_features(column: dict[str, Any]) -> int:
    """Number of features of a column."""
    return {
        "number": 1,
        "boolean": 1,
        "date": 5,
        "category": 2 + len(column.get("vocabulary", ())),
        "terms": 1 + len(column.get("vocabulary", ())),
        "buckets": 2 + len(column.get("boundaries", ())),
    }.get(column["kind"], 1 + column.get("size", 0))


def _cell(cell: Any, dtype: str) -> Any:
    """A text without blanks around it, or a number."""
    if dtype == "string":
        return "" if cell is None else str(cell).strip(_BLANKS)
    if dtype == "int64":
        return int(cell)
    return math.nan if cell is None else float32(cell)


def _features(column: dict[str, Any], cells: list[Any]) -> dict[int, float]:
    kind, cell = column["kind"], cells[0]
    if kind in ("number", "boolean"):
        return {0: _WORDS.get(cell.lower(), math.nan) if isinstance(cell, str) else cell}
    if kind == "date":
        return dict(enumerate(_date(column, cell)))
    if kind == "text":
        return _words(cell, column["size"])
    if kind == "terms":
        return _terms(column, cell)
    if kind == "buckets":
        boundaries = map(float32, column["boundaries"])
        above = sum(cell >= boundary for boundary in boundaries)
        return {0 if math.isnan(cell) else 1 + above: 1.0}
    texts = [_text(each) for each in cells]
    if not any(texts):
        return {0: 1.0}
    if kind == "category":
        known = {category: 2 + index for index, category in enumerate(column.get("vocabulary", ()))}
        return {known.get(texts[0], 1): 1.0}
    joined = "".join(f"{len(text.encode())}:{text}" for text in texts)
    return {1 + bucket_of(joined if kind == "cross" else texts[0], column["size"]): 1.0}


def _text(cell: Any) -> str:
    """A cell as a category; a number is one of a column of booleans."""
    if isinstance(cell, float):
        return "" if math.isnan(cell) else "1" if cell else "0"
    return str(cell)


def _words(text: str, size: int) -> dict[int, float]:
    """Words and pairs of neighbouring words, hashed and counted."""
    letters = [char if unicodedata.category(char)[0] in "LMN" else " " for char in text.lower()]
    words = "".join(letters).split()
    pairs = map(" ".join, pairwise(words))
    counts = Counter(1 + bucket_of(term, size) for term in (*words, *pairs))
    weights = {feature: 1 + math.log(count) for feature, count in counts.items()}
    length = math.hypot(*weights.values())
    return {feature: weight / length for feature, weight in weights.items()} or {0: 1.0}


def _terms(column: dict[str, Any], text: str) -> dict[int, float]:
    """Words and sequences of words of a vocabulary, counted."""
    how = column["terms"]
    words = re.findall(r"\w+", text.replace("\0", " ").lower() if how["lowercase"] else text)
    words = [word for word in words if len(word) >= how["shortest_word"]]
    least, most = how["lengths"]
    found = [
        " ".join(words[start : start + length])
        for length in range(least, most + 1)
        for start in range(len(words) - length + 1)
    ]
    known = {term: 1 + index for index, term in enumerate(column["vocabulary"])}
    counts = Counter(known[term] for term in found if term in known)
    values = {feature: 1.0 if how["binary"] else float(count) for feature, count in counts.items()}
    if how["sublinear"]:
        values = {feature: 1 + math.log(value) for feature, value in values.items()}
    if how["weights"]:
        values = {feature: value * how["weights"][feature - 1] for feature, value in values.items()}
    if not values:
        return {0: 1.0}
    sizes = map(abs, values.values())
    length = {"l1": sum(sizes), "l2": math.hypot(*values.values()), None: 1.0}[how["norm"]]
    return {feature: value / length for feature, value in values.items()}


def _date(column: dict[str, Any], text: str) -> list[float]:
    """Year, month, weekday, hour and days since 1970-01-01; NaN if it is no date."""
    pattern, directives = _date_pattern(column.get("date_format"))
    found = re.fullmatch(pattern, text)
    fields = dict(zip(directives, found.groups(), strict=True)) if found else {}
    try:
        day = datetime.date(*(int(fields[part]) for part in ("%Y", "%m", "%d")))
        hour, minute, second = (int(fields.get(part) or 0) for part in ("%H", "%M", "%S"))
        datetime.time(hour, minute, second)
        seconds = hour * 3600 + minute * 60 + second
        if fields.get("%z"):
            seconds += _offset(column.get("time_zone") or "Z") - _offset(fields["%z"])
        day += datetime.timedelta(days=seconds // 86400)
    except (KeyError, ValueError, OverflowError):
        return [math.nan] * 5
    seconds %= 86400
    days = day.toordinal() - datetime.date(1970, 1, 1).toordinal()
    return [day.year, day.month, day.weekday(), seconds / 3600, days + seconds / 86400]


def _date_pattern(date_format: str | None) -> tuple[str, list[str]]:
    """A regular expression of dates, and the directive of each of its groups."""
    parts = re.findall("%.|.", date_format or _ISO_DATE, re.DOTALL)
    digits = "{1,2}" if date_format else "{2}"
    pattern = ""
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if len(part) == 2:
            alone = "{2}" if following.startswith("%") else digits
            pattern += _DATE.get(part, f"([0-9]{alone})")
        else:
            pattern += re.escape(part) if date_format else part
    return pattern, [part for part in parts if len(part) == 2 and part != "%f"]


def _offset(text: str) -> int:
    """Seconds ahead of UTC."""
    if text in ("Z", "UTC"):
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    hour, minute = int(digits[:2]), int(digits[2:])
    datetime.time(hour, minute)
    return (hour * 3600 + minute * 60) * (-1 if text[0] == "-" else 1)


def float32(number: float) -> float:
    """The nearest float32."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def bucket_of(text: str, size: int) -> int:
    """The hash bucket of a text, of `size` buckets.

    >>> bucket_of("Biscoe", 1000)
    121
    """
    return siphash(text.encode("utf-8")) % size


def siphash(content: bytes) -> int:
    """SipHash-2-4 with `HASH_KEY`, an unsigned number of 64 bits.

    In TensorFlow it is ``tf.strings.to_hash_bucket_strong(texts, size, HASH_KEY)``.

    Reference: Aumasson and Bernstein, SipHash: a fast short-input PRF (INDOCRYPT 2012).

    >>> hex(siphash(bytes(range(15))))
    '0xa129ca6149be45e5'
    """
    v0, v1, v2, v3 = (
        start ^ key for start, key in zip(_START, (*HASH_KEY, *HASH_KEY), strict=True)
    )
    padded = content + bytes(7 - len(content) % 8) + bytes([len(content) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v3 ^= word
        v0, v1, v2, v3 = _rounds(2, v0, v1, v2, v3)
        v0 ^= word
    v0, v1, v2, v3 = _rounds(4, v0, v1, v2 ^ 0xFF, v3)
    return v0 ^ v1 ^ v2 ^ v3


def _rounds(count: int, v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    for _ in range(count):
        v0 = (v0 + v1) & _MASK
        v1 = _rotated(v1, 13) ^ v0
        v0 = _rotated(v0, 32)
        v2 = (v2 + v3) & _MASK
        v3 = _rotated(v3, 16) ^ v2
        v0 = (v0 + v3) & _MASK
        v3 = _rotated(v3, 21) ^ v0
        v2 = (v2 + v1) & _MASK
        v1 = _rotated(v1, 17) ^ v2
        v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


def _rotated(number: int, bits: int) -> int:
    return ((number << bits) | (number >> (64 - bits))) & _MASK
