"""What happens to a trained model if a command fails before it is exported."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsoftmax.errors import ExportError, TfsoftmaxError
from tfsoftmax.messages import message_of

if TYPE_CHECKING:
    from tfsoftmax import Checkpoints, FitResult


@contextmanager
def never_lost(
    trained: FitResult, output_dir: Path, name: str, checkpoints: Checkpoints | None = None
) -> Iterator[dict[str, Any]]:
    """Yields the record to be filled in; if the block fails, the model is kept elsewhere.

    Ctrl-C is a wish, and no failure.

    Raises:
      ExportError: in the place of what the block raised; it says where the model is.
    """
    record: dict[str, Any] = {}
    try:
        yield record
    except Exception as error:
        from tfsoftmax.export.rescue import rescue

        elsewhere = [output_dir, output_dir.absolute().parent]
        elsewhere += [checkpoints.folder] if checkpoints else []
        elsewhere += [Path.cwd(), Path(tempfile.gettempdir())]
        path = rescue(trained.model, name, record, elsewhere)
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
