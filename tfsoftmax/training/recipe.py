"""Recipes: every choice a training run depends on, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, Literal

from tfsoftmax.choices import changed, check_types, did_you_mean
from tfsoftmax.errors import UsageError

_FLOAT32_MAX = 3.4e38
# Where the number of epochs is left open: enough for large data, and enough steps for
# small data, whose test log-loss keeps falling for about that long (docs/quality.md).
_EPOCHS, _STEPS = 10, 1500

Schedule = Literal["constant", "cosine", "step", "exponential", "inverse"]
Metric = Literal["log_loss", "accuracy", "balanced_accuracy", "macro_f1"]
Standardize = Literal["auto", "on", "off"]
ClassWeight = Literal["balanced"] | Mapping[str, float] | None
_VALIDATION_FRACTION = 0.1


@dataclass(frozen=True)
class Recipe:
    """How to train. Change one choice with ``recipe.but(epochs=20)``.

    What is minimised is the mean loss of the training rows, weighted if they have weights,
    plus ``l2 / 2`` times the sum of the squares of W, plus ``l1`` times the sum of its
    magnitudes. W is what multiplies the features once they are scaled; the bias is never
    penalised. In scikit-learn's terms ``l2 = 1 / (C * n_samples)``.

    Attributes:
      epochs: passes over the training rows; None is 10, or as many as make 1,500 steps
        where the rows are few (see `epochs_for`).
      batch_size: rows a step.
      learning_rate: the largest learning rate; ``"auto"`` derives it from the rows
        (`learning_rate.resolved`).
      schedule: how it goes on: ``"constant"``; ``"cosine"`` down to 0 at the last step;
        multiplied by `decay` every `decay_epochs`, in steps (``"step"``) or all the way
        (``"exponential"``); or ``"inverse"``, divided by
        ``(1 + epochs / decay_epochs)^decay``.
      decay, decay_epochs: as said.
      warmup_epochs: to climb to the first learning rate in; may be a fraction.
      momentum: share of the last step's movement that is kept, below 1.
      nesterov: with momentum, Nesterov's form of it.
      averaging: share of the run's steps, the last ones, whose mean of W and b is the
        result (Polyak averaging); 0 takes W and b as the last step leaves them.
      clip_norm: longest gradient that a step follows; None follows any.
      l2, l1: strength of the penalties; with l1, weights become exactly 0. An l2 of None is
        1 / n_samples, scikit-learn's ``C = 1``, and 0 beside an l1.
      class_weight: what rows of a class count, by its name; ``"balanced"`` makes all
        classes count the same.
      label_smoothing: share of each row's label that is spread over all classes.
      early_stopping: the figure of the validation rows to stop by, ``"log_loss"``,
        ``"accuracy"``, ``"balanced_accuracy"`` or ``"macro_f1"``, and then to go back to
        the best epoch; None trains to the end.
      patience: epochs without a better figure before it stops.
      min_delta: how much better it must be to count.
      calibrate: whether the trained model is made as sure of itself as it is right on the
        validation rows (temperature scaling).
      reject_below: the least probability of the predicted class that is an answer; below it
        the model abstains. None always answers.
      validation_fraction: share of the training rows to hold out where the dataset brings
        no validation rows; None is 0.1 where they are needed, and else 0.
      loss_reduction: whether a step descends the ``"mean"`` or the ``"sum"`` of its
        batch's losses.
      standardize: how features are scaled: those with a known range by it, to [0, 1], and
        columns of a table each by what suits its values (``"auto"``, see `with_scaling`);
        all to mean 0 and deviation 1 (``"on"``); or by a known range only (``"off"``).
      center: whether training moves the features' mean to 0. That changes no minimum, since
        the bias makes up for it, but lets steps be longer; the trained model takes features
        as they are.
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
    learning_rate: float | Literal["auto"] = "auto"
    schedule: Schedule = "cosine"
    decay: float = 0.5
    decay_epochs: float = 1.0
    warmup_epochs: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    averaging: float = 0.0
    clip_norm: float | None = None
    l2: float | None = None
    l1: float = 0.0
    class_weight: ClassWeight = None
    label_smoothing: float = 0.0
    early_stopping: Metric | None = None
    patience: int = 5
    min_delta: float = 0.0
    calibrate: bool = False
    reject_below: float | None = None
    validation_fraction: float | None = None
    standardize: Standardize = "auto"
    loss_reduction: Literal["mean", "sum"] = "mean"
    center: bool = True
    initializer: Literal["zeros", "normal"] = "zeros"
    seed: int = 0
    xla: bool = True
    memory_limit: int = 2**30

    def __post_init__(self) -> None:
        check_types(self)
        for field in ("epochs", "batch_size", "patience", "memory_limit"):
            self._check(field, "at least 1", lambda value: value >= 1)
        positive = f"a positive number below {_FLOAT32_MAX:.2g}"
        for field in ("decay", "decay_epochs", "clip_norm"):
            self._check(field, positive, lambda value: 0 < value < _FLOAT32_MAX)
        if self.learning_rate != "auto":
            self._check("learning_rate", positive, lambda value: 0 < value < _FLOAT32_MAX)
        for field in ("l2", "l1", "warmup_epochs", "min_delta"):
            self._check(field, "a number from 0 up", lambda value: 0 <= value < _FLOAT32_MAX)
        for field in (
            "momentum",
            "averaging",
            "label_smoothing",
            "validation_fraction",
            "reject_below",
        ):
            self._check(field, "0 or more, and below 1", lambda value: 0 <= value < 1)
        self._check("seed", "0 or more", lambda value: value >= 0)
        if self.nesterov and not self.momentum:
            raise UsageError("nesterov is a form of momentum: give momentum, for example 0.9")
        if self.averaging and self.l1:
            raise UsageError(
                "averaging and l1 exclude each other: a mean of weights is hardly ever exactly 0"
            )
        self._check_class_weight()

    def _check(self, field: str, expected: str, holds: Any) -> None:
        value = getattr(self, field)
        if value is not None and not holds(value):  # a NaN holds nothing
            raise UsageError(f"{field} must be {expected}, not {value!r}")

    def _check_class_weight(self) -> None:
        if self.class_weight is None or self.class_weight == "balanced":
            return
        for name, weight in self.class_weight.items():
            if not isinstance(weight, Real) or not 0 <= weight < _FLOAT32_MAX:
                raise UsageError(f"class_weight of {name!r} must be 0 or more, not {weight!r}")

    def but(self, **changes: Any) -> Recipe:
        """The same recipe with some choices changed; those given as None stay as they are."""
        return changed(self, changes)

    def epochs_for(self, n_samples: int) -> int:
        """The number of epochs on this many training rows.

        >>> RECIPES["default"].epochs_for(60_000), RECIPES["default"].epochs_for(150)
        (10, 500)
        """
        steps_an_epoch = -(-n_samples // self.batch_size)
        return self.epochs or max(_EPOCHS, -(-_STEPS // steps_an_epoch))

    def l2_for(self, n_samples: int) -> float:
        """The strength of the penalty on squares for this many training rows.

        >>> RECIPES["default"].l2_for(4000), Recipe(l1=0.01).l2_for(4000)
        (0.00025, 0.0)
        """
        if self.l2 is not None:
            return self.l2
        return 0.0 if self.l1 else 1 / n_samples

    @property
    def held_out(self) -> float:
        """The share of the training rows to hold out for validation."""
        if self.validation_fraction is not None:
            return self.validation_fraction
        return _VALIDATION_FRACTION if self.early_stopping or self.calibrate else 0.0

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
        l2=0.0,
        loss_reduction="sum",
        center=False,
        initializer="normal",
    ),
}


def recipe_of(recipe: Recipe | str) -> Recipe:
    """The recipe itself, or the one of this name.

    Raises:
      UsageError: if there is none of the name, or it is no recipe.

    >>> recipe_of("tutorial").schedule
    'constant'
    """
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str):
        raise UsageError(
            "how to train must be a Recipe, as Recipe(epochs=5), or the name of one "
            f"({', '.join(RECIPES)}), not a {type(recipe).__name__}"
        )
    if recipe not in RECIPES:
        raise UsageError(
            f"no recipe is called {recipe!r}; {did_you_mean(recipe, RECIPES)}there are "
            f"{', '.join(RECIPES)}"
        )
    return RECIPES[recipe]
