"""Checks, before a command trains for hours, that it can write its outputs."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.data.names import locate
from tfsoftmax.errors import UsageError

if TYPE_CHECKING:
    from tfsoftmax import Checkpoints, Spec
    from tfsoftmax.cli._formats import Forms

_log = logging.getLogger("tfsoftmax.cli")


def check_outputs(
    dataset_name: str,
    model: tuple[Path, str] | None,
    forms: Forms,
    files: dict[str, Path | None],
    tensorboard: Path | None = None,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Checks that every output can be written, before anything is trained; leaves no file behind.

    Args:
      dataset_name: as it was typed; it may name a file, which nothing may overwrite.
      model: output folder and name, if one is to be exported.
      forms: the files to export.
      files: paths of other files to write, by the options that name them.
      tensorboard: the folder of event files.
      checkpoints: where the run is saved.

    Raises:
      UsageError: if a format lacks its package, two outputs are the same, or a name is no text.
      click.ClickException, TfsoftmaxError: if one of them cannot be written.
    """
    from tfsoftmax.export.formats import check_formats
    from tfsoftmax.export.versions import check_output, model_folder
    from tfsoftmax.system.files import check_writable

    place = model_folder(*model) if model else None
    named = {option: path for option, path in files.items() if path}
    folders = {
        "--output-dir": place,
        "--tensorboard": tensorboard,
        "--checkpoint-dir": checkpoints.folder if checkpoints else None,
    }
    kept = {option: folder for option, folder in folders.items() if folder}
    _check_text({"--dataset": Path(dataset_name), **named, **kept})
    _check_apart({"--dataset": _source(dataset_name), **named}, kept)
    if place:
        check_formats(forms.formats)
        check_output(place)
    for option, path in named.items():
        with _refusing(option, path):
            check_writable(path.parent)
    if tensorboard:
        with _refusing("--tensorboard", tensorboard):
            check_writable(tensorboard)
    if checkpoints:
        from tfsoftmax.training.checkpoint import check_checkpoints

        with _refusing("--checkpoint-dir", checkpoints.folder):
            check_checkpoints(checkpoints)


@contextmanager
def _refusing(option: str, path: Path) -> Iterator[None]:
    """Names path and option where the system does not let the block write."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        if isinstance(error, FileExistsError):
            reason = "what should be its folder is a file"
        raise click.ClickException(
            f"cannot write to {path}: {reason}; choose another place with {option}"
        ) from error


def note_another_task(folder: Path, spec: Spec) -> None:
    """Logs a note if a model's folder has versions with other examples or classes."""
    from tfsoftmax.export.metadata import FILE_NAME
    from tfsoftmax.export.versions import versions
    from tfsoftmax.spec import Spec

    try:
        latest = folder / str(versions(folder)[-1])
        before = Spec.from_json(json.loads((latest / FILE_NAME).read_bytes())["spec"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return
    differs = [
        word
        for word, field in (("examples", "example_shape"), ("features", "feature_names"),
                            ("classes", "class_names"))
        if getattr(before, field) != getattr(spec, field)
    ]  # fmt: skip
    if differs:
        _log.warning(
            "Note: %s has other %s than these data; a server that watches %s takes the new version "
            "instead: --name keeps them apart",
            latest, " and ".join(differs), folder,
        )  # fmt: skip


class AfterTheModel:
    """Writes files that are less important than the model: an error is raised only at the end."""

    def __init__(self) -> None:
        self._failed: Exception | None = None

    def attempt(self, write: Callable[[], None]) -> None:
        """Calls `write`; keeps the first error for `end`."""
        try:
            write()
        except (OSError, click.ClickException) as error:
            self._failed = self._failed or error

    def end(self) -> None:
        """Raises the first error, if there was one."""
        if self._failed:
            raise self._failed


def _source(dataset_name: str) -> Path:
    return locate(dataset_name).path or Path(os.devnull)


def _check_text(paths: dict[str, Path]) -> None:
    """Refuses paths that are not valid text, which TensorFlow, JSON and the card need."""
    from tfsoftmax.export.versions import is_text

    for option, path in paths.items():
        if not is_text(str(path)):
            raise UsageError(
                f"{option} {str(path)!r}: its name has bytes that are no text; rename it"
            )


def _check_apart(files: dict[str, Path], folders: dict[str, Path]) -> None:
    """Refuses two outputs with one path, and checkpoints among a model's versions."""
    real = {option: Path(os.path.realpath(path)) for option, path in {**files, **folders}.items()}
    for option in files:
        for other, place in real.items():
            if other != option and (place == real[option] or real[option] in place.parents):
                if option == "--dataset" and place != real[option]:
                    continue  # a folder of data, and below it what comes of it
                raise UsageError(
                    f"{option} and {other} are both {real[option]}: give each a path of its own"
                )
    models, runs = real.get("--output-dir"), real.get("--checkpoint-dir")
    if models and runs and (runs == models or models in runs.parents):
        raise UsageError(
            f"--checkpoint-dir {folders['--checkpoint-dir']} is in {folders['--output-dir']}, "
            "which is for the model's versions; name another"
        )
