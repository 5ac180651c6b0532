"""A recipe as a table: what was chosen, what follows from the data, what that means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfsoftmax.choices import Option, options_of
from tfsoftmax.report.markdown import table
from tfsoftmax.training.recipe import RECIPES, Recipe
from tfsoftmax.training.record import RunRecord


def recipe_table(record: RunRecord) -> list[str]:
    """Lines of Markdown: a row for each option that is not the recipe's own, or always matters.

    Args:
      record: of the run. One of the first versions does not say what was asked for; then every
        option that differs from the recipe of its name was chosen.
    """
    options = {name: value for name, value in record.recipe.items() if name != "name"}
    asked = options if record.asked is None else record.asked
    name = record.recipe.get("name", "default")
    usual = RECIPES.get(name, Recipe()).to_json()
    declared = options_of(Recipe)
    rows = []
    for option, value in options.items():
        about = declared.get(option, Option(None, ""))
        chosen = option not in usual or asked.get(option) != usual[option]
        automatic = value != asked.get(option)
        if chosen or automatic or about.always:
            how = "**chosen**" if chosen else "automatic" if automatic else "recipe"
            own = _worded(usual.get(option), about)
            rows.append([f"`{option}`", _worded(value, about), how, own, about.help])
    return [
        f"The recipe is `{name}`. All other options have the values of the recipe;",
        "`tfsoftmax.json` lists them all.",
        "",
        *table(["option", "value", "how it was set", f"in `{name}`", "what it is"], rows),
        "",
    ]


def _worded(value: Any, about: Option) -> str:
    """A value as people read it."""
    if value is None:
        return about.usual or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_worded(part, about)}" for name, part in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
