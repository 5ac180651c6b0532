"""Which approximate inverse of the Hessian suits which rows."""

from __future__ import annotations

from tfsoftmax.training.newton.diagonal import OfEntries
from tfsoftmax.training.newton.passes import Passes
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.principal import AllRows, is_wide
from tfsoftmax.training.newton.small import SmallPasses
from tfsoftmax.training.newton.sparse import SparsePasses
from tfsoftmax.training.newton.uniform import UniformFirst, UniformOfSome, has_many_classes
from tfsoftmax.training.objective import Objective


def draw_for(
    objective: Objective,
    passes: Passes,
    n_inputs: int,
    l1: float,
    seed: int,
    starts_at_0: bool = False,
) -> Draw:
    """What makes the inverses for some rows.

    Args:
      objective: what is minimised.
      passes: over the training rows.
      n_inputs: of each.
      l1: strength of the penalty on magnitudes: with it not all parameters are free to move.
      seed: for what is drawn.
      starts_at_0: whether the first one is made where all weights are 0.
    """
    rows = passes.rows
    if isinstance(passes, SparsePasses):
        return OfEntries(objective, passes, seed)
    if rows.workers.count > 1:
        # What others are made of takes all rows in one process.
        return Draw(objective, rows, seed)
    if not l1 and is_wide(rows.n_samples, n_inputs, rows.n_classes):
        return AllRows(objective, rows, seed)
    if isinstance(passes, SmallPasses):
        return UniformFirst(objective, passes, seed)
    if starts_at_0 and not l1 and has_many_classes(n_inputs, rows.n_classes):
        return UniformOfSome(objective, rows, seed)
    return Draw(objective, rows, seed)
