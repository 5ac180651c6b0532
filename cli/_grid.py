"""The options of ``tune`` that make up its grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from tfsoftmax.choices import Option
from tfsoftmax.cli._flags import flag, render
from tfsoftmax.cli._options import add_options, flags_of
from tfsoftmax.cli._types import Grid
from tfsoftmax.training.recipe import Recipe

# The values to try where none are given; of other options, the recipe's own value.
_TRIED = {"l2": "1e-6..1:13"}
SWEPT = {name: declared for name, declared in flags_of(Recipe).items() if declared.swept}


def grid_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds an option for every choice that can be varied; `grid_from` reads them."""
    return add_options(command, map(_grid_option, SWEPT.values()))


def grid_from(options: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Removes the grid from a command's options and returns it, as `tune` takes it."""
    asked = {name: options.pop(name) for name in SWEPT}
    return {name: values for name, values in asked.items() if values}


def _grid_option(declared: Option) -> Callable[..., Any]:
    tried = _TRIED.get(declared.name, "the recipe's")
    return click.option(
        flag(declared.name),
        type=Grid(positive=declared.above is not None, auto=declared.default == "auto"),
        help=f"{render(declared.help)} Values to try.  [default: {tried}]",
    )
