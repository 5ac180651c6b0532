"""``ResolvedRecipe``: a recipe with numbers for what was left open."""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from typing import Any, Literal

from tfsoftmax.training.recipe import Recipe


def _required(name: str) -> Any:
    """The recipe's field of this name, help and bounds included, without its default."""
    declared: Field[Any] = Recipe.__dataclass_fields__[name]
    return field(kw_only=True, metadata=declared.metadata)


@dataclass(frozen=True)
class ResolvedRecipe(Recipe):
    """A `Recipe` that leaves no number open but one; `prepare.resolve` makes one.

    A learning rate stays ``"auto"`` where there is no epoch to take it.

    A run's history has it. It is a recipe, too: training with it on the same rows gives the same
    model again.

    >>> recipe = ResolvedRecipe(epochs=3, batch_size=64, l2=0.0, learning_rate=0.5)
    >>> recipe.but(epochs=4).epochs
    4
    """

    epochs: int = _required("epochs")
    batch_size: int = _required("batch_size")
    l2: float = _required("l2")
    learning_rate: float | Literal["auto"] = _required("learning_rate")

    @property
    def rate(self) -> float:
        """The learning rate as a number; 0 where no epoch takes one."""
        return 0.0 if self.learning_rate == "auto" else self.learning_rate

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        *,
        epochs: int,
        batch_size: int,
        l2: float,
        learning_rate: float | Literal["auto"],
    ) -> ResolvedRecipe:
        """A recipe with these numbers for what it may have left open."""
        choices = {name: getattr(recipe, name) for name in Recipe.__dataclass_fields__}
        numbers = {"epochs": epochs, "batch_size": batch_size}
        return cls(**{**choices, **numbers, "l2": l2, "learning_rate": learning_rate})
