"""What is kept of data on the disk: listed, and removed when somebody asks for it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tfsoftmax.system.files import staged_folder

# In each entry, written last: without it nothing is removed.
_MARKER = "tfsoftmax-kept.json"
_MADE_BY = "tfsoftmax"


@dataclass(frozen=True)
class Kept:
    """An entry of the cache.

    Attributes:
      path: of its folder.
      source: what it was read from; None if it does not say, so that it is never removed.
      bytes: on the disk.
      seconds: since it was made.
    """

    path: Path
    source: str | None
    bytes: int
    seconds: float


def mark(folder: Path, source: str) -> None:
    """Writes into a folder that is to be kept what it was read from.

    Raises:
      OSError: if it cannot be written.
    """
    content = {"made_by": _MADE_BY, "source": source}
    (folder / _MARKER).write_text(json.dumps(content) + "\n", "utf-8")


def kept_in(folder: Path) -> list[Kept]:
    """The entries in a cache's folder, the largest first; none if there is no such folder.

    Raises:
      OSError: if the folder cannot be read.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        places = [
            Path(entry.path)
            for entry in found
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        ]
    entries = [
        Kept(place, _source(place), _bytes(place), max(0.0, time.time() - place.stat().st_mtime))
        for place in places
    ]
    return sorted(entries, key=lambda entry: (-entry.bytes, entry.path))


def remove(entries: list[Kept]) -> list[Kept]:
    """Removes entries, those that say that they are this package's.

    Returns:
      What was removed.

    Raises:
      OSError: if the folder cannot be written.
    """
    removed = []
    for entry in entries:
        if _source(entry.path) is None:
            continue
        # Moved first, so that no other process finds half of it.
        with staged_folder(entry.path.parent) as staging:
            entry.path.rename(staging / entry.path.name)
        removed.append(entry)
    return removed


def _source(place: Path) -> str | None:
    try:
        content = json.loads((place / _MARKER).read_text("utf-8"))
        return str(content["source"]) if content["made_by"] == _MADE_BY else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _bytes(place: Path) -> int:
    files = (Path(folder, name) for folder, _, names in os.walk(place) for name in names)
    return sum(file.lstat().st_size for file in files)
