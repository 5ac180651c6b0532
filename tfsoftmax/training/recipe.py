"""Recipes: every choice a training run depends on, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, Literal

from tfsoftmax.choices import FLOAT32_MAX, Choices, did_you_mean, option, options_of
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting

# Where the number of epochs is left open: enough for large data, and enough steps for
# small data, whose test log-loss keeps falling for about that long (docs/quality.md).
_EPOCHS = 10
_STEPS = 1500
_VALIDATION_FRACTION = 0.1
_BATCH_SIZE = 64
# Larger batches share more features, and cost less; few rows would need more epochs with them.
_SPARSE_BATCH_SIZE, _MANY_SPARSE_ROWS = 128, 10_000

Metric = Literal["log_loss", "accuracy", "balanced_accuracy", "macro_f1"]
Standardize = Literal["auto", "on", "off"]
ClassWeight = Literal["balanced"] | Mapping[str, float] | None


@dataclass(frozen=True)
class Recipe(Choices):
    """How to train. Change one choice with ``recipe.but(epochs=20)``.

    What training minimises is written in `tfsoftmax.training.objective`; in scikit-learn's terms
    ``l2 = 1 / (C * n_samples)``.

    Attributes:
      {options}

    Raises:
      UsageError: naming a choice that is of another type, out of its bounds, or excluded by
        another.

    >>> RECIPES["default"].but(epochs=3).epochs
    3
    """

    epochs: int | None = option(
        None,
        "Passes of SGD over the training rows; newton needs none.",
        least=0,
        usual=f"{_EPOCHS}, or as many as make {_STEPS:,} steps where rows are few; before newton "
        "1, or 0 where newton alone is quicker",
        always=True,
    )
    solver: Literal["auto", "sgd", "newton"] = option(
        "sgd",
        "What finds the weights: sgd alone; newton goes on from there, step by step, until the "
        "optimum is proven to be no further away than "
        + setting("tol")
        + ", for which "
        + setting("l2")
        + " or "
        + setting("l1")
        + " must be above 0. auto is newton, or sgd without a penalty or with early stopping.",
    )
    tol: float = option(
        1e-6,
        "How far from the optimum newton may stop, as a share of the objective.",
        above=0,
        below=1,
    )
    max_steps: int = option(100, "Steps of newton, at most.", least=1, flag=False)
    batch_size: int | None = option(
        None,
        "Rows in a step.",
        least=1,
        usual=f"{_BATCH_SIZE}, or {_SPARSE_BATCH_SIZE} from {_MANY_SPARSE_ROWS:,} sparse rows on",
        always=True,
    )
    sync_every: int | Literal["epoch"] = option(
        100,
        "Steps from one exchange of several workers to the next. 1: they take every step together, "
        "as one process would. More: each takes so many by itself, or an epoch of them, on its own "
        "rows and its share of "
        + setting("batch_size")
        + "; then all go on from the mean of their weights.",
        least=1,
    )
    learning_rate: float | Literal["auto"] = option(
        "auto",
        "The largest step size; 'auto' derives it from the rows, whatever their scale.",
        above=0,
        always=True,
        swept=True,
    )
    schedule: Literal["constant", "cosine", "step", "exponential", "inverse"] = option(
        "cosine",
        "How the learning rate goes on: constant; cosine falls to 0 at the last step; step and "
        "exponential multiply it by "
        + setting("decay")
        + " every "
        + setting("decay_epochs")
        + " epochs, at once or gradually; inverse divides it by (1 + epochs / decay_epochs)^decay.",
    )
    decay: float = option(
        0.5, "Factor, or for inverse the exponent, of " + setting("schedule") + ".", above=0
    )
    decay_epochs: float = option(
        1.0,
        "Epochs after which " + setting("schedule") + " applies " + setting("decay") + ".",
        above=0,
    )
    warmup_epochs: float = option(
        0.0, "Epochs, or a part of one, in which the learning rate rises from 0.", least=0
    )
    optimizer: Literal["auto", "sgd", "adagrad", "ftrl"] = option(
        "auto",
        "The update rule: sgd; adagrad, whose rate falls for each feature by itself; ftrl is "
        "FTRL-Proximal, which falls for each weight and keeps weights at exactly 0 under "
        + setting("l1")
        + "; auto is adagrad for sparse rows, else sgd.",
    )
    momentum: float = option(
        0.0, "Share of the last step's movement that is kept.", least=0, below=1
    )
    nesterov: bool = option(False, "Nesterov's form of " + setting("momentum") + ".")
    averaging: float = option(
        0.0,
        "Share of the steps, the last ones, whose mean weights are the result (Polyak averaging).",
        least=0,
        below=1,
    )
    clip_norm: float | None = option(
        None, "Longest gradient that a step follows.", above=0, usual="any length"
    )
    l2: float | Literal["auto"] | None = option(
        None,
        "Penalty on the squares of the weights; 1 / (C * rows) in scikit-learn's terms. 'auto' "
        "chooses it by cross-validation, however long that takes.",
        least=0,
        usual="chosen by cross-validation where that is quick, else 1 / rows, on sparse rows "
        "0.1 / rows times their mean squared length; 0 with " + setting("l1"),
        swept=True,
    )
    l1: float = option(
        0.0, "Penalty on the magnitudes of the weights; makes some exactly 0.", least=0, swept=True
    )
    class_weight: ClassWeight = option(
        None,
        "What a row of each class counts, by the class's name; 'balanced' makes all classes count "
        "the same.",
        usual="1 each",
    )
    label_smoothing: float = option(
        0.0, "Share of each label that is spread over all classes.", least=0, below=1
    )
    early_stopping: Metric | None = option(
        None,
        "Stop when this figure of held-out validation rows no longer gets better, and go back to "
        "its best epoch.",
        usual="trains to the end",
    )
    patience: int = option(5, "Epochs without a better figure before it stops.", least=1)
    min_delta: float = option(
        0.0, "How much better that figure must be to count.", least=0, flag=False
    )
    calibrate: bool = option(
        False,
        "Make the model as sure of itself as it is right on held-out validation rows, by "
        "temperature scaling; no predicted class changes.",
    )
    reject_below: float | None = option(
        None,
        "The least probability that is an answer; where the most probable class has less, the "
        "model abstains.",
        least=0,
        below=1,
        usual="always answers",
    )
    validation_fraction: float | None = option(
        None,
        "Share of the training rows to hold out where the dataset brings no validation rows.",
        least=0,
        below=1,
        usual=f"{_VALIDATION_FRACTION} where they are needed, else 0",
    )
    standardize: Standardize = option(
        "auto",
        "How features are scaled, in the model itself: auto scales pixels by their range, columns "
        "of mostly zeros by their size alone, and others to mean 0 and deviation 1, less what lies "
        "far outside; on gives every feature mean 0 and deviation 1; off leaves columns as they "
        "are.",
    )
    loss_reduction: Literal["mean", "sum"] = option(
        "mean", "Whether a step descends the mean or the sum of its batch's losses.", flag=False
    )
    center: bool = option(
        True,
        "Whether training moves the features' mean to 0, so that steps can be longer; the bias "
        "makes up for it, no minimum changes, and the trained model takes features as they are. "
        "Sparse rows keep their zeros.",
        flag=False,
    )
    initializer: Literal["zeros", "normal"] = option(
        "zeros", "What W and b start as: zeros, or drawn from N(0, 1).", flag=False
    )
    seed: int = option(
        0,
        "Seed of the initial weights and of the order of rows; the same seed gives the same model.",
        least=0,
        always=True,
    )
    xla: bool = option(
        True, "Whether XLA compiles the training loop, where it is available.", flag=False
    )
    memory_limit: int = option(
        2**30,
        "Bytes of training features in memory at a time; more is read in chunks, which changes "
        "the order of rows.",
        least=1,
        usual="1 GiB",
        flag=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver == "auto":
            # Decided here, so that all that a recipe is shown to or kept by names what is used.
            object.__setattr__(self, "solver", "sgd" if self._no_optimum() else "newton")
        if self.nesterov and not self.momentum:
            raise UsageError(
                setting("nesterov")
                + " is a form of momentum: give "
                + setting("momentum", 0.9)
                + ", for example"
            )
        if self.solver == "newton":
            self._check_newton()
        else:
            self._check_unused("solver", "newton", "tol", "max_steps")
            if self.epochs == 0:
                raise UsageError(
                    setting("epochs", 0)
                    + " trains nothing without "
                    + setting("solver", "newton")
                    + ": ask for 1 or more"
                )
        if self.early_stopping is None:
            self._check_unused("early_stopping", "log_loss", "patience", "min_delta")
        if self.schedule in ("constant", "cosine"):
            self._check_unused("schedule", "step", "decay", "decay_epochs")
        if self.optimizer in ("adagrad", "ftrl") and (beside := self.moves_all):
            raise UsageError(
                setting("optimizer", self.optimizer)
                + " and "
                + setting(beside[0])
                + " exclude each other: leave one of them out"
            )
        if self.averaging and self.l1:
            raise UsageError(
                setting("averaging")
                + " and "
                + setting("l1")
                + " exclude each other: a mean of weights is hardly ever exactly 0"
            )
        if isinstance(self.class_weight, Mapping):
            for name, weight in self.class_weight.items():
                if not isinstance(weight, Real) or not 0 <= weight < FLOAT32_MAX:
                    raise UsageError(
                        setting("class_weight") + f" of {name!r} must be 0 or more, not {weight!r}"
                    )

    def _check_newton(self) -> None:
        """Refuses choices that leave no optimum to find, or stop on the way to it."""
        for name, reason in self._no_optimum().items():
            raise UsageError(
                setting("solver", "newton")
                + " and "
                + setting(name, getattr(self, name))
                + f" exclude each other: {reason}"
            )

    def _no_optimum(self) -> dict[str, str]:
        """Which choices newton is of no use with, and why."""
        reasons = {}
        if self.early_stopping:
            reasons["early_stopping"] = "early stopping ends before the optimum; leave one out"
        if self.l2 == 0 and not self.l1:
            reasons["l2"] = "without a penalty there may be no optimum; give one above 0"
        return reasons

    def _check_unused(self, needed: str, example: str, *names: str) -> None:
        """Refuses choices that would have no effect without another one."""
        for name in names:
            if getattr(self, name) != options_of(Recipe)[name].default:
                raise UsageError(
                    setting(name)
                    + " has no effect without "
                    + setting(needed, example)
                    + ", for example"
                )

    def batch_size_for(self, n_samples: int, sparse: bool) -> int:
        """The number of rows in a step, for this many training rows, sparse or not.

        >>> Recipe().batch_size_for(20_000, sparse=True), Recipe().batch_size_for(20_000, False)
        (128, 64)
        """
        usual = _SPARSE_BATCH_SIZE if sparse and n_samples >= _MANY_SPARSE_ROWS else _BATCH_SIZE
        return self.batch_size or usual

    def rows_a_step(self, batch_size: int, workers: int) -> int:
        """The number of rows in a step of one worker: its share of a batch, if it is by itself.

        >>> Recipe(sync_every=1).rows_a_step(64, workers=3), Recipe().rows_a_step(64, workers=3)
        (64, 22)
        """
        return batch_size if self.sync_every == 1 else -(-batch_size // workers)

    def epochs_for(self, n_samples: int, few: bool = False, sparse: bool = False) -> int:
        """The number of epochs of SGD on this many training rows.

        Args:
          n_samples: how many.
          few: whether newton takes no longer from the start: few rows, or fewer than inputs.
          sparse: whether they are sparse.

        >>> RECIPES["default"].epochs_for(60_000), RECIPES["default"].epochs_for(150)
        (10, 500)
        """
        if self.epochs is not None:
            return self.epochs
        if self.solver == "newton":
            return 0 if few else 1
        steps_an_epoch = -(-n_samples // self.batch_size_for(n_samples, sparse))
        return max(_EPOCHS, -(-_STEPS // steps_an_epoch))

    def l2_for(self, n_samples: int) -> float:
        """The strength of the penalty on squares for this many training rows, if none is chosen.

        >>> RECIPES["default"].l2_for(4000), Recipe(l1=0.01).l2_for(4000)
        (0.00025, 0.0)
        """
        if not isinstance(self.l2, str) and self.l2 is not None:
            return self.l2
        return 0.0 if self.l1 and self.l2 is None else 1 / n_samples

    def optimizer_for(self, sparse: bool) -> str:
        """The update rule, for rows that are sparse or not.

        >>> Recipe().optimizer_for(sparse=True), Recipe().optimizer_for(sparse=False)
        ('adagrad', 'sgd')
        """
        if self.optimizer != "auto":
            return self.optimizer
        return "adagrad" if sparse else "sgd"

    @property
    def moves_all(self) -> list[str]:
        """The options that are set and that move every weight in every step."""
        return [name for name in ("momentum", "averaging", "clip_norm") if getattr(self, name)]

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
        batch_size=64,
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
