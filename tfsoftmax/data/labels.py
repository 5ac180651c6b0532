"""Encodes labels of any kind as classes ``0, 1, 2, ...`` with names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import message_of, setting

# With more distinct labels than this, in more than half of the rows, they are not classes.
_MANY_CLASSES = 100
_LONGEST_NAME = 1000  # characters
# Types of missing values in Python and pandas.
_MISSING_TYPES = ("NoneType", "NAType", "NaTType")
# Strings that often stand for a missing value, in lower case.
_MISSING_WORDS = ("na", "n/a", "nan", "none", "null", "<na>", "#n/a")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
_LAST_CODE_POINT = 0x10FFFF
_DAMAGED = "the label is damaged: it contains an invalid character; expected a text"
_MISSING = (
    "the label is missing; fill it in, or remove the row (files: "
    + setting("bad_rows", "skip")
    + ")"
)


class ClassNames:
    """Collects class names from labels: integers, strings or booleans.

    Args:
      source: for errors.
      encoding: of labels that are bytes.

    >>> names = ClassNames("example")
    >>> codes = names.codes(np.array([10, -1, 10]))
    >>> order = names.order()
    >>> names.sorted(order), order[codes].tolist()
    (('-1', '10'), [1, 0, 1])
    """

    def __init__(self, source: str, encoding: str = "utf-8"):
        self._source, self._encoding = source, encoding
        self._codes: dict[str, int] = {}
        self._bytes: dict[str, bytes] = {}

    def codes(self, labels: np.ndarray, first_row: int = 0, where: str | None = None) -> np.ndarray:
        """Encodes labels by codes, given to classes in the order in which they are first seen.

        Args:
          labels: ``[n]`` of any kind.
          first_row: number of the first row in an error.
          where: what to call the source in an error; None is its name.

        Returns:
          int32 ``[n]``; `order` turns these codes into final classes.

        Raises:
          DataError: naming the row of a label that is missing, is not a whole number, or cannot
            be a name.
        """
        labels, where = np.asarray(labels), where or self._source
        if labels.dtype.kind == "f":
            _check_whole(labels, where, first_row)
            labels = labels.astype(np.int64)
        if labels.dtype.kind in "iub":
            unique, inverse = np.unique(labels, return_inverse=True)
            known = [self._code(str(value)) for value in unique]
            return np.array(known, np.int32)[inverse]
        if labels.dtype.kind not in "SUO":
            raise DataError(
                f"{where}: the labels are of type {labels.dtype}; expected whole numbers, "
                "texts or booleans"
            )
        if labels.dtype.kind == "U":
            _check_characters(labels, where, first_row)
        found = []
        for row, label in enumerate(labels.tolist(), start=first_row):
            try:
                found.append(self._code(self.name_of(label)))
            except ValueError as error:
                raise DataError(f"{where}, row {row}: " + message_of(error)) from error
        return np.array(found, np.int32)

    def name_of(self, label: Any) -> str:
        """The name of a label's class; a `ValueError` says why it cannot have one.

        >>> ClassNames("example").name_of(3.0)
        '3'
        """
        return _name(self._text(label))

    def _text(self, label: Any) -> Any:
        """Decodes a label that is bytes, and checks that no other one gives the same name."""
        if not isinstance(label, bytes):
            return label
        try:
            text = label.decode(self._encoding)
        except UnicodeDecodeError:
            raise ValueError(
                f"the label {_shown(label)} is not {self._encoding} text; name its encoding, as in "
                + setting("encoding", "latin-1")
            ) from None
        except LookupError:
            raise UsageError(f"unknown encoding {self._encoding!r}; try latin-1") from None
        other = self._bytes.setdefault(text, label)
        if other != label:
            raise ValueError(
                f"the labels {_shown(label)} and {_shown(other)} are both {text!r} as "
                f"{self._encoding}; name another encoding with "
                + setting("encoding")
                + ", or rename one"
            )
        return text

    def _code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def of_all(self, workers: Workers) -> np.ndarray:
        """Takes in what all workers have seen, each in its own rows; all must call it.

        Returns:
          The code that each of the worker's own codes becomes, int32.
        """
        own = list(self._codes)
        self._codes = {}
        for names in said_by_all(own, workers):
            for name in names:
                self._code(name)
        return np.array([self._codes[name] for name in own], np.int32)

    def order(self) -> np.ndarray:
        """The final class of each code that `codes` returned, int32.

        Classes are sorted by value if all are whole numbers, otherwise by name.
        """
        ranked = np.empty(len(self._codes), np.int32)
        for final, name in enumerate(sorted(self._codes, key=_sort_key(self._codes))):
            ranked[self._codes[name]] = final
        return ranked

    def sorted(self, order: np.ndarray) -> tuple[str, ...]:
        """The names, in the order of the final classes."""
        names = np.array(list(self._codes), object)
        return tuple(names[np.argsort(order)])


def _all_rows(n_samples: int) -> str:
    return "the only row is" if n_samples == 1 else f"all {n_samples:,} rows are"


def check_classes(source: str, names: Sequence[str], n_samples: int) -> None:
    """Checks that there are at least two classes, not too many, and that names are one line each.

    Args:
      source: for errors.
      names: of the classes.
      n_samples: number of rows.

    Raises:
      DataError: if there are fewer than two, so many that they are hardly classes, or a name
        has a line break.
    """
    if len(names) < 2:
        raise DataError(
            f"{source}: {_all_rows(n_samples)} of one class, {names[0]!r}; a classifier needs at "
            "least 2"
        )
    if len(names) > _MANY_CLASSES and len(names) > n_samples / 2:
        raise DataError(
            f"{source}: {len(names):,} different labels in {n_samples:,} rows (such as "
            f"{names[0]!r}, {names[1]!r}): these are not classes; is it the right label column?"
        )
    broken = [name for name in names if len(name.splitlines()) != 1]
    if broken:
        raise DataError(f"{source}: the class name {broken[0]!r} has a line break; rename it")


def describe_doubts(names: Sequence[str], counts: np.ndarray) -> list[str]:
    """Describes what may be wrong with class names, a sentence each.

    Args:
      names: of the classes.
      counts: rows of each.

    >>> print(describe_doubts(["NA", "oak", "Oak"], np.array([3, 5, 2]))[0])
    3 rows have the label 'NA', which is taken for a class; na_values="NA" takes it for missing
    """
    found = _doubts_of_amounts(names)
    found += [
        f"{counts[code]:,} rows have the label {name!r}, which is taken for a class; "
        + setting("na_values", name)
        + " takes it for missing"
        for code, name in enumerate(names)
        if name.lower() in _MISSING_WORDS
    ]
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(" ".join(name.lower().split()), name)
        if other != name:
            found.append(f"{other!r} and {name!r} are two classes; make them one if they are")
    return found


def _doubts_of_amounts(names: Sequence[str]) -> list[str]:
    if not all(map(_NUMBER.fullmatch, names)):
        return []
    return [
        f"the labels are numbers such as {name}, and each of them is taken for a class; amounts, "
        "which are measured, need a regression instead"
        for name in names
        if not float(name).is_integer()
    ][:1]


def _check_characters(labels: np.ndarray, source: str, first_row: int) -> None:
    """Checks code points: Python cannot make a string of invalid ones."""
    if not labels.size or not labels.dtype.itemsize:
        return
    numbers = np.ascontiguousarray(labels).view(labels.dtype.byteorder + "u4")
    invalid = (numbers.reshape(len(labels), -1) > _LAST_CODE_POINT).any(axis=1)
    if invalid.any():
        raise DataError(f"{source}, row {first_row + int(np.argmax(invalid))}: {_DAMAGED}")


def _check_whole(labels: np.ndarray, source: str, first_row: int) -> None:
    whole = np.isfinite(labels) & (labels == np.floor(labels)) & (np.abs(labels) < 2**53)
    if not whole.all():
        row = int(np.argmin(whole))
        problem = _MISSING if np.isnan(labels[row]) else _not_whole(labels[row])
        raise DataError(f"{source}, row {first_row + row}: " + problem)


def _not_whole(label: float) -> str:
    return f"the label {label:g} is not a class: expected a whole number or a text"


def _shown(label: bytes) -> str:
    return repr(label[:40]) + ("..." if len(label) > 40 else "")


def _name(label: Any) -> str:
    """The name of a label's class; a `ValueError` says why it cannot have one."""
    if isinstance(label, float | np.floating):
        if label != label:  # NaN differs from itself
            raise ValueError(_MISSING)
        number = float(label)
        if not number.is_integer() or abs(number) >= 2**53:
            raise ValueError(_not_whole(number))
        label = int(number)
    kind = type(label).__name__
    if kind in _MISSING_TYPES:
        raise ValueError(_MISSING)
    if isinstance(label, list | tuple | set | dict | np.ndarray):
        raise ValueError(f"the label is of type {kind}; expected a whole number or a text")
    name = str(label)
    if not name:
        raise ValueError(_MISSING)
    if len(name) > _LONGEST_NAME:
        raise ValueError(
            f"the label is a text of {len(name):,} characters ({name[:20]!r}...), which is not a "
            "class name; is it the right label column?"
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise ValueError(_DAMAGED) from error
    return name


def _sort_key(names: dict[str, int]) -> Any:
    try:
        values = {name: int(name) for name in names}
    except ValueError:
        return None
    return lambda name: (values[name], name)
