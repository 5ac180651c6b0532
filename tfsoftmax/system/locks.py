"""Lock files: only one process at a time can hold one.

The operating system releases a lock when its process ends, even after ``kill -9``. So a lock
file that names a process but is not locked was left behind by a process that was killed.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

_HOLDER = re.compile(rb"held by tfsoftmax, process (\d+)\n")


class Lock:
    """A lock file held by this process; returned by `acquire` and `acquire_abandoned`."""

    def __init__(self, path: Path, descriptor: int):
        self._path, self._descriptor = path, descriptor

    def release(self) -> None:
        """Removes the file and releases the lock."""
        # Removed while still locked, so that no other process can acquire it in between. Windows
        # cannot remove an open file; there it is removed after closing, below.
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        if os.name == "nt":
            with suppress(OSError):
                self._path.unlink()


def acquire(path: Path) -> Lock:
    """Locks a file, creates it if it is missing, and writes this process's id into it.

    On a file system without locks it excludes nobody.

    Raises:
      BlockingIOError: if the file is locked already, by this process or another.
      OSError: if the file cannot be written.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                _lock(descriptor)
            except BlockingIOError:
                raise
            except OSError:  # The file system has no locks.
                pass
            if _is_same_file(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, b"held by tfsoftmax, process %d\n" % os.getpid())
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # The process that held it has just removed it: try again.


def acquire_abandoned(path: Path, *, or_empty: bool = False) -> Lock | None:
    """Locks the lock file of a process that has ended; None unless that is certain.

    Args:
      path: the lock file.
      or_empty: take an empty file for one, too: a process was killed before it wrote its id.
    """
    if holder_pid(path) is None and not (or_empty and _is_empty(path)):
        return None
    descriptor = None
    try:
        descriptor = os.open(path, os.O_RDWR)
        _lock(descriptor)
        if _is_same_file(path, descriptor):
            return Lock(path, descriptor)
    except OSError:  # The process is alive, the file is another user's, or there are no locks.
        pass
    if descriptor is not None:
        os.close(descriptor)
    return None


def holder_pid(path: Path) -> int | None:
    """Reads the process id in a lock file; None if it is not a lock file of this package."""
    try:
        with path.open("rb") as file:
            found = _HOLDER.fullmatch(file.read(100))
    except OSError:
        return None
    return int(found[1]) if found else None


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        # Windows locks bytes: lock one far beyond the content, which others may read.
        os.lseek(descriptor, 2**30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
