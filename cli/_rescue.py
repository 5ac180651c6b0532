"""What happens to a trained model if a command fails before it is exported."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tfsoftmax.errors import ExportError, TfsoftmaxError
from tfsoftmax.messages import message_of

if TYPE_CHECKING:
    from tfsoftmax import Checkpoints, SoftmaxRegression


@contextmanager
def never_lost(
    model: SoftmaxRegression, output_dir: Path, name: str, checkpoints: Checkpoints | None = None
) -> Iterator[None]:
    """If the block fails, the model is saved elsewhere, with its record as far as it got.

    Ctrl-C is no failure: what it stops is not saved.

    Raises:
      ExportError: instead of what the block raised; it says where the model is.
    """
    try:
        yield
    except Exception as error:
        from tfsoftmax.export.rescue import rescue

        elsewhere = [output_dir, output_dir.absolute().parent]
        elsewhere += [checkpoints.folder] if checkpoints else []
        elsewhere += [Path.cwd(), Path(tempfile.gettempdir())]
        record = model.record.to_json() if model.record else {}
        path = rescue(model, name, record, elsewhere)
        if path is None:
            kept = "the trained model could not be kept anywhere"
        else:
            again = shlex.join(["tfsoftmax", "export", str(path), "--output-dir", "DIR"])
            kept = f"the trained model is kept in {path}: '{again}' exports it"
        raise ExportError(_said(error) + f"; {kept}") from error


def _said(error: Exception) -> str:
    if isinstance(error, TfsoftmaxError):
        return message_of(error)
    if isinstance(error, MemoryError):
        return "not enough memory to export the model"
    if isinstance(error, OSError) and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return f"{type(error).__name__}: {error}"
