"""A place that rows are read from: its name, how it is read, and what its files hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

# Of what is read of a file, counted up when the same file is read otherwise.
_READING = 3
_BLOCK = 2**20


class Source:
    """A place that rows are read from.

    Attributes:
      name: in full, with its kind.
      options: how to read it.
      cache: where what exceeds the memory limit is kept, for the next run too.
      model: what a model takes that is only to be measured on the rows; None where one is to
        be trained on them.
      manual_dir: a folder with the original files of a source that would be downloaded.
    """

    def __init__(
        self,
        name: str,
        options: SourceOptions,
        cache: DatasetCache,
        model: Spec | None = None,
        manual_dir: Path | None = None,
    ):
        self.name, self.options, self.cache, self.model = name, options, cache, model
        self.manual_dir = manual_dir
        self._seen: dict[Path, tuple[int, ...]] = {}

    def key(self, files: Iterable[Path]) -> str:
        """A name for what is kept of these files, which changes if the content of any does.

        Without files it is empty, and what is kept is called by what it holds.

        Raises:
          DataError: if a file cannot be read.
        """
        # What has nothing to do with what is read.
        apart = ("memory_limit", "test_fraction")
        options = self.options.to_json()
        choices = {key: value for key, value in options.items() if key not in apart}
        facts: list[Any] = [_READING, self.name.partition(":")[0], choices]
        own = len(facts)
        for file in files:
            try:
                self._seen[file] = _status(file)
                facts.append([os.path.realpath(file), _checksum(file)])
            except OSError as error:
                reason = error.strerror or error
                raise DataError(f"{self.name}: {file} cannot be read: {reason}") from error
        if len(facts) == own:
            return ""
        return "rows-" + hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    def check_unchanged(self) -> None:
        """Makes sure that no file was written to since `key` read it.

        Raises:
          DataError: naming the file.
        """
        for file, seen in self._seen.items():
            try:
                changed = _status(file) != seen
            except OSError:
                changed = True
            if changed:
                raise DataError(
                    f"{self.name}: {file} changed while it was read; start again when nothing "
                    "writes to it"
                )


def _status(file: Path) -> tuple[int, ...]:
    status = file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _checksum(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
