"""The options that make a recipe, for whoever trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import click

from tfsoftmax.training.recipe import RECIPES, Metric, Recipe, Schedule, Standardize


class ClassWeights(click.ParamType):
    """``balanced``, or NAME=WEIGHT pairs separated by commas."""

    name = "balanced|NAME=WEIGHT,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Splits and checks."""
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


class LearningRate(click.FloatRange):
    """A positive number, or ``auto``."""

    name = "float or auto"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Checks; ``auto`` stays as it is."""
        return value if value == "auto" else super().convert(value, param, ctx)


def _help(text: str, field: str) -> str:
    """Help for an option whose default is the recipe's."""
    values = {name: getattr(recipe, field) for name, recipe in RECIPES.items()}
    default = ", ".join(f"{value} ({name})" for name, value in values.items())
    if len(set(values.values())) == 1:
        default = str(values["default"])
    if values["default"] is None:
        return text
    return f"{text}  [default: {default}]"


def _number(name: str, text: str, below: float | None = None, positive: bool = False) -> Any:
    kind = click.FloatRange(min=0, min_open=positive, max=below, max_open=below is not None)
    return click.option(f"--{name}", type=kind, help=_help(text, name.replace("-", "_")))


_OPTIONS = (
    click.option(
        "--recipe",
        "recipe_name",
        type=click.Choice(list(RECIPES)),
        default="default",
        show_default=True,
        help="The recommended way to train, or the tutorial's.",
    ),
    click.option(
        "--epochs",
        type=click.IntRange(min=1),
        help="Passes over the training rows.  [default: 10; by the default recipe more on small "
        "data, for at least 1,500 steps]",
    ),
    click.option(
        "--batch-size", type=click.IntRange(min=1), help=_help("Rows a step.", "batch_size")
    ),
    click.option(
        "--learning-rate",
        type=LearningRate(),
        help="Step size to begin with; 'auto' derives it from the rows, whatever their scale.  "
        "[default: auto (default), 0.001 (tutorial)]",
    ),
    click.option(
        "--schedule",
        type=click.Choice(get_args(Schedule)),
        help="How the learning rate goes on: cosine falls to 0 at the end; step and exponential "
        "multiply it by --decay every --decay-epochs; inverse divides it by "
        "(1 + epochs / decay-epochs)^decay.  [default: cosine (default), constant (tutorial)]",
    ),
    _number("decay", "As --schedule says.", positive=True),
    _number("decay-epochs", "As --schedule says.", positive=True),
    _number("warmup-epochs", "Epochs, or a part of one, to climb to the learning rate in."),
    _number("momentum", "Share of the last step's movement that is kept.", below=1),
    click.option("--nesterov", is_flag=True, default=None, help="Nesterov's form of --momentum."),
    _number("averaging", "Share of the last steps whose mean weights are the result.", below=1),
    _number("clip-norm", "Longest gradient that a step follows.", positive=True),
    _number(
        "l2",
        "Penalty on the squares of the weights; 1 / (C * rows) in scikit-learn's terms.  "
        "[default: 1 / rows, or 0 with --l1 (default), 0 (tutorial)]",
    ),
    _number("l1", "Penalty on their magnitudes; makes weights exactly 0."),
    click.option(
        "--class-weight",
        type=ClassWeights(),
        help="What a row of a class counts, or 'balanced' for all classes to count the same.",
    ),
    _number("label-smoothing", "Share of each label that is spread over all classes.", below=1),
    click.option(
        "--early-stopping",
        type=click.Choice(get_args(Metric)),
        help="Stop when this figure of held-out validation rows no longer gets better, and go "
        "back to its best epoch.",
    ),
    click.option(
        "--patience",
        type=click.IntRange(min=1),
        help=_help("Epochs without a better figure before it stops.", "patience"),
    ),
    click.option(
        "--calibrate",
        is_flag=True,
        default=None,
        help="Make the model as sure of itself as it is right on held-out validation rows, by "
        "temperature scaling; no predicted class changes.",
    ),
    _number(
        "reject-below",
        "The least probability that is an answer; where the most probable class has less, the "
        "model abstains.",
        below=1,
    ),
    click.option(
        "--standardize",
        type=click.Choice(get_args(Standardize)),
        help=_help(
            "How features are scaled, in the model itself: auto scales pixels by their range, "
            "columns of mostly zeros by their size alone, and others to mean 0 and "
            "deviation 1, less what lies far outside; on gives every feature mean 0 and deviation "
            "1; off leaves columns as they are.",
            "standardize",
        ),
    ),
    click.option(
        "--validation-fraction",
        type=click.FloatRange(min=0, max=1, max_open=True),
        help="Share of the training rows to hold out.  [default: 0.1 where it is needed, else 0]",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        help=_help(
            "Of the initial weights and the order of rows; the same seed gives the same model.",
            "seed",
        ),
    ),
)
_FIELDS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "schedule",
    "decay",
    "decay_epochs",
    "warmup_epochs",
    "momentum",
    "nesterov",
    "averaging",
    "clip_norm",
    "l2",
    "l1",
    "class_weight",
    "label_smoothing",
    "early_stopping",
    "patience",
    "calibrate",
    "reject_below",
    "standardize",
    "validation_fraction",
    "seed",
)


def recipe_options(command: Callable[..., Any], without: Sequence[str] = ()) -> Callable[..., Any]:
    """Adds an option for every choice of a recipe, but for the fields that are left out.

    `recipe_from` reads them.
    """
    fields = ("recipe_name", *_FIELDS)
    for field, decorate in reversed(list(zip(fields, _OPTIONS, strict=True))):
        if field not in without:
            command = decorate(command)
    return command


def recipe_from(options: dict[str, Any]) -> Recipe:
    """The recipe that is asked for; what there is no option for is the named recipe's.

    Raises:
      UsageError: if its choices exclude each other.
    """
    changes = {field: options[field] for field in _FIELDS if field in options}
    return RECIPES[options["recipe_name"]].but(**changes)


def arguments_of(recipe: Recipe, recipe_name: str) -> list[str]:
    """The arguments that give this recipe again, whatever the defaults will be."""
    always = ("epochs", "batch_size", "learning_rate", "seed")
    arguments = ["--recipe", recipe_name]
    for field in _FIELDS:
        value = getattr(recipe, field)
        usual = value == getattr(RECIPES[recipe_name], field)
        if value is None or (usual and field not in always):
            continue
        name = "--" + field.replace("_", "-")
        if isinstance(value, dict):
            value = ",".join(f"{key}={weight}" for key, weight in value.items())
        arguments += [name] if value is True else [name, str(value)]
    return arguments
