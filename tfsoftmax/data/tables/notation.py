"""How numbers are written in text: what stands before decimals, and between thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.messages import Message, setting

if TYPE_CHECKING:
    import pandas as pd

# People's spelling of one character, and the others that stand for it in files.
_SPELLINGS = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
# What may stand on a number.
MARK = "[$€£%]"
_ROUNDING = 1e-6
_INFINITE = "[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"


@dataclass(frozen=True)
class Notation:
    """A way to write numbers.

    Attributes:
      decimal: what stands before the decimals.
      thousands: what stands between groups of three digits; None where nothing does.

    >>> Notation(",", ".").python("1.234,5"), Notation(".", ",").reads("1,5")
    ('1234.5', False)
    """

    decimal: str = "."
    thousands: str | None = None

    @cached_property
    def pattern(self) -> str:
        """A regular expression of whole numbers and fractions, plain or grouped as they must be."""
        decimal, between = re.escape(self.decimal), self._between
        fraction = f"(?:{decimal}[0-9]*)?"
        forms = [f"[0-9]+{fraction}{_EXPONENT}", f"{decimal}[0-9]+{_EXPONENT}", _INFINITE]
        if between:
            # A group that begins with 0 is none: 0,123 has decimals.
            forms.append(f"[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+{fraction}")
        return f"[+-]?(?:{'|'.join(forms)})"

    @cached_property
    def like_groups(self) -> str:
        """A regular expression of fractions that might be thousands in another notation."""
        return rf"[+-]?[1-9][0-9]{{0,2}}{re.escape(self.decimal)}[0-9]{{3}}"

    @property
    def _between(self) -> str:
        if self.thousands is None:
            return ""
        return f"[{_SPELLINGS.get(self.thousands, re.escape(self.thousands))}]"

    def reads(self, text: str) -> bool:
        """Whether a text is a number, written in this way."""
        return re.fullmatch(self.pattern, text) is not None

    def python(self, text: str) -> str:
        """A number in this notation as Python writes it."""
        return re.sub(self._between or "(?!)", "", text).replace(self.decimal, ".")

    def numbers(self, texts: pd.Series) -> np.ndarray:
        """Texts that are all numbers in this notation, float64."""
        import pandas as pd

        if self._between:
            texts = texts.str.replace(self._between, "", regex=True)
        if self.decimal != ".":
            texts = texts.str.replace(self.decimal, ".", regex=False)
        return pd.to_numeric(texts).to_numpy(np.float64)

    @property
    def options(self) -> str:
        """The options that ask for it; empty if none need be given."""
        said = [setting("thousands", self.thousands)] if self.thousands else []
        return Message(" and ").join([*said, *[setting("decimal", ",")] * (self.decimal == ",")])


# From the simplest to the most particular.
NOTATIONS = (
    Notation(),
    Notation(".", ","),
    Notation(","),
    Notation(",", "."),
    Notation(".", " "),
    Notation(",", " "),
    Notation(".", "'"),
    Notation(",", "'"),
)


def readings(text: str, others: Iterable[str]) -> dict[str, Notation]:
    """What a text may mean, for each meaning the simplest notation all texts can be in.

    Args:
      text: a number in some notation.
      others: of the same column.

    >>> {value: notation.options for value, notation in readings("3,800", ["900"]).items()}
    {'3800': 'thousands=","', '3.8': 'thousands="." and decimal=","'}
    >>> {value: notation.options for value, notation in readings("3,800", ["39.1"]).items()}
    {'3800': 'thousands=","'}
    """
    others = list(others)
    found: dict[str, Notation] = {}
    for notation in NOTATIONS:
        if notation.reads(text) and all(map(notation.reads, others)):
            found.setdefault(f"{float(notation.python(text)):.15g}", notation)
    if len(found) > 1:
        # A decimal comma alone would leave open what this text means.
        clear = {Notation(","): Notation(",", "."), Notation(): Notation(".", ",")}
        found = {value: clear.get(notation, notation) for value, notation in found.items()}
    return found


def like_groups(numbers: np.ndarray) -> np.ndarray:
    """Which fractions may have been written as a group of up to three digits, and three more."""
    with np.errstate(invalid="ignore", over="ignore"):  # of infinite ones, which are none
        thousands = np.abs(numbers) * 1000
        near = np.abs(thousands - np.rint(thousands)) < _ROUNDING
    return near & (thousands >= 1000) & (thousands < 1_000_000)


def ways(found: dict[str, Notation], asked: str) -> str:
    """What a text means, each meaning with the options that ask for it."""
    ways = [
        f"{value} (" + (way.options or "without " + asked) + ")" for value, way in found.items()
    ]
    return Message(" or ").join(ways) + (": say which" if len(ways) > 1 else "")


def bare(text: str) -> str:
    """A number without its mark."""
    return re.sub(rf"{MARK}|^\s+|\s+$", "", text).strip()
