"""click types for values that click itself cannot parse."""

from __future__ import annotations

import csv
import math
import re
from typing import Any

import click

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_MOST = 1000  # values in a grid


class NumberOrAuto(click.FloatRange):
    """A number within bounds, or ``auto``."""

    name = "float or auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Parses and checks a number; returns ``auto`` unchanged."""
        return value if value == "auto" else super().convert(value, param, ctx)


class CountOr(click.IntRange):
    """A whole number within bounds, or a word."""

    def __init__(self, word: str, **bounds: Any):
        super().__init__(**bounds)
        self._word, self.name = word, f"integer or {word}"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Parses and checks a number; returns the word unchanged."""
        return value if value == self._word else super().convert(value, param, ctx)


class ClassWeights(click.ParamType):
    """``balanced``, or NAME=WEIGHT pairs separated by commas."""

    name = "balanced|NAME=WEIGHT,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Parses and checks the value."""
        if value == "balanced" or isinstance(value, dict):
            return value
        weights = {}
        for pair in value.split(","):
            name, _, weight = pair.rpartition("=")
            try:
                weights[name] = float(weight)
            except ValueError:
                name = ""
            if not name:
                self.fail(f"{pair!r} is not NAME=WEIGHT, as in rare=10", param, ctx)
        return weights


class Grid(click.ParamType):
    """Values separated by commas; ``LOW..HIGH:COUNT`` is so many, evenly spaced in logarithms."""

    name = "VALUE,...|LOW..HIGH:COUNT"

    def __init__(self, positive: bool = False, auto: bool = False):
        """Sets which values are accepted.

        Args:
          positive: whether 0 is rejected.
          auto: whether ``auto`` is accepted.
        """
        self._positive, self._auto = positive, auto

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        """Parses and checks the value."""
        if isinstance(value, tuple):
            return value
        found: list[Any] = []
        for part in value.split(","):
            found += self._several(part, param, ctx) if ".." in part else [part]
        if len(found) > _MOST:
            self.fail(f"{value!r} makes {len(found):,} values, more than {_MOST:,}", param, ctx)
        return tuple(self._number(one, param, ctx) for one in found)

    def _several(self, part: str, param: Any, ctx: Any) -> list[float]:
        try:
            bounds, count = part.split(":")
            low, high = (float(bound) for bound in bounds.split(".."))
            steps = int(count) - 1
        except ValueError:
            self.fail(f"{part!r} is not LOW..HIGH:COUNT, as in 1e-6..1:20", param, ctx)
        if not (0 < low < high < math.inf and 1 <= steps < _MOST):
            self.fail(
                f"{part!r}: LOW..HIGH:COUNT needs 0 < LOW < HIGH, and COUNT from 2 to {_MOST:,}",
                param,
                ctx,
            )
        spread = math.log(high / low)
        # Four digits, so that a table and a command name the very value.
        return [float(f"{low * math.exp(spread * i / steps):.4g}") for i in range(steps + 1)]

    def _number(self, text: Any, param: Any, ctx: Any) -> Any:
        if self._auto and text == "auto":
            return text
        try:
            number = float(text)
        except ValueError:
            self.fail(f"{text!r} is not a number, nor LOW..HIGH:COUNT as in 1e-6..1:20", param, ctx)
        if not 0 <= number < math.inf or (self._positive and not number):
            least = "above 0" if self._positive else "from 0 up"
            self.fail(f"{text!r} is not a number {least}", param, ctx)
        return number


class ImageSize(click.ParamType):
    """HEIGHTxWIDTH in pixels, or one number for both."""

    name = "HxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Parses and checks the value."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", value.strip().lower())
        if not found:
            self.fail(f"{value!r} is not HEIGHTxWIDTH, as in 28x28", param, ctx)
        height = int(found[1])
        return height, int(found[2] or height)


class Size(click.ParamType):
    """A number of bytes, with or without a unit."""

    name = "SIZE"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Reads ``500MB`` and the like."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?i?)b?", value.strip().lower())
        if not found or found[2] not in _UNITS:
            self.fail(f"{value!r} is not a size, as in 500MB or 2GiB", param, ctx)
        size = float(found[1]) * _UNITS[found[2]]
        if not 1 <= size < 2**63:
            self.fail(f"{value!r} is not a size that memory can have", param, ctx)
        return int(size)


class Delimiter(click.ParamType):
    """One character, or ``tab``."""

    name = "CHARACTER"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Parses one character, or any spelling of a tab."""
        mark = "\t" if value in ("tab", "\\t") else value
        if len(mark) != 1:
            self.fail(f"{value!r} is not one character", param, ctx)
        return str(mark)


class Names(click.ParamType):
    """Names separated by commas; one with a comma in it stands in double quotes."""

    name = "NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Splits the value, as a line of CSV."""
        if isinstance(value, tuple):
            return value
        line = next(csv.reader([value], skipinitialspace=True), [])
        names = tuple(name.strip() for name in line)
        if not all(names) or not names:
            self.fail(
                f"{value!r} has an empty name; expected names as in low,middle,high", param, ctx
            )
        return names
