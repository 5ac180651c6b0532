"""From the labels people have to classes ``0, 1, 2, ...`` with names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import message_of, setting

# More classes than this, and more than every second row a new one, are no classes.
_MANY = 100
# Nor does a longer text name a class.
_LONGEST = 1000
# What None and the like are of in Python and pandas.
_NOTHING = ("NoneType", "NAType", "NaTType")
# What texts for a missing value look like, other than an empty one.
_WORDS_FOR_NOTHING = ("na", "n/a", "nan", "none", "null", "<na>", "#n/a")
_LAST_CHARACTER = 0x10FFFF
_NO_TEXT = "the label is damaged: it holds what is no character; expected a text"
_MISSING = (
    "the label is missing; fill it in, or remove the row (files: "
    + setting("bad_rows", "skip")
    + ")"
)


class ClassNames:
    """The classes seen so far, as they come: whole numbers, texts or booleans.

    Args:
      source: for messages.
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
        """A number for each label, in the order in which classes were first seen.

        Args:
          labels: ``[n]`` of any kind.
          first_row: what the first of them is called in an error.
          where: what the source is called in it; None is by its name.

        Raises:
          DataError: naming the row, if a label is missing, a number that is not whole, or
            nothing that could be a name.
        """
        labels, where = np.asarray(labels), where or self._source
        if labels.dtype.kind == "f":
            _check_whole(labels, where, first_row)
            labels = labels.astype(np.int64)
        if labels.dtype.kind in "iub":
            unique, places = np.unique(labels, return_inverse=True)
            known = [self._code(str(value)) for value in unique]
            return np.array(known, np.int32)[places]
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
                found.append(self._code(_name(self._text(label))))
            except ValueError as error:
                raise DataError(f"{where}, row {row}: " + message_of(error)) from error
        return np.array(found, np.int32)

    def _text(self, label: Any) -> Any:
        """Bytes as a text, of which no others are read as the same; all else as it is."""
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

    def order(self) -> np.ndarray:
        """The final class of each number that `codes` gave, int32.

        Classes are sorted by value if all are whole numbers, and else by name.
        """
        ranked = np.empty(len(self._codes), np.int32)
        for place, name in enumerate(sorted(self._codes, key=_rank(self._codes))):
            ranked[self._codes[name]] = place
        return ranked

    def sorted(self, order: np.ndarray) -> tuple[str, ...]:
        """The names, in the order of the final classes."""
        names = np.array(list(self._codes), object)
        return tuple(names[np.argsort(order)])


def check_classes(source: str, names: Sequence[str], n_samples: int) -> None:
    """Makes sure that classes can be told apart by a classifier, and be written down.

    Args:
      source: for messages.
      names: of the classes.
      n_samples: rows of all classes together.

    Raises:
      DataError: if there are fewer than two, or so many that they are hardly classes, or a
        name has a line break.
    """
    if len(names) < 2:
        raise DataError(
            f"{source}: all {n_samples:,} rows are of one class, {names[0]!r}; a classifier needs "
            "at least 2"
        )
    if len(names) > _MANY and len(names) > n_samples / 2:
        raise DataError(
            f"{source}: {len(names):,} different labels in {n_samples:,} rows (such as "
            f"{names[0]!r}, {names[1]!r}): these are no classes; is it the right label column?"
        )
    broken = [name for name in names if len(name.splitlines()) != 1]
    if broken:
        raise DataError(f"{source}: the class name {broken[0]!r} has a line break; rename it")


def doubts(names: Sequence[str], counts: np.ndarray) -> list[str]:
    """What may be wrong with the names of classes, a sentence each.

    Args:
      names: of the classes.
      counts: rows of each.

    >>> print(doubts(["NA", "oak", "Oak"], np.array([3, 5, 2]))[0])
    3 rows have the label 'NA', which is taken for a class; na_values="NA" takes it for missing
    """
    found: list[str] = [
        f"{counts[place]:,} rows have the label {name!r}, which is taken for a class; "
        + setting("na_values", name)
        + " takes it for missing"
        for place, name in enumerate(names)
        if name.lower() in _WORDS_FOR_NOTHING
    ]
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(" ".join(name.lower().split()), name)
        if other != name:
            found.append(f"{other!r} and {name!r} are two classes; make them one if they are")
    return found


def _check_characters(labels: np.ndarray, source: str, first_row: int) -> None:
    """Looks at the numbers of the characters: Python fails on those that there are not."""
    if not labels.size or not labels.dtype.itemsize:
        return
    numbers = np.ascontiguousarray(labels).view(labels.dtype.byteorder + "u4")
    strange = (numbers.reshape(len(labels), -1) > _LAST_CHARACTER).any(axis=1)
    if strange.any():
        raise DataError(f"{source}, row {first_row + int(np.argmax(strange))}: {_NO_TEXT}")


def _check_whole(labels: np.ndarray, source: str, first_row: int) -> None:
    whole = np.isfinite(labels) & (labels == np.floor(labels)) & (np.abs(labels) < 2**53)
    if not whole.all():
        row = int(np.argmin(whole))
        problem = _MISSING if np.isnan(labels[row]) else _not_whole(labels[row])
        raise DataError(f"{source}, row {first_row + row}: " + problem)


def _not_whole(label: float) -> str:
    return f"the label {label:g} is no class: expected a whole number or a text"


def _shown(label: bytes) -> str:
    return repr(label[:40]) + ("..." if len(label) > 40 else "")


def _name(label: Any) -> str:
    """What a class is called; a `ValueError` says why a label cannot be one."""
    if isinstance(label, float | np.floating):
        if label != label:  # NaN differs from itself
            raise ValueError(_MISSING)
        number = float(label)
        if not number.is_integer() or abs(number) >= 2**53:
            raise ValueError(_not_whole(number))
        label = int(number)
    kind = type(label).__name__
    if kind in _NOTHING:
        raise ValueError(_MISSING)
    if isinstance(label, list | tuple | set | dict | np.ndarray):
        raise ValueError(f"the label is of type {kind}; expected a whole number or a text")
    name = str(label)
    if not name:
        raise ValueError(_MISSING)
    if len(name) > _LONGEST:
        raise ValueError(
            f"the label is a text of {len(name):,} characters ({name[:20]!r}...), which names no "
            "class; is it the right label column?"
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:  # half a pair of UTF-16
        raise ValueError(_NO_TEXT) from error
    return name


def _rank(names: dict[str, int]) -> Any:
    try:
        values = {name: int(name) for name in names}
    except ValueError:
        return None
    return lambda name: (values[name], name)
