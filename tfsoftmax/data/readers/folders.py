"""The files of a source: the file at its path, or the files in the folder there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfsoftmax.errors import DataError, UnknownDatasetError
from tfsoftmax.system.paths import describe_path


def unexpected(name: str, expected: str, path: Path) -> DataError:
    """The error for a path that leads to something else than it should.

    Args:
      name: of the source.
      expected: what should be there, as in ``"a file"``.
      path: that leads to something else.
    """
    found = describe_path(path)
    kind = UnknownDatasetError if found == "nothing" else DataError
    return kind(f"{name}: expected {expected}, found {found}")


def check_file(path: Path, name: str) -> None:
    """Checks that there is a file at a path.

    Raises:
      DataError: if there is nothing, or something other than a file.
    """
    if describe_path(path) != "a file":
        raise unexpected(name, "a file", path)


def files_at(path: Path, name: str, *patterns: str) -> list[Path]:
    """Lists the file at a path, or the files in the folder there, sorted by name.

    Args:
      path: of the file or folder.
      name: of the source, for messages.
      patterns: of the files in a folder; messages name the first.

    Raises:
      DataError: if there are no such files, or a link leads out of the folder.
    """
    found, pattern = describe_path(path), patterns[0]
    if found == "a file":
        return [path]
    if found != "a folder":
        raise unexpected(name, f"a file or a folder of {pattern} files", path)
    files = []
    for file in sorted({file for each in patterns for file in path.glob(each)}):
        check_link(file, path, name)
        if not file.is_dir():
            check_file(file, f"{name}: {file.name}")
            files.append(file)
    if not files:
        raise DataError(f"{name}: no {pattern} file in this folder")
    return files


def check_same_columns(name: str, columns: Mapping[Path, Sequence[str]]) -> None:
    """Checks that the files of a table have the same columns, in any order.

    Args:
      name: of the source.
      columns: of each file.

    Raises:
      DataError: naming a column that only one file has.
    """
    first = next(iter(columns))
    for file, names in columns.items():
        if odd := set(names) ^ set(columns[first]):
            raise DataError(
                f"{name}: {file.name} and {first.name} have different columns: only one of them "
                f"has {sorted(odd)[0]!r}"
            )


def check_link(path: Path, root: Path, name: str) -> None:
    """Checks that a path below a folder, if it is a link, leads to something in the folder.

    Raises:
      DataError: if it leads out of the folder, or nowhere.
    """
    if not path.is_symlink():
        return
    target = Path(os.path.realpath(path))  # Path.resolve() raises an error for a link to itself.
    if not target.is_relative_to(os.path.realpath(root)):
        raise DataError(f"{name}: {path} is a link that leads out of the folder; copy the file")
    if not target.exists() or target.is_symlink():
        raise DataError(f"{name}: {path} is a link that leads nowhere; remove it")
