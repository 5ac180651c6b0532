"""What every exported model can be asked, whichever runtime answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from tfsoftmax.errors import ModelError
from tfsoftmax.spec import Spec


class Predictor(ABC):
    """An exported model, loaded in its own runtime.

    Attributes:
      path: where it was loaded from.
      spec: what goes in and what comes out.
    """

    path: Path
    spec: Spec

    @abstractmethod
    def probabilities(self, examples: np.ndarray) -> np.ndarray:
        """Probability of each class.

        Args:
          examples: raw, ``[n, *example_shape]`` in the spec's dtype; n is at least 1.

        Returns:
          float32 ``[n, n_classes]``.
        """

    def unusable(self, error: BaseException) -> ModelError:
        """The error for an artefact this class cannot run, in one line."""
        text = str(error.args[0] if isinstance(error, KeyError) else error)
        line = next((part.strip() for part in text.splitlines() if part.strip()), "")
        return ModelError(
            f"{self.path}: not a model made by tfsoftmax ({line or type(error).__name__})"
        )

    def check_fit(self, spec: Spec, shape: tuple[int, ...], dtype: str, n_classes: int) -> None:
        """Compares what an artefact says of itself with what its graph takes.

        Raises:
          ModelError: if they differ.
        """
        said = (tuple(spec.example_shape), spec.dtype, spec.n_classes)
        found = (tuple(shape), dtype, n_classes)
        if said != found:
            raise self.unusable(
                ValueError(f"its metadata says {said}, its graph {found}: shape, type, classes")
            )
