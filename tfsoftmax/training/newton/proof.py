"""``Proof``: how far from the optimum a run ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Proof:
    """How far from the optimum a run ended.

    Attributes:
      objective: that training minimises, at the model's W and b, in nats.
      gap: what it is above its minimum, at most.
      relative_gap: the same as a share of the objective.
      steps: of Newton's method.
      passes: over the training rows that these took; more where the run was resumed.
    """

    objective: float
    gap: float
    relative_gap: float
    steps: int
    passes: float

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every field."""
        return asdict(self)
