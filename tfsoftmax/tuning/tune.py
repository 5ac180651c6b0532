"""Chooses penalties and learning rate by cross-validation."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Literal, get_args

import numpy as np

from tfsoftmax.choices import with_choices
from tfsoftmax.data.dataset import Dataset, check_dataset
from tfsoftmax.errors import TfsoftmaxError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.system.bar import cell_bar
from tfsoftmax.training import cross_validation
from tfsoftmax.training.learning_rate import Inputs
from tfsoftmax.training.prepare import l2_of, resolve, sample_of, with_scaling
from tfsoftmax.training.recipe import Recipe, recipe_of
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.tuning.edge import beyond_the_grid

Scoring = Literal["log_loss", "accuracy"]
Choose = Literal["best", "one_standard_error"]
LearningRate = float | Literal["auto"]

_SCORES = ("log_loss", "log_loss_error", "accuracy", "accuracy_error")
# From no penalty worth the name to one that leaves little but the classes' frequencies, two
# a decade: about the best, neighbours differ by less than their standard errors.
L2_GRID = tuple(float(f"{value:.3g}") for value in np.logspace(-6, 0, 13))


@dataclass(frozen=True)
class Candidate:
    """A point of the grid, and how it did on the rows of each fold.

    Attributes:
      recipe: as it was trained with.
      asked: the learning rate as it was asked for; "auto" gives other numbers for other l2.
      log_losses: mean cross-entropy of each fold's held-out rows, in nats; NaN in every fold
        where training diverged in one.
      accuracies: share of them that was right; NaN likewise.

    >>> recipe = ResolvedRecipe(epochs=5, batch_size=64, l2=0.1, learning_rate=0.5)
    >>> one = Candidate(recipe, 0.5, (0.5, 0.7), (0.75, 0.25))
    >>> round(one.log_loss, 3), round(one.log_loss_error, 3), one.accuracy
    (0.6, 0.1, 0.5)
    """

    recipe: ResolvedRecipe
    asked: LearningRate
    log_losses: tuple[float, ...]
    accuracies: tuple[float, ...]

    @property
    def log_loss(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.log_losses))

    @property
    def log_loss_error(self) -> float:
        """The mean's standard error, from how far the folds are apart."""
        return _standard_error(self.log_losses)

    @property
    def accuracy(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.accuracies))

    @property
    def accuracy_error(self) -> float:
        """The mean's standard error."""
        return _standard_error(self.accuracies)

    @property
    def diverged(self) -> bool:
        """Whether training diverged on any fold."""
        return not np.isfinite(self.log_losses).all()

    def figures(self) -> dict[str, float]:
        """What was varied, and the means with their errors; NaN where it diverged."""
        return {
            "l2": self.recipe.l2,
            "l1": self.recipe.l1,
            "learning_rate": self.recipe.rate,
            "log_loss": self.log_loss,
            "log_loss_error": self.log_loss_error,
            "accuracy": self.accuracy,
            "accuracy_error": self.accuracy_error,
        }

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure; None stands for NaN."""
        figures: dict[str, Any] = {
            **self.figures(),
            "log_losses": list(self.log_losses),
            "accuracies": list(self.accuracies),
        }
        if self.diverged:
            nothing = [None] * len(self.log_losses)
            figures |= dict.fromkeys(_SCORES) | {"log_losses": nothing, "accuracies": nothing}
        return {**figures, "diverged": self.diverged}


@dataclass(frozen=True)
class Tuning:
    """What `tune` measured, and what it chooses.

    Attributes:
      recipe: the one that was varied.
      scoring: what the candidates are ranked by.
      candidates: those of one learning rate and l1 together, l2 rising.
      choose: how the winner is chosen of them.
    """

    recipe: Recipe
    scoring: Scoring
    candidates: tuple[Candidate, ...]
    choose: Choose = "best"

    @property
    def winner(self) -> Candidate:
        """The candidate that is chosen; of equals the one with the strongest penalty.

        Raises:
          ValueError: if all diverged.
        """
        ended = [candidate for candidate in self.candidates if not candidate.diverged]
        best = min(ended, key=self._rank)
        if self.choose == "best":
            return best
        limit = self._rank(best)[0] + self._error(best)
        return min((c for c in ended if self._rank(c)[0] <= limit), key=lambda c: self._rank(c)[1:])

    @property
    def called(self) -> str:
        """What the winner is called: it need not be the best."""
        return "best" if self.choose == "best" else "chosen"

    @property
    def best(self) -> Recipe:
        """The recipe with the winner's penalties and learning rate, ready for `fit`."""
        won = self.winner.recipe
        return self.recipe.but(
            l2=won.l2, l1=won.l1, learning_rate=won.learning_rate, epochs=won.epochs
        )

    @property
    def beyond(self) -> str | None:
        """What to try next, if the l2 at the edge of the grid is the best; None if it is not."""
        return beyond_the_grid(self.to_json())

    def _rank(self, candidate: Candidate) -> tuple[float, ...]:
        recipe = candidate.recipe
        worth = candidate.log_loss if self.scoring == "log_loss" else -candidate.accuracy
        return worth, -recipe.l2, -recipe.l1, recipe.rate

    def _error(self, candidate: Candidate) -> float:
        log_loss = self.scoring == "log_loss"
        return candidate.log_loss_error if log_loss else candidate.accuracy_error

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of the choice and of every candidate."""
        return {
            "scoring": self.scoring,
            "choose": self.choose,
            "folds": len(self.winner.log_losses),
            "best": self.winner.to_json(),
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }

    def to_csv(self) -> str:
        """The candidates as a table with a header; NaN is left empty."""
        rows = []
        for candidate in self.candidates:
            row = candidate.to_json()
            for name, column in (("log_losses", "log_loss"), ("accuracies", "accuracy")):
                row |= {f"{column}_{fold}": v for fold, v in enumerate(row.pop(name), 1)}
            rows.append({**row, "best": candidate is self.winner})
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


@with_choices(recipe=Recipe)
def tune(
    dataset: Dataset,
    recipe: Recipe | str = "default",
    *,
    l2: Iterable[float | None] = L2_GRID,
    l1: Iterable[float | None] = (None,),
    learning_rate: Iterable[LearningRate | None] = (None,),
    folds: int = 5,
    scoring: Scoring = "log_loss",
    choose: Choose = "best",
    on_progress: Callable[[int, int], None] | None = None,
    progress_bar: bool = True,
) -> Tuning:
    """Scores every combination of penalties and learning rate by k-fold cross-validation.

    Each fold holds out its share of every class, and all candidates see the same folds and
    the same batches. With ``solver="newton"`` each is the optimum on its fold, found from the
    strongest l2 to the weakest. `fit` with the result's `best` then trains on all rows. Rows' own
    weights count in training, not in the scores. Validation rows are not held out here, so
    early stopping and calibration are left to that last `fit`. Test rows are never looked at.

    Args:
      dataset: its training rows are used.
      recipe: how to train, in all that is not varied: a recipe, or the name of one.
      l2: strengths to try; 13 from 1e-6 to 1 unless given.
      l1: strengths to try.
      learning_rate: the largest learning rates to try; ``"auto"`` is derived from the rows
        and the candidate's l2. In any of the three, None is the recipe's own.
      folds: how many; a candidate is trained once for each.
      scoring: ``"log_loss"`` or ``"accuracy"``, of the held-out rows.
      choose: ``"best"`` mean; or ``"one_standard_error"``, the strongest penalty whose mean is
        within a standard error of it, for a simpler model that is as good as can be told.
      on_progress: called after every call of the compiled loop with the number of steps
        taken and of all steps.
      progress_bar: whether a bar is shown below the cell, in a notebook; elsewhere none is.

    Returns:
      Every candidate's figures, and the best.

    Raises:
      UsageError: if an option is out of range, such as an l2 below 0.
      DataError: if a class has fewer rows than there are folds, or rows cannot be read.
      TfsoftmaxError: if every candidate diverged.

    References: Stone, Cross-validatory choice and assessment of statistical predictions
    (1974); Breiman et al., Classification and regression trees (1984), section 3.4.3, for the
    standard error; Kohavi, A study of cross-validation and bootstrap (IJCAI 1995), for strata.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> tuning = tune(dataset, Recipe(epochs=5), l2=(1e-3, 1.0), folds=3)
    >>> tuning.best.l2, len(tuning.winner.log_losses)
    (0.001, 3)
    """
    dataset, recipe = check_dataset(dataset), recipe_of(recipe)
    if scoring not in get_args(Scoring):
        known = ", ".join(get_args(Scoring))
        raise UsageError(setting("scoring") + f" must be one of {known}, not {scoring!r}")
    if choose not in get_args(Choose):
        known = ", ".join(get_args(Choose))
        raise UsageError(setting("choose") + f" must be one of {known}, not {choose!r}")
    if not folds >= 2:
        raise UsageError(setting("folds") + f" must be at least 2, not {folds!r}")
    dataset = with_scaling(dataset, recipe.standardize)
    sample = cache(lambda: sample_of(dataset, recipe))
    # All rows are for the folds: the fit that comes after holds out its own.
    usual = Recipe()
    plain = replace(
        recipe,
        l2=l2_of(recipe, dataset, sample),
        early_stopping=None,
        patience=usual.patience,
        min_delta=usual.min_delta,
        calibrate=False,
        validation_fraction=0.0,
    )
    grid = _grid(plain, l2, l1, learning_rate)
    if recipe.solver == "newton" and len({one.learning_rate for one in grid}) > 1:
        raise UsageError(
            setting("solver", "newton")
            + " has no learning rate to choose: leave the grid of "
            + setting("learning_rate")
            + " out"
        )
    tried = _resolve_all(grid, dataset, sample)
    recipes = [one for one, _ in tried]
    with cell_bar(progress_bar) as bar:

        def advance(step: int, total_steps: int) -> None:
            bar.show("tuning", step, total_steps)
            if on_progress:
                on_progress(step, total_steps)

        bar.show("starting")
        figures = cross_validation.scores(dataset, recipes, folds, advance)
    if not np.isfinite(figures).any():
        smallest = min(one.rate for one in recipes)
        raise TfsoftmaxError(
            f"every candidate diverged, on at least one of {folds} folds; try smaller learning "
            f"rates, for example {smallest / 10:.2g}"
        )
    candidates = (
        Candidate(*one, tuple(losses), tuple(shares))
        for one, (losses, shares) in zip(tried, figures.transpose(2, 0, 1).tolist(), strict=True)
    )
    return Tuning(recipe, scoring, tuple(candidates), choose)


def _grid(
    recipe: Recipe,
    l2: Iterable[float | None],
    l1: Iterable[float | None],
    learning_rate: Iterable[LearningRate | None],
) -> list[Recipe]:
    """The recipes of all combinations, which check their numbers, l2 the fastest to change."""
    rates = _values(recipe, "learning_rate", learning_rate)
    penalties = list(product(_values(recipe, "l1", l1), _values(recipe, "l2", l2)))
    found = []
    for rate in rates:
        group = [recipe.but(learning_rate=rate, l1=one, l2=two) for one, two in penalties]
        found += sorted(group, key=lambda candidate: (candidate.l1, candidate.l2))
    return found


def _values(recipe: Recipe, name: str, values: Iterable[LearningRate | None]) -> list[LearningRate]:
    """The values to try of a field; None stands for the recipe's."""
    own = getattr(recipe, name)
    try:
        asked = [own if value is None else value for value in values]
        found: list[LearningRate] = [
            "auto" if value == "auto" and name == "learning_rate" else float(value)
            for value in asked
        ]
    except (TypeError, ValueError) as error:
        raise UsageError(
            setting(name) + f" must be several numbers to try, as in (0.01, 0.1): {error}"
        ) from error
    if not found:
        raise UsageError(setting(name) + " is an empty grid; give at least one value to try")
    return found


def _resolve_all(
    grid: list[Recipe], dataset: Dataset, sample: Callable[[], Inputs]
) -> list[tuple[ResolvedRecipe, LearningRate]]:
    """Resolves every recipe; returns each once, with the learning rate that was asked for."""
    found: dict[Any, tuple[ResolvedRecipe, LearningRate]] = {}
    rates: dict[Any, ResolvedRecipe] = {}
    for one in grid:
        # What "auto" gives is a matter of l2 alone.
        key = one.l2, one.learning_rate
        if key not in rates:
            rates[key] = resolve(one, dataset, sample)
        recipe = replace(rates[key], l1=one.l1)
        found.setdefault((one.l2, one.l1, recipe.learning_rate), (recipe, one.learning_rate))
    return list(found.values())


def _standard_error(values: tuple[float, ...]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
