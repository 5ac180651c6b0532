"""The options that make a grid, for whoever tunes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

_MOST = 1000


class Grid(click.ParamType):
    """Values separated by commas; ``LOW..HIGH:COUNT`` is so many, evenly spaced in logarithms."""

    name = "VALUE,...|LOW..HIGH:COUNT"

    def __init__(self, positive: bool = False, auto: bool = False):
        """Says what is a value.

        Args:
          positive: whether 0 is none.
          auto: whether ``auto`` is one.
        """
        self._positive, self._auto = positive, auto

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        """Splits and checks."""
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


# What `recipe_options` leaves to these.
GRID_FIELDS = ("l2", "l1", "learning_rate")
_OPTIONS = (
    click.option(
        "--l2",
        type=Grid(),
        help="Penalties on the squares of the weights to try; 1 / (C * rows) in scikit-learn's "
        "terms.  [default: 1e-6..1:13]",
    ),
    click.option(
        "--l1", type=Grid(), help="Penalties on their magnitudes to try.  [default: the recipe's]"
    ),
    click.option(
        "--learning-rate",
        type=Grid(positive=True, auto=True),
        help="Step sizes to try; 'auto' is derived from the rows and l2.  [default: the recipe's]",
    ),
)


def grid_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds an option for everything that can be varied; `grid_from` reads them."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def grid_from(options: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Takes out of the options what was asked for, as `tune` takes it."""
    asked = {field: options.pop(field) for field in GRID_FIELDS}
    return {field: values for field, values in asked.items() if values}
