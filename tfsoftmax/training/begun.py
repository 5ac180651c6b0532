"""How a saved run began, as far as one that resumes it takes that over."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tfsoftmax.spec import Scaling
from tfsoftmax.training.checkpoint import Snapshot
from tfsoftmax.training.penalty import ChosenL2


class Begun(NamedTuple):
    """What a run found before its first step, and one that resumes it does not find again.

    Attributes:
      dataset: the checksum of its data.
      scaling: of the features; None if none was found.
      chosen_l2: how l2 was chosen; None where it was not.
      learning_rate: that it began with; None where no step takes one.
    """

    dataset: str
    scaling: Scaling | None
    chosen_l2: ChosenL2 | None
    learning_rate: float | None

    @classmethod
    def of(cls, snapshot: Snapshot) -> Begun:
        """Reads how a run began from a snapshot of it.

        Raises:
          ValueError, KeyError, TypeError, AttributeError, OverflowError: if it has none.
        """
        identity, chosen = snapshot.facts["identity"], snapshot.facts.get("chosen_l2")
        # Older checkpoints have no scaling; Newton's steps alone have no learning rate.
        scaling, rate = identity.get("scaling"), identity["recipe"]["learning_rate"]
        return cls(
            identity["dataset"],
            None if scaling is None else _finite(Scaling.from_json(scaling)),
            None if chosen is None else ChosenL2.from_json(chosen),
            None if rate in (None, "auto") else _positive(float(rate)),
        )


def _finite(scaling: Scaling) -> Scaling:
    for numbers in (scaling.offset, scaling.scale, scaling.fill, scaling.limit):
        if numbers is not None and not np.isfinite(numbers).all():
            raise ValueError("its scaling is not finite")
    return scaling


def _positive(rate: float) -> float:
    if not 0 < rate < math.inf:
        raise ValueError(f"a learning rate of {rate}")
    return rate
