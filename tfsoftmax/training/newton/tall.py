"""Where Newton's steps begin on many rows of few numbers: at the optimum of a twentieth of them.

It is as far from the optimum of all as the rows' noise is, which SGD would take several epochs to
come to, and one or two of Newton's steps lead on from there.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import features_of
from tfsoftmax.system.threads import one_thread
from tfsoftmax.training.newton.newton import Newton
from tfsoftmax.training.newton.passes import Joint
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.which_passes import passes_over
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.seeds import START_STREAM

_ONE_OF = 20
_ROWS_A_PARAMETER = 1000
# With fewer rows of a class its bias would lead far away.
_FEWEST_OF_A_CLASS = 10
_MOST_STEPS = 30


def is_tall(split: Split, n_inputs: int, n_classes: int, memory_limit: int) -> bool:
    """Whether rows are so many for their numbers that some of them say nearly as much as all.

    Args:
      split: the rows.
      n_inputs: of each.
      n_classes: of their labels.
      memory_limit: bytes of features in memory at a time: reading some from a file reads all.

    >>> rows = Split(np.zeros((20_000, 4), np.uint8), np.zeros(20_000, np.int32))
    >>> is_tall(rows, 4, 2, 2**30), is_tall(rows, 4, 5, 2**30), is_tall(rows, 4, 2, 2**10)
    (True, False, False)
    """
    in_memory = len(split) * features_of(split.features).row_bytes <= memory_limit
    return in_memory and len(split) >= _ROWS_A_PARAMETER * n_classes * (n_inputs + 1)


def start_from_some(
    objective: Objective, split: Split, weights: np.ndarray, recipe: ResolvedRecipe, start: Joint
) -> Joint:
    """The optimum of rows that are drawn, about: as near as their number lets it be to that of all.

    In the mean the objective of all rows is ``n_parameters / (2 n)`` higher at the optimum of n of
    them than at its own, so no step that gains less is taken.

    Args:
      objective: what is minimised.
      split: the rows.
      weights: what each counts.
      recipe: with an l2, and no l1.
      start: returned where the drawn rows have too few of a class.

    Reference: van der Vaart, Asymptotic statistics (1998), section 5.6, for the mean.
    """
    n_samples, n_classes = len(split), len(start)
    generator = np.random.default_rng([recipe.seed, START_STREAM])
    drawn = np.sort(generator.choice(n_samples, n_samples // _ONE_OF, replace=False))
    some = split.take(drawn)
    if np.bincount(some.labels, minlength=n_classes).min() < _FEWEST_OF_A_CLASS:
        return start
    rows = Rows(some, weights[drawn], n_classes, recipe.memory_limit)
    passes = passes_over(objective, rows, recipe.xla)
    newton = Newton(passes, Draw(objective, rows, recipe.seed), recipe.l2, start)
    noise = start.size / (2 * len(drawn))
    with one_thread() if rows.few else nullcontext():
        for _ in range(_MOST_STEPS):
            before = newton.objective
            newton.step(noise / before)
            if before - newton.objective <= noise:
                break
    return newton.state.parameters
