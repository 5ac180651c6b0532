"""Early stopping: when to stop, and which epoch to go back to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tfsoftmax.metrics import Evaluation
from tfsoftmax.training.recipe import Recipe


@dataclass
class EarlyStopping:
    """Follows one figure of the validation rows, and keeps the parameters of its best epoch.

    Attributes:
      metric: the figure of `Evaluation`; a log-loss should fall, all others should rise.
      patience: epochs without a better figure before it is time to stop.
      min_delta: how much better it must be to count.
      best, best_epoch: the best figure so far and its epoch, from 1.
      parameters: of that epoch, W and b.

    Reference: Prechelt, Early stopping, but when? (1998), the criterion UP.

    >>> stopping = EarlyStopping("accuracy", patience=2)
    >>> [stopping.update(epoch, Evaluation(np.diag([right, 4]) + np.eye(2)[::-1], 0.3), [])
    ...  for epoch, right in enumerate((5, 7, 6, 7), start=1)], stopping.best_epoch
    ([False, False, False, True], 2)
    """

    metric: str
    patience: int
    min_delta: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    parameters: list[np.ndarray] | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> EarlyStopping | None:
        """Early stopping as the recipe asks for it; None if the recipe trains to the end."""
        if recipe.early_stopping is None:
            return None
        return cls(recipe.early_stopping, recipe.patience, recipe.min_delta)

    def update(self, epoch: int, validation: Evaluation, parameters: list[np.ndarray]) -> bool:
        """Records the figures of an epoch.

        Args:
          epoch: from 1.
          validation: how good the model is after it.
          parameters: of the model then.

        Returns:
          Whether it is time to stop.
        """
        found = getattr(validation, self.metric)
        sign = 1 if self.metric == "log_loss" else -1
        if self.best is None or sign * (self.best - found) > self.min_delta:
            self.best, self.best_epoch, self.parameters = found, epoch, parameters
        return self.should_stop(epoch)

    def should_stop(self, epoch: int) -> bool:
        """Whether it is time to stop after an epoch."""
        return epoch - self.best_epoch >= self.patience

    def resumed(self, saved: dict[str, Any], parameters: list[np.ndarray] | None) -> EarlyStopping:
        """A copy in the state that `to_json` saved.

        Raises:
          ValueError, KeyError, TypeError: if `saved` is not such a state.
        """
        best = None if parameters is None else float(saved["best"])
        return replace(self, best=best, best_epoch=int(saved["best_epoch"]), parameters=parameters)

    def to_json(self) -> dict[str, Any]:
        """Everything but the parameters, JSON-ready."""
        return {key: value for key, value in asdict(self).items() if key != "parameters"}
