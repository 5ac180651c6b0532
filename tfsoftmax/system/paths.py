"""Paths as users type them, and checks that they lead to regular files or folders."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from tfsoftmax.errors import UsageError

# Folders whose files the system generates while they are read, some of them endlessly.
_SYSTEM_FOLDERS = ("/proc/", "/sys/")
_NOT_FOUND_ERRORS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def user_path(path: str | os.PathLike[str]) -> Path:
    """Replaces ``~`` and ``~name`` at the start of a path by home folders.

    Raises:
      UsageError: if there is no such user, or the user has no home folder.

    >>> user_path("data/flowers.csv")
    PosixPath('data/flowers.csv')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = Path(path).parts[0].removeprefix("~")
        if user:
            raise UsageError(
                f"{path}: there is no user {user!r}; for a file of that name write ./~{user}"
            ) from error
        raise UsageError(
            f"{path}: no home folder is known; set HOME, or give a path without ~"
        ) from error


def describe_path(path: Path) -> str:
    """Says what a path leads to, after following links.

    Returns:
      ``"a file"``, ``"a folder"``, ``"a pipe"``, ``"a socket"``, ``"a device"``,
      ``"a file of the system"`` (in ``/proc`` or ``/sys``), or ``"nothing"``.

    Raises:
      OSError: if the path cannot be examined, for lack of permission for example.

    >>> [describe_path(Path(path)) for path in ("/", "/dev/null", "/proc/cpuinfo")]
    ['a folder', 'a device', 'a file of the system']
    """
    try:
        mode = path.stat().st_mode
    except ValueError:  # The path contains a zero byte.
        return "nothing"
    except OSError as error:
        if error.errno in _NOT_FOUND_ERRORS:
            return "nothing"
        raise
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISREG(mode):
        of_system = os.path.realpath(path).startswith(_SYSTEM_FOLDERS)
        return "a file of the system" if of_system else "a file"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def check_regular(path: Path) -> None:
    """Checks that a path leads to a regular file, a folder or nothing.

    Raises:
      OSError: if it is a pipe, a device, a socket or a file of the system, which could be
        endless or never answer.
    """
    found = describe_path(path)
    if found not in ("a file", "a folder", "nothing"):
        raise OSError(errno.EINVAL, f"it is {found}; only regular files and folders are read")
