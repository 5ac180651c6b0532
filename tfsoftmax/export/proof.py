"""Artefacts written, loaded again and compared with the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tfsoftmax.data.encoded import Cells
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import ExportError, ModelError, UsageError
from tfsoftmax.export.formats import Format, Ingredients
from tfsoftmax.export.parity import Parity, check_parity

T = TypeVar("T")


def write_proven(
    form: Format,
    ingredients: Ingredients,
    path: Path,
    rows: FeaturesLike,
    on_step: Callable[[], None],
    cells: Cells | None = None,
) -> tuple[str, Parity]:
    """Writes an artefact, loads it again and compares it with the model.

    Args:
      form: which one.
      ingredients: what it is made from.
      path: where to write it.
      rows: raw rows ``[n_samples, n_features]`` to ask both.
      on_step: called once it is written.
      cells: of rows of the table that the model encodes, to ask both, too.

    Returns:
      The oldest runtime that runs it, and how it compared.

    Raises:
      UsageError: if it does not suit the model, or lacks its package.
      ExportError: if it cannot be made, or loaded, or disagrees with the model.
      OSError: if it cannot be written.
    """
    content = _attempt("made", lambda: form.make(ingredients))
    path.write_bytes(content)
    on_step()
    predictor = _attempt("loaded again", lambda: form.load(path))
    model = ingredients.exported.model
    parity = _attempt("run", lambda: check_parity(model, predictor, rows, form.demand, cells))
    return form.oldest_runtime(content), parity


def _attempt(what: str, act: Callable[[], T]) -> T:
    try:
        return act()
    except (UsageError, ExportError):
        raise
    # Converters and runtimes have errors of many kinds; all mean that this file is no good.
    except Exception as error:
        reason = error.__cause__ if isinstance(error, ModelError) else None
        lines = str(reason or error).strip().splitlines()
        raise ExportError(f"it cannot be {what}: {(lines or [type(error).__name__])[0]}") from error
