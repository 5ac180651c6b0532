"""The options that make up a recipe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import click

from tfsoftmax.cli._options import add_options, arguments_for, flags_of, make_option, pop_given
from tfsoftmax.training.recipe import RECIPES, Recipe


def recipe_options(
    command: Callable[..., Any],
    recipes: Mapping[str, Recipe] = RECIPES,
    without: Collection[str] = (),
) -> Callable[..., Any]:
    """Adds an option for every choice of a recipe that has a flag; `recipe_from` reads them.

    Args:
      command: to add them to.
      recipes: the recipes to start from, by name.
      without: choices that get no option.
    """
    which = click.option(
        "--recipe",
        "recipe_name",
        type=click.Choice(list(recipes)),
        default="default",
        show_default=True,
        help="The recommended way to train, or the tutorial's.",
    )
    declared = flags_of(type(recipes["default"]))
    made = (make_option(one, recipes) for name, one in declared.items() if name not in without)
    return add_options(command, [which, *made])


def recipe_from(options: dict[str, Any], recipes: Mapping[str, Recipe] = RECIPES) -> Recipe:
    """Removes the recipe's choices from a command's options and makes it; `recipe_name` stays.

    Raises:
      UsageError: if its choices exclude each other.
    """
    recipe = recipes[options["recipe_name"]]
    return recipe.but(**pop_given(type(recipe), options))


def arguments_of(
    recipe: Recipe, recipe_name: str, recipes: Mapping[str, Recipe] = RECIPES
) -> list[str]:
    """The arguments that give this recipe again, even if defaults change."""
    usual = recipes[recipe_name]
    changed = {
        name: getattr(recipe, name)
        for name, declared in flags_of(type(recipe)).items()
        if declared.always or getattr(recipe, name) != getattr(usual, name)
    }
    return ["--recipe", recipe_name, *arguments_for(type(recipe), changed)]
