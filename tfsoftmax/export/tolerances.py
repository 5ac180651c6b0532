"""How closely an artefact must answer as the trained model does."""

from __future__ import annotations

from dataclasses import dataclass

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Demand:
    """What is asked of an artefact.

    Attributes:
      tolerance: largest absolute difference of any probability.
      same_class: share of rows on which the most probable class must be the same; where it
        is not 1, one row may differ however few there are.
    """

    tolerance: float = TOLERANCE
    same_class: float = 1.0


EXACT = Demand()
# What fewer bits a weight can keep: half precision has 11 bits, integers 8.
HALF = Demand(tolerance=1e-3, same_class=0.99)
INTEGER = Demand(tolerance=1.0, same_class=0.99)
# What is left of any file in a runtime that rounds as it sees fit.
ROUNDED = INTEGER
