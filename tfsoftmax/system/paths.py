"""Paths as people type them, and what is there: only regular files and folders are read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from tfsoftmax.errors import UsageError

# Files that the system makes up while they are read, some of them without end.
_MADE_UP = ("/proc/", "/sys/")
_NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def user_path(path: str | os.PathLike[str]) -> Path:
    """A path in which ``~`` and ``~name`` stand for home folders.

    Raises:
      UsageError: if there is no such user, or this user has no home folder.

    >>> user_path("data/flowers.csv")
    PosixPath('data/flowers.csv')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = Path(path).parts[0].removeprefix("~")
        if user:
            raise UsageError(
                f"{path}: there is no user {user!r}; write ./~{user} if that is what it is called"
            ) from error
        raise UsageError(
            f"{path}: no home folder is known; set HOME, or give a path without ~"
        ) from error


def what_is_at(path: Path) -> str:
    """What is at a path, links followed: ``"a file"``, ``"a folder"``, ``"nothing"``, or else.

    Raises:
      OSError: if that cannot be found out.

    >>> what_is_at(Path("/")), what_is_at(Path("/dev/null")), what_is_at(Path("/proc/cpuinfo"))
    ('a folder', 'a device', 'a file of the system')
    """
    try:
        mode = path.stat().st_mode
    except ValueError:  # a zero byte
        return "nothing"
    except OSError as error:
        if error.errno in _NOTHING:
            return "nothing"
        raise
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISREG(mode):
        made_up = os.path.realpath(path).startswith(_MADE_UP)
        return "a file of the system" if made_up else "a file"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def check_regular(path: Path) -> None:
    """Makes sure that a path, if anything is there, can be read to an end.

    Raises:
      OSError: if it is a pipe, a device, a socket or a file that the system makes up.
    """
    found = what_is_at(path)
    if found not in ("a file", "a folder", "nothing"):
        raise OSError(errno.EINVAL, f"it is {found}; only regular files and folders are read")
