"""Which passes suit which rows."""

from __future__ import annotations

from tfsoftmax.training.newton.drawn import DrawnPasses
from tfsoftmax.training.newton.passes import Passes
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.small import SmallPasses
from tfsoftmax.training.newton.sparse import SparsePasses
from tfsoftmax.training.newton.streamed import StreamedPasses
from tfsoftmax.training.objective import Objective

# Fewer multiplications in a pass than this take less time than compiling for them.
_COMPILE_FROM = 2**24


def passes_over(objective: Objective, rows: Rows, xla: bool) -> Passes:
    """Passes over these rows, in NumPy where they are sparse or few, or reading them in each.

    Args:
      objective: what is minimised.
      rows: the training rows.
      xla: whether XLA may compile passes.
    """
    if rows.sparse:
        return SparsePasses(objective, rows)
    if rows.few:
        return SmallPasses(objective, rows)
    kind = DrawnPasses if rows.in_memory else StreamedPasses
    return kind(objective, rows, xla and rows.multiplications >= _COMPILE_FROM)
