"""Recipes: every choice a training run depends on, in one frozen value."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tfsoftmax.errors import TfsoftmaxError


@dataclass(frozen=True)
class Recipe:
    """How to train. Change one choice with ``recipe.but(epochs=20)``.

    Attributes:
      epochs: passes over the training rows.
      batch_size: rows a step.
      learning_rate: the first step's learning rate.
      schedule: ``"constant"``, or ``"cosine"`` down to 0 at the last step.
      loss_reduction: whether a step descends the ``"mean"`` or the ``"sum"`` of its
        batch's losses.
      initializer: W and b start as ``"zeros"`` or drawn from N(0, 1), ``"normal"``.
      seed: of the initial weights and of the order of rows; any integer from 0.
      xla: compile the training loop with XLA where it is available.

    >>> RECIPES["default"].but(epochs=3).epochs
    3
    """

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 0.5
    schedule: Literal["constant", "cosine"] = "cosine"
    loss_reduction: Literal["mean", "sum"] = "mean"
    initializer: Literal["zeros", "normal"] = "zeros"
    seed: int = 0
    xla: bool = True

    def __post_init__(self) -> None:
        for field in ("epochs", "batch_size"):
            if getattr(self, field) < 1:
                raise TfsoftmaxError(f"{field} must be at least 1, not {getattr(self, field)}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise TfsoftmaxError(
                f"learning_rate must be a positive number, not {self.learning_rate}"
            )
        if self.seed < 0:
            raise TfsoftmaxError(f"seed must be 0 or more, not {self.seed}")
        for field, known in (
            ("schedule", ("constant", "cosine")),
            ("loss_reduction", ("mean", "sum")),
            ("initializer", ("zeros", "normal")),
        ):
            if getattr(self, field) not in known:
                raise TfsoftmaxError(
                    f"{field} must be one of {', '.join(known)}, not {getattr(self, field)!r}"
                )

    def but(self, **changes: Any) -> Recipe:
        """This recipe with some choices changed; those given as None stay as they are."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every choice."""
        return asdict(self)


RECIPES = {
    "default": Recipe(),
    # The tutorial's: weights from N(0, 1), and steps down the sum of a batch's losses.
    "tutorial": Recipe(
        learning_rate=0.001,
        schedule="constant",
        loss_reduction="sum",
        initializer="normal",
    ),
}
