"""Recipes: every choice a training run depends on, in one frozen value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tfsoftmax.errors import UsageError

_FLOAT32_MAX = 3.4e38
# Where the number of epochs is left open: enough for large data, and enough steps for
# small data, whose test log-loss keeps falling for about that long (docs/quality.md).
_EPOCHS, _STEPS = 10, 1500


@dataclass(frozen=True)
class Recipe:
    """How to train. Change one choice with ``recipe.but(epochs=20)``.

    Attributes:
      epochs: passes over the training rows; None is 10, or as many as make 1,500 steps
        where the rows are few (see `epochs_for`).
      batch_size: rows a step.
      learning_rate: the first step's learning rate.
      schedule: ``"constant"``, or ``"cosine"`` down to 0 at the last step.
      loss_reduction: whether a step descends the ``"mean"`` or the ``"sum"`` of its
        batch's losses.
      initializer: W and b start as ``"zeros"`` or drawn from N(0, 1), ``"normal"``.
      seed: of the initial weights and of the order of rows; any integer from 0.
      xla: compile the training loop with XLA where it is available.
      memory_limit: bytes of training features to keep in memory at a time; more than that
        is read in chunks while training, which changes the order of rows.

    >>> RECIPES["default"].but(epochs=3).epochs
    3
    """

    epochs: int | None = None
    batch_size: int = 64
    learning_rate: float = 0.5
    schedule: Literal["constant", "cosine"] = "cosine"
    loss_reduction: Literal["mean", "sum"] = "mean"
    initializer: Literal["zeros", "normal"] = "zeros"
    seed: int = 0
    xla: bool = True
    memory_limit: int = 2**30

    def __post_init__(self) -> None:
        for field in ("epochs", "batch_size", "memory_limit"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise UsageError(f"{field} must be at least 1, not {value}")
        if not 0 < self.learning_rate < _FLOAT32_MAX:  # also refuses NaN
            raise UsageError(
                f"learning_rate must be a positive number below {_FLOAT32_MAX:.2g}, "
                f"not {self.learning_rate}"
            )
        if self.seed < 0:
            raise UsageError(f"seed must be 0 or more, not {self.seed}")
        for field, known in (
            ("schedule", ("constant", "cosine")),
            ("loss_reduction", ("mean", "sum")),
            ("initializer", ("zeros", "normal")),
        ):
            if getattr(self, field) not in known:
                raise UsageError(
                    f"{field} must be one of {', '.join(known)}, not {getattr(self, field)!r}"
                )

    def but(self, **changes: Any) -> Recipe:
        """The same recipe with some choices changed; those given as None stay as they are."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})

    def epochs_for(self, n_samples: int) -> int:
        """The number of epochs on this many training rows.

        >>> RECIPES["default"].epochs_for(60_000), RECIPES["default"].epochs_for(150)
        (10, 500)
        """
        steps_an_epoch = -(-n_samples // self.batch_size)
        return self.epochs or max(_EPOCHS, -(-_STEPS // steps_an_epoch))

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every choice."""
        return asdict(self)


RECIPES = {
    "default": Recipe(),
    # The tutorial's: weights from N(0, 1), and steps down the sum of a batch's losses.
    "tutorial": Recipe(
        epochs=10,
        learning_rate=0.001,
        schedule="constant",
        loss_reduction="sum",
        initializer="normal",
    ),
}
