"""Numbered version folders, as TensorFlow Serving polls them: complete or absent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfsoftmax.errors import ExportError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.system.files import check_writable, staging_folder, sync_tree

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]*")


def model_folder(output_dir: Path, name: str) -> Path:
    """The folder of all versions of a model.

    Raises:
      UsageError: if the name is not one plain folder name, or the folder's is no text, which
        TensorFlow cannot write to.

    >>> model_folder(Path("savedmodels"), "mnist5k").as_posix()
    'savedmodels/mnist5k'
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a model: use letters, digits, '.', '_' and '-', starting "
            "with a letter or digit"
        )
    if not is_text(str(output_dir.absolute())):
        raise UsageError(
            f"{str(output_dir)!r}: has bytes in its name that are no text (UTF-8), and TensorFlow "
            "cannot write there; choose another folder with " + setting("output_dir")
        )
    return output_dir / name


def is_text(name: str) -> bool:
    r"""Whether a name can be written as UTF-8, as names of files that are no text cannot.

    >>> is_text("\u00fc"), is_text("\udcff")
    (True, False)
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def versions(folder: Path) -> list[int]:
    """The version numbers in a model's folder, smallest first."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal())


@contextmanager
def new_version(folder: Path) -> Iterator[NewVersion]:
    """A folder to write the next version into, published when the block succeeds.

    What was written is forced to the disk and then renamed to the next free integer, so
    a server that polls `folder` sees a complete version or none. If the block fails nothing
    is left.

    Raises:
      ExportError: if the folder cannot be written.
    """
    try:
        with staging_folder(folder) as staging:
            version = NewVersion(staging)
            yield version
            sync_tree(staging)
            version.path = _publish(staging, folder)
    except OSError as error:
        raise ExportError(_not_writable(folder, error)) from error


class NewVersion:
    """A version in the making.

    Attributes:
      staging: where to write.
      path: the published folder, once the block has ended.
    """

    def __init__(self, staging: Path):
        self.staging = staging
        self.path: Path = staging


def check_output(folder: Path) -> None:
    """Finds out before training whether a version could be written afterwards.

    Raises:
      ExportError: if not.
    """
    try:
        check_writable(folder)
    except OSError as error:
        raise ExportError(_not_writable(folder, error)) from error


def _publish(staging: Path, folder: Path) -> Path:
    while True:
        target = folder / str(max(versions(folder), default=0) + 1)
        try:
            os.rename(staging, target)
        except OSError:
            if not target.exists():
                raise
            continue  # Another process took the number first.
        return target


def _not_writable(folder: Path, error: OSError) -> str:
    return (
        f"cannot write to {folder}: {error.strerror or error}; choose another folder with "
        + setting("output_dir")
    )
