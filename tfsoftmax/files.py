"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STAGING = ".staging-"


@contextmanager
def staged_folder(parent: Path) -> Iterator[Path]:
    """A new hidden folder in `parent` to write into, gone again when the block ends.

    Whoever wants to keep what was written moves it away, with `sync_tree` and then
    ``os.rename``, before the block ends; the rename is atomic, as both lie in `parent`.
    A block that fails leaves nothing: neither the folder nor parents made for it.

    Raises:
      OSError: if `parent` cannot be made or written.
    """
    missing = _missing_folders(parent)
    staging = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=parent))
        # mkdtemp's folders are private; what is kept must be readable by a server that
        # runs as another user, as far as the user's umask lets it.
        staging.chmod(0o777 & ~_umask())
        yield staging
    finally:
        if staging:
            shutil.rmtree(staging, ignore_errors=True)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def remove_staging(parent: Path) -> None:
    """Removes what killed processes left of `staged_folder` in a folder nobody else uses."""
    for leftover in parent.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there whole, in the place of one of its name, or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    with staged_folder(path.parent) as staging:
        (staging / path.name).write_bytes(content)
        sync_tree(staging)
        (staging / path.name).rename(path)
        _sync(path.parent)


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
    with staged_folder(folder):
        pass


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


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
