"""From the arguments of an estimator to the recipe that trains it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.choices import did_you_mean, options_of
from tfsoftmax.errors import ArgumentError
from tfsoftmax.training.recipe import Recipe, Standardize

if TYPE_CHECKING:
    from tfsoftmax.estimators.classifier import SoftmaxClassifier

_SCALINGS: dict[str, Standardize] = {"none": "off", "auto": "auto", "standard": "on"}
_SOLVERS = ("auto", "newton", "sgd")
# The options of a recipe that an argument of the estimator sets.
_SET = {
    "solver": "solver",
    "tol": "tol",
    "max_steps": "max_iter",
    "l2": "C",
    "l1": "C and l1_ratio",
    "class_weight": "class_weight",
    "seed": "random_state",
    "standardize": "scaling",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "learning_rate": "learning_rate",
    "early_stopping": "early_stopping",
    "validation_fraction": "validation_fraction",
    "patience": "n_iter_no_change",
}


def recipe_for(estimator: SoftmaxClassifier, n_classes: int, total_weight: float) -> Recipe:
    """The recipe that minimises what the estimator's arguments say.

    scikit-learn minimises ``C sum_i s_i loss_i + (1 - l1_ratio)/2 ||w||^2 + l1_ratio ||w||_1``;
    divided by C times the sum of the weights s it is a recipe's objective. Of two classes
    scikit-learn has one w, where a softmax has two, W_1 - W_0 = w. They are least with
    W_1 = -W_0 = w/2, where ``||W||^2`` is half of ``||w||^2``, and ``||W||_1`` is ``||w||_1``.

    Args:
      estimator: whose arguments count; they are checked here.
      n_classes: of the labels.
      total_weight: the sum of what all rows count.

    Returns:
      The recipe; of ``solver="auto"`` newton, where there is a penalty and no early stopping.

    Raises:
      ArgumentError: naming an argument that cannot mean anything.
      UsageError: if two of them exclude each other.
    """
    check_arguments(estimator)
    options: dict[str, Any] = _penalties(estimator, n_classes, total_weight)
    options["solver"] = estimator.solver
    if estimator.early_stopping:
        options |= {
            "early_stopping": "log_loss",
            "validation_fraction": float(estimator.validation_fraction),
            "patience": int(estimator.n_iter_no_change),
        }
    # NumPy's numbers, which a grid search hands in, are none that a recipe takes.
    for name in ("epochs", "batch_size", "learning_rate"):
        value = getattr(estimator, name)
        options[name] = value.item() if isinstance(value, np.generic) else value
    recipe = Recipe(
        **options,
        **(estimator.recipe_options or {}),
        standardize=_SCALINGS[estimator.scaling],
        seed=seed_of(estimator.random_state),
    )
    if recipe.solver == "sgd":
        return recipe
    return recipe.but(tol=float(estimator.tol), max_steps=int(estimator.max_iter))


def _penalties(estimator: SoftmaxClassifier, n_classes: int, total_weight: float) -> dict[str, Any]:
    if estimator.C == "auto":
        return {"l2": "auto", "l1": 0.0}
    strength = 1 / (float(estimator.C) * total_weight)
    ratio = float(estimator.l1_ratio)
    return {"l2": strength * (1 - ratio) * (2 if n_classes == 2 else 1), "l1": strength * ratio}


def seed_of(random_state: Any) -> int:
    """The seed of a recipe: 0 for None, a whole number itself, one drawn by a generator.

    >>> seed_of(None), seed_of(7)
    (0, 7)
    """
    if random_state is None:
        return 0
    if isinstance(random_state, Integral):
        return int(random_state)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def check_arguments(estimator: SoftmaxClassifier) -> None:
    """Refuses arguments that cannot mean anything, one by one.

    Raises:
      ArgumentError: naming the argument, what it must be and what it is.
    """
    C: Any = estimator.C
    ratio = estimator.l1_ratio
    _require("C", C, C == "auto" or (_number(C) and C > 0), "a number above 0, or 'auto'")
    _require("l1_ratio", ratio, _number(ratio) and 0 <= ratio <= 1, "a number from 0 to 1")
    if C == "auto" and ratio:
        raise ArgumentError("C='auto' chooses a penalty on squares: give l1_ratio=0, or a number")
    for name, known in (("solver", _SOLVERS), ("scaling", tuple(_SCALINGS))):
        value = getattr(estimator, name)
        _require(name, value, value in known, "one of " + ", ".join(known))
    _require(
        "tol", estimator.tol, _number(estimator.tol) and 0 < estimator.tol < 1, "between 0 and 1"
    )
    for name in ("max_iter", "n_iter_no_change"):
        value = getattr(estimator, name)
        _require(name, value, isinstance(value, Integral) and int(value) >= 1, "1 or more")
    if estimator.solver == "newton" and _number(C) and np.isinf(C):
        raise ArgumentError(
            "solver='newton' needs a finite C: without a penalty there may be no optimum; give "
            "C=1.0, for example, or solver='sgd'"
        )
    if estimator.solver == "newton" and estimator.early_stopping:
        raise ArgumentError(
            "solver='newton' and early_stopping=True exclude each other: early stopping ends "
            "before the optimum; give solver='sgd', or early_stopping=False"
        )
    _check_options(estimator.recipe_options or {})


def _check_options(given: Mapping[str, Any]) -> None:
    known = [name for name in options_of(Recipe) if name not in _SET]
    for name in given:
        if name in _SET:
            raise ArgumentError(f"recipe_options has {name!r}: give {_SET[name]} instead")
        if name not in known:
            raise ArgumentError(
                f"recipe_options has {name!r}, which is no option of a Recipe; "
                f"{did_you_mean(name, known)}there are {', '.join(known)}"
            )


def _require(name: str, value: Any, holds: Any, wanted: str) -> None:
    if not holds:
        raise ArgumentError(f"{name} must be {wanted}, not {value!r}")


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
