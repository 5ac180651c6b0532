"""Lists the datasets cached on disk, and removes them when the user asks for it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tfsoftmax.system.files import staging_folder

# Written last into each entry. An entry without it is never removed.
_MARKER = "tfsoftmax-kept.json"
_MADE_BY = "tfsoftmax"


@dataclass(frozen=True)
class CacheEntry:
    """One cached dataset.

    Attributes:
      path: the entry's folder.
      source: name of the dataset that was cached; None if the entry has no marker, in which
        case it is never removed.
      bytes: size on disk.
      seconds: age, in seconds.
    """

    path: Path
    source: str | None
    bytes: int
    seconds: float


def write_marker(folder: Path, source: str) -> None:
    """Marks a folder as a cache entry of this package, read from `source`.

    Raises:
      OSError: if it cannot be written.
    """
    content = {"made_by": _MADE_BY, "source": source}
    (folder / _MARKER).write_text(json.dumps(content) + "\n", "utf-8")


def list_entries(folder: Path) -> list[CacheEntry]:
    """Lists the entries of a cache folder, largest first; empty if the folder does not exist.

    Raises:
      OSError: if the folder cannot be read.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        entry_folders = [
            Path(entry.path)
            for entry in found
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        ]
    entries = [
        CacheEntry(path, _source(path), _bytes(path), max(0.0, time.time() - path.stat().st_mtime))
        for path in entry_folders
    ]
    return sorted(entries, key=lambda entry: (-entry.bytes, entry.path))


def remove_entries(entries: list[CacheEntry]) -> list[CacheEntry]:
    """Removes the entries that carry this package's marker.

    Returns:
      The entries that were removed.

    Raises:
      OSError: if the folder cannot be written.
    """
    removed = []
    for entry in entries:
        if _source(entry.path) is None:
            continue
        # Moved away before it is deleted, so that no other process finds half an entry.
        with staging_folder(entry.path.parent) as staging:
            entry.path.rename(staging / entry.path.name)
        removed.append(entry)
    return removed


def _source(folder: Path) -> str | None:
    try:
        content = json.loads((folder / _MARKER).read_text("utf-8"))
        return str(content["source"]) if content["made_by"] == _MADE_BY else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _bytes(folder: Path) -> int:
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)
