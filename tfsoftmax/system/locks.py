"""Files that one process at a time holds, and lets go of however it ends.

The operating system releases such a lock when its process dies, even of ``kill -9``; so a
file that says it is held, and is not, was left by a process that is gone.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

_HELD = re.compile(rb"held by tfsoftmax, process (\d+)\n")


class Lock:
    """A file that this process holds; `hold` and `take_over` make one."""

    def __init__(self, path: Path, descriptor: int):
        self._path, self._descriptor = path, descriptor

    def release(self) -> None:
        """Lets go of the file, and removes it."""
        # First, as long as nobody else can hold it; Windows removes no file that is open.
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        if os.name == "nt":
            with suppress(OSError):
                self._path.unlink()


def hold(path: Path) -> Lock:
    """Holds a file, which is made if it is missing; it says who holds it.

    Where the file system knows no locks there is none, and nobody is kept out.

    Raises:
      BlockingIOError: if another process holds it, or another part of this one.
      OSError: if the file cannot be written.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                _lock(descriptor)
            except BlockingIOError:
                raise
            except OSError:
                pass
            if _is_at(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, b"held by tfsoftmax, process %d\n" % os.getpid())
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # Its holder removed it just now.


def take_over(path: Path) -> Lock | None:
    """Holds what a dead process held; None if that is not known for certain."""
    if holder(path) is None:
        return None
    descriptor = None
    try:
        descriptor = os.open(path, os.O_RDWR)
        _lock(descriptor)
        if _is_at(path, descriptor):
            return Lock(path, descriptor)
    except OSError:  # alive, or somebody else's, or there are no locks
        pass
    if descriptor is not None:
        os.close(descriptor)
    return None


def holder(path: Path) -> int | None:
    """The process that a file says it is held by; None if it says no such thing."""
    try:
        with path.open("rb") as file:
            found = _HELD.fullmatch(file.read(100))
    except OSError:
        return None
    return int(found[1]) if found else None


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        # Far behind the content, which others may read.
        os.lseek(descriptor, 2**30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
