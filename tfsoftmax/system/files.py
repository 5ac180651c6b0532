"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfsoftmax.system.locks import Lock, hold, take_over

_STAGING = ".staging-"
_MADE = re.compile(r"\.staging-[a-z0-9_]{8}")
# In a staging folder: held while its process lives, and without it nothing is removed.
_MARKER = ".tfsoftmax-staging"
_CONTENT = "content"


@contextmanager
def staged_folder(parent: Path) -> Iterator[Path]:
    """A new hidden folder below `parent` to write into, gone again when the block ends.

    Whoever wants to keep what was written moves it away, with `sync_tree` and then
    ``os.rename``, before the block ends; the rename is atomic, as both lie below `parent`.
    A block that fails leaves nothing: neither the folder nor parents made for it. What
    killed processes left of such folders in `parent` is removed.

    Raises:
      OSError: if `parent` cannot be made or written.
    """
    missing = _missing_folders(parent)
    staging: Path | None = None
    lock: Lock | None = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        remove_dead_staging(parent)
        while lock is None:
            staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=parent))
            with suppress(FileNotFoundError):  # Still empty, it looked dead to another process.
                lock = hold(staging / _MARKER)
        assert staging
        # mkdtemp's folders are private; what is kept must be readable by a server that
        # runs as another user, as far as the user's umask lets it.
        (staging / _CONTENT).mkdir()
        yield staging / _CONTENT
    finally:
        if staging:
            _discard(staging, lock)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def remove_dead_staging(parent: Path) -> None:
    """Removes what killed processes left of `staged_folder` in a folder.

    Folders of processes that are alive stay, and so does all that is not from here.
    """
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(_STAGING) and entry.is_dir(follow_symlinks=False):
                staging = Path(entry.path)
                if lock := take_over(staging / _MARKER):
                    _discard(staging, lock)
                elif _MADE.fullmatch(entry.name):
                    # Killed before there was a marker, or after: then it is empty.
                    with suppress(OSError):
                        staging.rmdir()


def _discard(staging: Path, lock: Lock | None) -> None:
    # The marker goes last: without it nobody would remove the rest.
    shutil.rmtree(staging / _CONTENT, ignore_errors=True)
    if lock:
        lock.release()
    # Removing opens folders, and the lock's file may have been one too many.
    shutil.rmtree(staging / _CONTENT, ignore_errors=True)
    with suppress(OSError):
        (staging / _MARKER).unlink(missing_ok=True)
        staging.rmdir()


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there whole, in the place of one of its name, or not at all.

    Raises:
      OSError: naming it, if it cannot be written.
    """
    try:
        with staged_folder(path.parent) as staging:
            (staging / path.name).write_bytes(content)
            sync_tree(staging)
            (staging / path.name).rename(path)
            _sync(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync_tree(folder: Path) -> None:
    """Forces every file and folder below `folder`, and itself, onto the disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            _sync(Path(place, name))
        _sync(Path(place))


def check_writable(folder: Path) -> None:
    """Finds out now what would fail later: whether files can be made in `folder`.

    Raises:
      OSError: if they cannot; nothing is left behind either way.
    """
    try:
        with staged_folder(folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _missing_folders(folder: Path) -> list[Path]:
    """`folder` and those of its parents that do not exist, innermost first."""
    lineage = [folder.absolute(), *folder.absolute().parents]
    return [place for place in lineage if not place.exists()]


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle to a folder that could be synced.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
