"""Saves a trained model if a command fails before the model is exported."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tfsoftmax.errors import ExportError, PeerError, TfsoftmaxError
from tfsoftmax.messages import message_of

if TYPE_CHECKING:
    from tfsoftmax import Checkpoints, SoftmaxRegression


@contextmanager
def rescue_on_failure(
    model: SoftmaxRegression, output_dir: Path, name: str, checkpoints: Checkpoints | None = None
) -> Iterator[None]:
    """Saves the model, and the record it has so far, to another folder if the block fails.

    Ctrl-C is no failure, and saves nothing.

    Raises:
      ExportError: in place of the block's own error; it says where the model is.
      PeerError: the same where another worker is gone, as then all can be tried again.
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
        kind = PeerError if isinstance(error, PeerError) else ExportError
        raise kind(_explain(error) + f"; {kept}") from error


def _explain(error: Exception) -> str:
    if isinstance(error, TfsoftmaxError):
        return message_of(error)
    if isinstance(error, MemoryError):
        return "not enough memory to export the model"
    if isinstance(error, OSError) and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return f"{type(error).__name__}: {error}"
