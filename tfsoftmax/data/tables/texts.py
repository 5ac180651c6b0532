"""The cells of a table's column as texts, or as whole numbers of 64 bits."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.columns.column import Column
from tfsoftmax.columns.date_formats import offset_of

if TYPE_CHECKING:
    import pandas as pd

# What `tf.strings.strip` removes.
BLANKS = " \t\n\v\f\r"
# The most characters of a cell; a longer one is hardly a cell, and would need much memory.
LONGEST_CELL = 2**20
_WHOLE = re.compile(r"([+-]?[0-9]{1,19})(?:\.0+)?")
# Of categories; what begins with 0, as codes do, is no number.
_PLAIN = re.compile(r"(0|-?[1-9][0-9]{0,18})(?:\.0+)?")
# Which rows, what they have in common, and from the index of one to what is wrong with it.
Refuse = Callable[[np.ndarray, str, Callable[[int], str]], None]


def texts_of(
    column: pd.Series,
    refuse: Refuse,
    na_values: Collection[str] = (),
    encoded: Column | None = None,
) -> np.ndarray:
    """The cells of a column as a served model takes them, without blanks around them.

    Whole numbers have no fraction, so that a column with missing values, which pandas keeps as
    fractions, is the same as one without; dates are written as the model's column has it, or as
    ISO 8601 has it.

    Args:
      column: of any type.
      refuse: is told of rows that cannot be texts: bytes that are no UTF-8, and lists.
      na_values: texts that stand for a missing value.
      encoded: what a model makes of the column.

    Returns:
      Objects of type str ``[n]``; a missing cell is the empty text.

    >>> import pandas as pd
    >>> texts_of(pd.Series([7.0, None, 2.5]), refuse=None).tolist()
    ['7', '', '2.5']
    """
    import pandas as pd

    has_format = encoded is not None and encoded.date_format is not None
    if pd.api.types.is_datetime64_any_dtype(column.dtype) and not has_format:
        return _dates(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = texts_of(pd.Series(column.cat.categories), refuse, na_values)
        return np.append(categories, "").astype(object)[column.cat.codes.to_numpy()]
    plain = pd.api.types.infer_dtype(column, skipna=True) == "string"
    cells = column.astype(object).to_numpy(object, copy=True)
    missing = column.isna().to_numpy(bool)
    cells[missing] = ""
    damaged = np.zeros(len(cells), bool)
    if not plain:
        if has_format:
            assert encoded
            cells = _dates_written_as(encoded, cells)
        cells, damaged = _written(cells)
    texts = [cell.strip(BLANKS) for cell in cells]
    out = np.empty(len(texts), object)
    out[:] = texts
    if na_values:
        out[np.isin(out, list(na_values))] = ""
    _refuse_unusable(out, damaged, refuse)
    return out


def integers_of(column: pd.Series, refuse: Refuse, na_values: Collection[str] = ()) -> np.ndarray:
    """The cells of a column as int64 ``[n]``.

    Args:
      column: of any type.
      refuse: is told of rows that are missing or no whole number of 64 bits.
      na_values: texts that stand for a missing value.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iu" and dtype != np.uint64 and not na_values:
        return np.asarray(column.to_numpy(np.int64))
    texts = texts_of(column, refuse, na_values)
    found = map(_WHOLE.fullmatch, texts)
    numbers = [int(whole[1]) if whole else 2**63 for whole in found]
    wrong = np.array([not -(2**63) <= number < 2**63 for number in numbers], bool)

    def problem(row: int) -> str:
        if not texts[row]:
            return (
                "the value is missing, and none was in the column that the model learned from; "
                "fill it in"
            )
        return f"{texts[row][:40]!r} is not a whole number of 64 bits; correct it"

    refuse(wrong, "with a value that is not a whole number", problem)
    return np.where(wrong, 0, np.array(numbers, object)).astype(np.int64)


def as_known(cells: np.ndarray, vocabulary: tuple[str, ...]) -> np.ndarray:
    """Texts with whole numbers written as the categories that a model knows, 3.0 as 3.

    Programs write them with a fraction in a column that has missing values, and without it in
    others. What is ambiguous stays as it is.

    Args:
      cells: as of `texts_of`.
      vocabulary: the categories.

    >>> as_known(np.array(["3.0", "5.0", "007"], object), ("3", "5.0", "5", "7")).tolist()
    ['3', '5.0', '007']
    """
    import pandas as pd

    numbers = [text for text in pd.unique(cells) if _PLAIN.fullmatch(text)]
    known = _ways(vocabulary) if numbers else {}
    changed = {text: ways[0] for text in numbers if len(ways := known.get(_plain(text), [])) == 1}
    if not changed:
        return cells
    return np.array([changed.get(cell, cell) for cell in cells], object)


@lru_cache(maxsize=64)
def _ways(vocabulary: tuple[str, ...]) -> dict[int, list[str]]:
    """How each whole number among some categories is written."""
    ways: dict[int, list[str]] = {}
    for text in filter(_PLAIN.fullmatch, vocabulary):
        ways.setdefault(_plain(text), []).append(text)
    return ways


def _plain(text: str) -> int:
    return int(text.partition(".")[0])


def _written(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Writes cells of any type as texts; and which of them cannot be written, which are ""."""
    out = np.empty(len(cells), object)
    damaged = np.zeros(len(cells), bool)
    for row, cell in enumerate(cells):
        try:
            out[row] = _text(cell)
        except ValueError:
            out[row], damaged[row] = "", True
    return out, damaged


def _dates_written_as(encoded: Column, cells: np.ndarray) -> np.ndarray:
    """Writes those cells that are dates in the column's format and time zone."""
    zone = timezone(timedelta(seconds=offset_of(encoded.time_zone)))
    out = cells.copy()
    for row, cell in enumerate(cells):
        if isinstance(cell, date):
            moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
            here = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
            # On some systems, years before 1000 would have fewer than four digits.
            date_format = str(encoded.date_format).replace("%Y", f"{here.year:04}")
            out[row] = here.strftime(date_format)
    return out


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float | np.floating):
        return str(int(cell)) if float(cell).is_integer() else str(cell)
    if isinstance(cell, bytes):
        return cell.decode("utf-8")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, list | tuple | set | dict | np.ndarray):
        raise ValueError(f"a {type(cell).__name__} is no cell")
    return str(cell)


def _dates(column: pd.Series) -> np.ndarray:
    zone = "" if column.dt.tz is None else "Z"
    values = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
    texts = np.datetime_as_string(values.to_numpy("datetime64[us]"), unit="us").astype(object)
    texts += zone
    texts[column.isna().to_numpy(bool)] = ""
    return np.asarray(texts)


def _refuse_unusable(texts: np.ndarray, damaged: np.ndarray, refuse: Refuse) -> None:
    """Refuses what cannot be encoded, and puts the empty text in its place."""
    if damaged.any():
        expected = "the cell is no text, or its bytes are not UTF-8; expected a text"
        refuse(damaged, "with a cell that is no text", lambda row: expected)
    lengths = np.array([len(text) for text in texts], int)
    long = lengths > LONGEST_CELL
    if long.any():
        refuse(
            long,
            "with a text that is too long",
            lambda row: f"a text of {lengths[row]:,} characters; at most {LONGEST_CELL:,} are read",
        )
        texts[long] = ""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        lone = np.array([_has_surrogate(text) for text in texts])
        refuse(
            lone,
            "with a damaged text",
            lambda row: "the text is damaged: it contains an invalid character",
        )
        texts[lone] = ""


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
