"""Saves a trained model that could not be exported wherever there is room for it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.errors import ModelError, TfsoftmaxError
from tfsoftmax.export.metadata import RESCUED
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Spec
from tfsoftmax.system.files import write_atomically
from tfsoftmax.training.checkpoint import DAMAGE, Snapshot


def rescue(
    model: SoftmaxRegression, name: str, record: dict[str, Any], folders: Iterable[Path]
) -> Path | None:
    """Saves a model in the first of some folders that can be written.

    Args:
      model: its W, b and spec are saved.
      name: of the model, and of the file.
      record: how it was made, as far as that is known; JSON-ready.
      folders: in the order they are to be tried.

    Returns:
      The new file, which `RescuedModel` reads; None if no folder can be written.
    """
    facts = {"name": name, "spec": model.spec.to_json(), "record": record}
    content = Snapshot(facts, {"W": model.W, "b": model.b}).to_bytes()
    for folder in folders:
        names = (f"{name}{f'-{number}' if number else ''}{RESCUED}" for number in count())
        path = next(folder / one for one in names if not (folder / one).exists())
        try:
            write_atomically(path, content)
        except OSError:
            continue
        return path.absolute()
    return None


class RescuedModel(Predictor):
    """A model that `rescue` saved.

    Attributes:
      description: the model's name, spec and record, as ``tfsoftmax.json`` has them.
    """

    def __init__(self, path: Path):
        """Reads it.

        Raises:
          ModelError: if it is not such a file, or damaged.
        """
        self.path = path
        try:
            facts, arrays = Snapshot.from_bytes(path.read_bytes())
            self.spec = Spec.from_json(facts["spec"])
            self.description = {"name": str(facts["name"]), **dict(facts["record"])}
            self._model = SoftmaxRegression(self.spec)
            for variable, array in zip(
                self._model.parameters, (arrays["W"], arrays["b"]), strict=True
            ):
                variable.assign(array)
        except (OSError, TfsoftmaxError, *DAMAGE) as error:
            raise ModelError(f"{path}: no model that was rescued ({error})") from error

    def model(self) -> SoftmaxRegression:
        """The model as it was trained."""
        return self._model

    def raw_probabilities(self, examples: np.ndarray) -> np.ndarray:
        """Probability of each class, as `RowClassifier.raw_probabilities`."""
        return self._model.raw_probabilities(examples)
