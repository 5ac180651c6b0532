"""How numbers are written in text: with which decimal point and thousands separator."""

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

# Characters as users type them, and the variants that files have.
_SPELLINGS = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
# Marks before or after a number.
MARK = "[$€£%]"
_ROUNDING = 1e-6
_INFINITE = "[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"


@dataclass(frozen=True)
class Notation:
    """A way to write numbers.

    Attributes:
      decimal: the decimal point.
      thousands: the separator of groups of three digits; None if there is none.

    >>> Notation(",", ".").python("1.234,5"), Notation(".", ",").reads("1,5")
    ('1234.5', False)
    """

    decimal: str = "."
    thousands: str | None = None

    @cached_property
    def pattern(self) -> str:
        """A regular expression of whole numbers and fractions, grouped correctly or not at all."""
        decimal, between = re.escape(self.decimal), self._between
        fraction = f"(?:{decimal}[0-9]*)?"
        forms = [f"[0-9]+{fraction}{_EXPONENT}", f"{decimal}[0-9]+{_EXPONENT}", _INFINITE]
        if between:
            # 0,123 has decimals, as a number with thousands does not begin with 0.
            forms.append(f"[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+{fraction}")
        return f"[+-]?(?:{'|'.join(forms)})"

    @cached_property
    def like_groups(self) -> str:
        """A regular expression of fractions that may be thousands in another notation."""
        return rf"[+-]?[1-9][0-9]{{0,2}}{re.escape(self.decimal)}[0-9]{{3}}"

    @property
    def _between(self) -> str:
        if self.thousands is None:
            return ""
        return f"[{_SPELLINGS.get(self.thousands, re.escape(self.thousands))}]"

    def reads(self, text: str) -> bool:
        """Whether a text is a number in this notation."""
        return re.fullmatch(self.pattern, text) is not None

    def python(self, text: str) -> str:
        """Rewrites a number in this notation as Python writes it."""
        return re.sub(self._between or "(?!)", "", text).replace(self.decimal, ".")

    def numbers(self, texts: pd.Series) -> np.ndarray:
        """Converts texts, all of them numbers in this notation, to float64."""
        import pandas as pd

        if self._between:
            texts = texts.str.replace(self._between, "", regex=True)
        if self.decimal != ".":
            texts = texts.str.replace(self.decimal, ".", regex=False)
        return pd.to_numeric(texts).to_numpy(np.float64)

    @property
    def options(self) -> str:
        """The options that ask for it; empty if none is necessary."""
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
    """Finds what a text may mean, with the simplest notation for each that fits all texts.

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
        # A decimal comma alone would not decide between the two meanings.
        clear = {Notation(","): Notation(",", "."), Notation(): Notation(".", ",")}
        found = {value: clear.get(notation, notation) for value, notation in found.items()}
    return found


def like_groups(numbers: np.ndarray) -> np.ndarray:
    """Which fractions may have been written as thousands: up to three digits, and three more."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinite ones are not fractions
        thousands = np.abs(numbers) * 1000
        near = np.abs(thousands - np.rint(thousands)) < _ROUNDING
    return near & (thousands >= 1000) & (thousands < 1_000_000)


def ways(found: dict[str, Notation], asked: str) -> str:
    """Words for the meanings of a text, each with the options that ask for it."""
    ways = [
        f"{value} (" + (way.options or "without " + asked) + ")" for value, way in found.items()
    ]
    return Message(" or ").join(ways) + (": say which" if len(ways) > 1 else "")


def bare(text: str) -> str:
    """Removes the mark of a number."""
    return re.sub(rf"{MARK}|^\s+|\s+$", "", text).strip()
