"""Writes files and folders atomically: they appear complete or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfsoftmax.system.locks import Lock, acquire, acquire_abandoned

_STAGING_PREFIX = ".staging-"
# The names that `tempfile.mkdtemp` makes with this prefix.
_STAGING_NAME = re.compile(r"\.staging-[a-z0-9_]{8}")
# The lock file in a staging folder. A folder without it is never emptied.
_LOCK_NAME = ".tfsoftmax-staging"
_CONTENT_NAME = "content"
_MOST_TRIES = 20


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Creates a hidden folder inside `parent` to write to, and deletes it after the block.

    To keep what was written, call `sync_tree` and move it elsewhere in `parent` with
    ``os.rename`` before the block ends; the rename is atomic. If the block fails, nothing is
    left: neither the folder nor any parent created for it. Staging folders that killed
    processes left in `parent` are removed too.

    Raises:
      OSError: if `parent` cannot be created or written to.
    """
    missing = _missing_folders(parent)
    staging: Path | None = None
    lock: Lock | None = None
    try:
        remove_abandoned_staging(parent)
        while lock is None:
            staging = _new_folder(parent)
            # Until it says whose it is, another process may take it for abandoned and remove it.
            with suppress(FileNotFoundError, BlockingIOError):
                lock = acquire(staging / _LOCK_NAME)
        assert staging
        # mkdtemp's folders are private to the user, but a server that runs as another user
        # must be able to read an exported model. So the content has a folder with usual rights.
        (staging / _CONTENT_NAME).mkdir()
        yield staging / _CONTENT_NAME
    finally:
        if staging:
            _discard(staging, lock)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _new_folder(parent: Path) -> Path:
    """Makes a folder in another, which the process that made that one removes if it is empty."""
    tries = 0
    while True:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=parent))
        # `mkdir` says that it exists, of what was removed before it looked what it is.
        except (FileNotFoundError, FileExistsError):
            tries += 1
            if tries == _MOST_TRIES:
                raise


def remove_abandoned_staging(parent: Path) -> None:
    """Removes the staging folders that killed processes left in `parent`.

    Those of running processes stay, and so does everything else in the folder.
    """
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(_STAGING_PREFIX) and entry.is_dir(follow_symlinks=False):
                staging = Path(entry.path)
                if lock := acquire_abandoned(staging / _LOCK_NAME):
                    _discard(staging, lock)
                elif _STAGING_NAME.fullmatch(entry.name):
                    _remove_without_content(staging)


def _remove_without_content(staging: Path) -> None:
    """Removes what a process leaves that was killed before or after it had any content.

    That is an empty folder, or one with an empty lock file; rmdir removes no other.
    """
    with suppress(OSError):
        if os.listdir(staging) == [_LOCK_NAME] and (
            lock := acquire_abandoned(staging / _LOCK_NAME, or_empty=True)
        ):
            lock.release()
        staging.rmdir()


def _discard(staging: Path, lock: Lock | None) -> None:
    # The lock file goes last: without it no later process would remove the rest.
    shutil.rmtree(staging / _CONTENT_NAME, ignore_errors=True)
    if lock:
        lock.release()
    # Again: removing a tree opens files, and with the lock open it may have hit the limit.
    shutil.rmtree(staging / _CONTENT_NAME, ignore_errors=True)
    with suppress(OSError):
        (staging / _LOCK_NAME).unlink(missing_ok=True)
        staging.rmdir()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file completely or not at all, and replaces one of the same name.

    Raises:
      OSError: naming the file, if it cannot be written.
    """
    try:
        with staging_folder(path.parent) as staging:
            (staging / path.name).write_bytes(content)
            sync_tree(staging)
            (staging / path.name).rename(path)
            _sync(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync_tree(folder: Path) -> None:
    """Forces `folder`, and every file and folder in it, onto the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync(Path(parent, name))
        _sync(Path(parent))


def check_writable(folder: Path) -> None:
    """Checks early that files can be created in `folder`; leaves nothing behind.

    Raises:
      OSError: if they cannot.
    """
    try:
        with staging_folder(folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _missing_folders(folder: Path) -> list[Path]:
    """Lists `folder` and its parents as far as they do not exist, innermost first."""
    candidates = [folder.absolute(), *folder.absolute().parents]
    return [candidate for candidate in candidates if not candidate.exists()]


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot sync a folder.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
