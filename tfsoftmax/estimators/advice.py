"""What errors of tables advise, in the words of pandas: an estimator has no options for reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tfsoftmax.errors import DataError
from tfsoftmax.messages import Message, Setting, message_of

_NOTATION = ("thousands", "decimal", "comment", "delimiter", "encoding")


@contextmanager
def advice_in_pandas() -> Iterator[None]:
    """Makes errors in the block say what to do with X where they name an option.

    Raises:
      DataError: the same, without options.

    >>> from tfsoftmax.messages import setting
    >>> with advice_in_pandas():
    ...     raise DataError("'-' is no number; leave the column out with " + setting("drop", ["d"]))
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.DataError: '-' is no number; leave the column out with X.drop(columns=["d"])
    """
    try:
        yield
    except DataError as error:
        said = message_of(error)
        if not isinstance(said, Message) or not error.options:
            raise
        raise type(error)(said.render(in_pandas)) from error


def in_pandas(setting: Setting) -> str:
    """What to do with X instead of giving an option.

    >>> in_pandas(Setting("drop", ["d"]))
    'X.drop(columns=["d"])'
    """
    if setting.name in _NOTATION:
        return f"{setting} of pandas.read_csv"
    spell = _SPELLED.get(setting.name)
    if spell is None or setting.value is ...:
        return f"{setting} in the SourceOptions of from_frame, whose dataset fit() trains on"
    return spell(setting.value)


def _as_dtype(value: list[str]) -> str:
    name, _, kind = value[0].rpartition("=")
    if kind == "category":
        return f'X["{name}"].astype("category")'
    if kind.startswith("date"):
        return f'pandas.to_datetime(X["{name}"], format=...)'
    return f'X["{name}"].astype("str")'


_SPELLED: dict[str, Callable[[Any], str]] = {
    "column": _as_dtype,
    "drop": lambda names: f"X.{Setting('drop(columns', names)})",
    "missing": lambda fill: (
        f"X.fillna(X.{fill if fill == 'median' else 'mean'}(numeric_only=True))"
    ),
    "bad_rows": lambda _: "X.dropna(), and y of the same rows",
    "na_values": lambda value: f'X.replace("{value}", numpy.nan)',
}
