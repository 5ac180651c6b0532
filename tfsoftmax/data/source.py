"""``Source``: what rows are read from, how to read it, and the checksum of its files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.distributed.gathering import errors_of_all, said_by_all
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec
from tfsoftmax.system.bar import Bar

# Part of every key; counted up when a version of this package reads the same file differently.
_READER_VERSION = 4
_BLOCK_BYTES = 2**20


class Extent(NamedTuple):
    """A part of a file: from which byte, and how many."""

    file: Path
    first_byte: int
    n_bytes: int


class Source:
    """What a reader reads: a file, a folder or a named dataset, with the options for it.

    Attributes:
      name: in full, with its kind.
      options: how to read it.
      cache: for rows beyond the memory limit, which the next run uses again.
      model: spec of the model that is to be evaluated on the rows; None to train on them.
      workers: that read it together, each its own parts, where it has some.
      hold_out: whether rows are held out to test on, where the source has no test rows; where not,
        its first row stands for them.
      manual_dir: a folder with the original files of a source that would be downloaded.
      bar: shows how much was read.
    """

    def __init__(
        self,
        name: str,
        options: SourceOptions,
        cache: DatasetCache,
        model: Spec | None = None,
        manual_dir: Path | None = None,
        workers: Workers = ALONE,
    ):
        self.name, self.options, self.cache, self.model = name, options, cache, model
        self.manual_dir, self.hold_out, self.bar = manual_dir, True, Bar()
        self.workers = workers
        self._seen: dict[Path, tuple[int, ...]] = {}

    def but(self, **choices: Any) -> Source:
        """The same with some options changed."""
        changed = copy(self)
        changed.options = self.options.but(**choices)
        return changed

    def key(self, files: Iterable[Path | Extent]) -> str:
        """A cache key for these files, which changes with their contents and the options.

        Without files it is empty, and a cache entry is named after its own contents.

        Args:
          files: files, and parts of files.

        Raises:
          DataError: if a file cannot be read.
          PeerError: if another worker is gone.
        """
        # These do not change what is read.
        unrelated = ("memory_limit", "test_fraction")
        options = self.options.to_json()
        choices = {key: value for key, value in options.items() if key not in unrelated}
        facts: list[Any] = [_READER_VERSION, self.name.partition(":")[0], choices]
        n_facts = len(facts)
        for each in files:
            self.workers.check_peers()
            file, *extent = each if isinstance(each, Extent) else (each,)
            try:
                self._seen[file] = _status(file)
                facts.append([os.path.realpath(file), *extent, _checksum(file, *extent)])
            except OSError as error:
                reason = error.strerror or error
                raise DataError(f"{self.name}: {file} cannot be read: {reason}") from error
        if len(facts) == n_facts:
            return ""
        return "rows-" + hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    def key_of_own(self, files: Iterable[Path | Extent], form: Any = None) -> str:
        """A cache key for a worker's own parts, which changes with those of all others, too.

        All workers must call it, each with its own.

        Args:
          files: files, and parts of files.
          form: what else says how they are read, JSON-ready.

        Raises:
          DataError: if one cannot read a file.
        """
        with errors_of_all(self.workers):
            own = self.key(files)
        facts = json.dumps([said_by_all([own, form], self.workers), self.workers.index])
        return "rows-" + hashlib.sha256(facts.encode()).hexdigest()[:32]

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Turns the system's errors, in the block, into one that names the source and the file.

        Raises:
          DataError: if something cannot be read.
        """
        try:
            yield
        except PermissionError as error:
            file = error.filename or path
            raise DataError(f"{self.name}: {file} may not be read: {error.strerror}") from error
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{self.name}: {path} cannot be read: {reason}") from error

    def check_unchanged(self) -> None:
        """Checks that no file has changed since `key` read it.

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


def _checksum(file: Path, first_byte: int = 0, n_bytes: int | None = None) -> str:
    digest = hashlib.sha256()
    left = file.stat().st_size if n_bytes is None else n_bytes
    with file.open("rb") as stream:
        stream.seek(first_byte)
        while left > 0 and (block := stream.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
