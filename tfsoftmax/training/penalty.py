"""Chooses the strength of the l2 penalty by cross-validation, where a recipe leaves it open."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.training.cross_validation import held_out_losses, held_out_rows
from tfsoftmax.training.learning_rate import numbers_a_row
from tfsoftmax.training.prepare import l2_of, resolve, sample_of
from tfsoftmax.training.recipe import Recipe

# What is tried, in units of the usual strength.
_TIMES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
_PARTS = 5
# Fewer rows show what a stronger penalty gains, but not what a weaker one may lose: none that are
# held out may be among those that a model sure of itself gets wrong.
_FEWEST_ROWS = 100
# Multiplications of rows with weights that are quick: about a second on one core, less than
# TensorFlow takes to start. A row of a batch costs as much as so many of them beside its own,
# and an entry of sparse rows as so many.
_QUICK = 1e10
_ROW = 300
_SPARSE_ENTRY = 300


@dataclass(frozen=True)
class ChosenL2:
    """A strength of the l2 penalty, and what it was chosen by.

    Attributes:
      l2: what was chosen.
      usual: what it is where nothing is chosen.
      tried: all strengths, the weakest first.
      log_losses: mean over the held-out rows of each, in nats; None where training diverged.
      held_out_rows: how many training rows were held out, each once.

    >>> print(ChosenL2(0.1, 0.01, (0.001, 0.01, 0.1), (0.7, 0.6, 0.5), 1000).sentence)
    0.1, chosen from 3 values by cross-validation on 1,000 training rows; the usual 0.01 is worse
    """

    l2: float
    usual: float
    tried: tuple[float, ...]
    log_losses: tuple[float | None, ...]
    held_out_rows: int

    @property
    def sentence(self) -> str:
        """What was chosen, from what, and how."""
        by = f"cross-validation on {self.held_out_rows:,} training rows"
        if self.l2 == self.usual:
            return (
                f"{self.l2:.3g}, as usual: {by} found none of {len(self.tried)} values clearly "
                "better"
            )
        return (
            f"{self.l2:.3g}, chosen from {len(self.tried)} values by {by}; the usual "
            f"{self.usual:.3g} is worse"
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ChosenL2:
        """What `to_json` made a dictionary of.

        Raises:
          KeyError, TypeError, ValueError, OverflowError: if it is no such dictionary.
        """
        losses = tuple(None if each is None else float(each) for each in document["log_losses"])
        tried = tuple(map(float, document["tried"]))
        l2, usual, rows = (document[name] for name in ("l2", "usual", "held_out_rows"))
        if not {l2, usual} <= set(tried) or not all(0 <= each < math.inf for each in tried):
            raise ValueError(f"an l2 of {l2}, chosen from {tried}")
        return cls(float(l2), float(usual), tried, losses, int(rows))


def choose_l2(
    dataset: Dataset, recipe: Recipe, on_progress: Callable[[int, int], None] | None = None
) -> ChosenL2 | None:
    """Chooses the l2 that a recipe leaves open, from powers of ten times the usual one.

    The training rows are dealt into five parts, and every candidate is trained as the recipe says
    without each part in turn and measured on it; all of it happens side by side. Of the strengths
    whose mean loss is within a standard error of the best, it is the one nearest to the usual one.

    With fewer than 100 rows, no weaker strengths are tried. Where the recipe says None, nothing is
    chosen beside an l1 or weights, with newton, or where a class has fewer than five rows; and no
    more of the five parts are held out than is quick, maybe none. ``"auto"`` chooses whatever it
    takes.

    Args:
      dataset: to train on, with its scaling; validation and test rows are not looked at.
      recipe: as it was asked for.
      on_progress: called with the number of steps taken, and of all.

    Returns:
      What was chosen; None if the recipe's l2 is a number, or nothing is chosen.

    Raises:
      DataError: if a class has a single row and l2 is ``"auto"``, or rows cannot be read.
      UsageError: if the recipe names a class that does not exist.

    References: Stone, Cross-validatory choice and assessment of statistical predictions (1974);
    Breiman et al., Classification and regression trees (1984), section 3.4.3, for the standard
    error, here of the difference to the best.

    >>> import tfsoftmax
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(200, 2)).astype(np.float32)
    >>> dataset = tfsoftmax.from_arrays(rows, rows[:, 0] > 0, name="easy")
    >>> chosen = choose_l2(dataset, Recipe(epochs=20))
    >>> chosen.l2 < chosen.usual
    True
    """
    parts, scored = parts_to_hold_out(dataset, recipe)
    if not scored:
        return None
    held_out = held_out_rows(dataset, parts, recipe.seed)[:scored]
    sample = cache(lambda: sample_of(dataset, recipe))
    usual = l2_of(recipe, dataset, sample)
    tried = _strengths(usual, len(dataset.train))
    recipes = [resolve(recipe.but(l2=l2), dataset, sample) for l2 in tried]
    losses = held_out_losses(dataset, recipes, held_out, on_progress)
    means = tuple(float(mean) if np.isfinite(mean) else None for mean in losses.mean(axis=1))
    l2 = tried[_nearest_of_the_best(losses, tried.index(usual))]
    return ChosenL2(l2, usual, tried, means, losses.shape[1])


def parts_to_hold_out(dataset: Dataset, recipe: Recipe) -> tuple[int, int]:
    """Into how many parts `choose_l2` deals the training rows, and how many it holds out in turn.

    Args:
      dataset: as for `choose_l2`.
      recipe: as for `choose_l2`.

    Returns:
      Both; the second is 0 where nothing is chosen.

    Raises:
      DataError: as `choose_l2`.
    """
    if recipe.l2 not in (None, "auto"):
        return _PARTS, 0
    counts = np.bincount(np.asarray(dataset.train.labels))
    fewest = int(counts[counts > 0].min())
    if recipe.l2 == "auto":
        parts = min(_PARTS, fewest)
        if parts < 2:
            raise DataError(
                f"{dataset.name}: a class has a single training row, which cannot be held out to "
                "choose " + setting("l2") + " by: give a number, or add rows"
            )
        return parts, parts
    if fewest < _PARTS or not _may_choose(dataset, recipe):
        return _PARTS, 0
    return _PARTS, _quick_parts(dataset, recipe)


def _may_choose(dataset: Dataset, recipe: Recipe) -> bool:
    """Whether held-out rows, which all count the same, say what is best for a recipe."""
    weighted = recipe.class_weight is not None or dataset.train.weights is not None
    return not weighted and not recipe.l1 and recipe.solver == "sgd"


def _strengths(usual: float, n_samples: int) -> tuple[float, ...]:
    """What to try."""
    least = 0.0 if n_samples >= _FEWEST_ROWS else 1.0
    times = (each for each in _TIMES if each >= least)
    return tuple(usual if each == 1 else float(f"{usual * each:.2g}") for each in times)


def _quick_parts(dataset: Dataset, recipe: Recipe) -> int:
    """How many of the parts it is quick to hold out in turn; 0 if not even one."""
    model = SoftmaxRegression(dataset.spec)
    row = numbers_a_row(model, dataset.train) * dataset.spec.n_classes
    if taken_sparse(dataset.train.features, dataset.spec):
        row *= _SPARSE_ENTRY
    n_samples = len(dataset.train)
    part = len(_TIMES) * recipe.epochs_for(n_samples) * n_samples * (row + _ROW)
    return int(min(_PARTS, _QUICK // part))


def _nearest_of_the_best(losses: np.ndarray, usual: int) -> int:
    """The strength that is as good as the best, as far as can be told, and nearest to the usual.

    Args:
      losses: of the held-out rows, ``[n_strengths, n_held_out]``.
      usual: index of the usual strength, which is returned if it diverged.
    """
    ended = np.flatnonzero(np.isfinite(losses).all(axis=1))
    if usual not in ended:
        return usual
    best = ended[np.argmin(losses[ended].mean(axis=1))]
    worse = losses[ended] - losses[best]
    errors = worse.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    as_good = ended[worse.mean(axis=1) <= errors]
    return int(as_good[np.argmin(np.abs(as_good - usual))])
