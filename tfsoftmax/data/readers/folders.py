"""Files of a source: the one at its path, or those in the folder there."""

from __future__ import annotations

import os
from pathlib import Path

from tfsoftmax.errors import DataError
from tfsoftmax.system.paths import describe_path


def check_file(path: Path, name: str) -> None:
    """Makes sure that there is a file at a path.

    Raises:
      DataError: if there is none, or something else.
    """
    found = describe_path(path)
    if found != "a file":
        raise DataError(f"{name}: expected a file, found {found}")


def files_at(path: Path, name: str, pattern: str) -> list[Path]:
    """The file at a path, or those in the folder there whose names are of a pattern, by name.

    Raises:
      DataError: if there are none, or a link leads out of the folder.
    """
    found = describe_path(path)
    if found == "a file":
        return [path]
    if found != "a folder":
        raise DataError(f"{name}: expected a file or a folder of {pattern} files, found {found}")
    files = []
    for file in sorted(path.glob(pattern)):
        check_link(file, path, name)
        if not file.is_dir():
            check_file(file, f"{name}: {file.name}")
            files.append(file)
    if not files:
        raise DataError(f"{name}: no {pattern} file in this folder")
    return files


def check_link(path: Path, root: Path, name: str) -> None:
    """Makes sure that a path below a folder, if it is a link, stays in the folder.

    Raises:
      DataError: if it leads out of it, or nowhere.
    """
    if not path.is_symlink():
        return
    target = Path(os.path.realpath(path))  # Path.resolve() raises an error for a link to itself.
    if not target.is_relative_to(os.path.realpath(root)):
        raise DataError(f"{name}: {path} is a link that leads out of the folder; copy the file")
    if not target.exists() or target.is_symlink():
        raise DataError(f"{name}: {path} is a link that leads nowhere; remove it")
