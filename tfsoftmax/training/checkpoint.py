"""Saves runs, so that they can be resumed exactly where they stopped.

A checkpoint is one file: a first line that identifies it, the SHA-256 of what follows, and an
``.npz`` archive of the state of the run. It is written to a temporary file, synced to disk and
renamed, in a thread of its own while training goes on. A file that is damaged is
skipped when a run is resumed, and the one before it is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfsoftmax.errors import CheckpointError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.system.files import remove_abandoned_staging, staging_folder, write_atomically
from tfsoftmax.system.locks import Lock, acquire, holder_pid

_log = logging.getLogger(__name__)

_MAGIC = b"tfsoftmax checkpoint 1\n"
_DIGEST = 64  # characters
_NAME = re.compile(r"step-(\d{12})\.ckpt")
_FACTS = "facts"
_LOCK = ".tfsoftmax-run"
# What reading damaged content may raise.
DAMAGE = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, MemoryError,
    OverflowError, EOFError, zipfile.BadZipFile,
)  # fmt: skip
_T = TypeVar("_T")


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often a run is saved.

    Attributes:
      folder: created if it is missing; only one run at a time can save in it.
      every_steps: save after each multiple of this many steps; workers that train by themselves,
        after the mean that follows it.
      every_seconds: save when this long has passed; None leaves it to `every_steps`.
      keep: how many of the latest files are kept.
      resume: continue the run that is saved there, if there is one.

    Raises:
      UsageError: if a number is out of range.
    """

    folder: Path
    every_steps: int | None = None
    every_seconds: float | None = 30.0
    keep: int = 3
    resume: bool = False

    def __post_init__(self) -> None:
        for field, least in (("every_steps", 1), ("every_seconds", 0), ("keep", 1)):
            value = getattr(self, field)
            if value is not None and not value >= least:
                raise UsageError(f"checkpoints: {field} must be at least {least}, not {value}")


class Snapshot(NamedTuple):
    """Everything that is needed to resume a run.

    Attributes:
      facts: JSON-ready values or dataclasses; ``step`` is the number of steps done.
      arrays: arrays or tensors by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, Any]

    def to_bytes(self) -> bytes:
        """The content of a checkpoint file.

        >>> content = Snapshot({"step": 3}, {"W": np.eye(2)}).to_bytes()
        >>> Snapshot.from_bytes(content).facts
        {'step': 3}
        """
        facts = np.frombuffer(json.dumps(self.facts, default=asdict).encode("utf-8"), np.uint8)
        archive = io.BytesIO()
        arrays: dict[str, Any] = {_FACTS: facts}
        arrays |= {name: np.asarray(array) for name, array in self.arrays.items()}
        np.savez(archive, **arrays)
        body = archive.getvalue()
        return _MAGIC + hashlib.sha256(body).hexdigest().encode("ascii") + body

    @classmethod
    def from_bytes(cls, content: bytes) -> Snapshot:
        """The snapshot within a checkpoint file.

        Raises:
          ValueError: if it is incomplete or damaged.
        """
        if not content.startswith(_MAGIC):
            raise ValueError("it does not start as a checkpoint does")
        start = len(_MAGIC) + _DIGEST
        digest, body = content[len(_MAGIC) : start], content[start:]
        if hashlib.sha256(body).hexdigest().encode("ascii") != digest:
            raise ValueError("its checksum does not match")
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.filelist):
                    raise ValueError("it is compressed, which no checkpoint is")
            with np.load(io.BytesIO(body), allow_pickle=False) as archive:
                arrays = dict(archive)
            facts = json.loads(arrays.pop(_FACTS).tobytes())
        except (OSError, *DAMAGE) as error:
            raise ValueError(f"its content is not a run's: {error}") from error
        return cls(facts, arrays)


def saved_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the latest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)


def restore_latest(folder: Path, restore: Callable[[Snapshot], object]) -> bool:
    """Restores the latest checkpoint in a folder that is not damaged.

    Damaged ones are named in a warning and skipped.

    Args:
      folder: may be missing.
      restore: raises one of `DAMAGE` if the content of a snapshot is not a run's.

    Returns:
      Whether there was a checkpoint.

    Raises:
      CheckpointError: if there are checkpoints and none can be restored.
    """
    paths = saved_checkpoints(folder)
    for path in paths:
        try:
            snapshot = Snapshot.from_bytes(path.read_bytes())
            restore(snapshot)
        except (OSError, *DAMAGE) as error:
            _log.warning(
                "Note: checkpoint %s is damaged (%s); trying the one before it", path, error
            )
            continue
        _log.info("resuming from %s, after step %s", path, f"{snapshot.facts['step']:,}")
        return True
    if paths:
        raise CheckpointError(
            f"{folder}: none of its {len(paths)} checkpoints is whole; give "
            + setting("checkpoints")
            + " another folder to begin again"
        )
    return False


def read_latest(folder: Path, read: Callable[[Snapshot], _T]) -> _T | None:
    """What is read from the latest checkpoint in a folder that is not damaged; None without one.

    Args:
      folder: may be missing.
      read: raises one of `DAMAGE` if the content of a snapshot is not a run's.

    Raises:
      CheckpointError: if there are checkpoints and none can be read.
    """
    for path in saved_checkpoints(folder):
        with suppress(OSError, *DAMAGE):
            return read(Snapshot.from_bytes(path.read_bytes()))
    # Names what is damaged, if anything is.
    restore_latest(folder, read)
    return None


def lock_folder(checkpoints: Checkpoints) -> Lock:
    """Locks a folder for one run to save in; the folder is created if it is missing.

    Raises:
      OSError: if files cannot be written to the folder.
      UsageError: if a run is saved there and `resume` is false.
      CheckpointError: if another run saves there now.
    """
    folder = checkpoints.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = acquire(folder / _LOCK)
    except BlockingIOError:
        process = holder_pid(folder / _LOCK)
        raise CheckpointError(
            f"{folder}: another run is saving there now"
            + (f" (process {process})" if process else "")
            + "; wait until it ends, or give "
            + setting("checkpoints")
            + " another folder"
        ) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
    if saved_checkpoints(folder) and not checkpoints.resume:
        lock.release()
        raise UsageError(
            f"{folder} has checkpoints of an earlier run: add "
            + setting("resume", True)
            + " to go on with it, or give "
            + setting("checkpoints")
            + " another folder"
        )
    remove_abandoned_staging(folder)
    return lock


def check_checkpoints(checkpoints: Checkpoints) -> None:
    """Checks that a `Saver` will be able to save, and leaves nothing behind.

    Raises:
      OSError, UsageError, CheckpointError: as `Saver` does.
    """
    with staging_folder(checkpoints.folder):
        lock_folder(checkpoints).release()


class Saver:
    """Saves a run as it goes, in a thread of its own.

    If the disk is slower than the run, a snapshot that is waiting to be written is replaced by
    the next. A failure to write is only a warning: training goes on.
    """

    def __init__(self, checkpoints: Checkpoints):
        """Locks the folder and starts the thread.

        Raises:
          OSError: if it cannot write to the folder.
          UsageError: if a run is saved there and `resume` is false.
          CheckpointError: if another run saves there now.
        """
        self.checkpoints = checkpoints
        self._lock = lock_folder(checkpoints)
        self._failing = False
        self._saved_at = time.monotonic()
        self._asked_at: int | None = None
        self._waiting: Snapshot | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._write_all, name="tfsoftmax-checkpoint")
        self._thread.start()

    def is_due(self, step: int) -> bool:
        """Whether a run should be saved now, after `step` steps: at a multiple, or once past it."""
        every, seconds = self.checkpoints.every_steps, self.checkpoints.every_seconds
        before, self._asked_at = self._asked_at, step
        if every and (
            step % every == 0 or (before is not None and before // every < step // every)
        ):
            return True
        return seconds is not None and time.monotonic() - self._saved_at >= seconds

    def save(self, snapshot: Snapshot) -> None:
        """Writes a snapshot in the background."""
        self._saved_at = time.monotonic()
        with self._changed:
            self._waiting = snapshot
            self._changed.notify()

    def close(self, last: Snapshot | None = None) -> bool:
        """Waits until everything is written, then writes a last snapshot.

        Returns:
          Whether the last one was written.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        try:
            return last is not None and self._write(last)
        finally:
            self._lock.release()

    def _write_all(self) -> None:
        for snapshot in self._arriving():
            self._write(snapshot)

    def _arriving(self) -> Iterator[Snapshot]:
        while True:
            with self._changed:
                while self._waiting is None and not self._closing:
                    self._changed.wait()
                snapshot, self._waiting = self._waiting, None
            if snapshot is None:
                return
            yield snapshot

    def _write(self, snapshot: Snapshot) -> bool:
        folder = self.checkpoints.folder
        try:
            write_atomically(
                folder / f"step-{snapshot.facts['step']:012d}.ckpt", snapshot.to_bytes()
            )
        except (OSError, MemoryError) as error:
            if not self._failing:
                reason = getattr(error, "strerror", None) or error
                _log.warning("Note: no checkpoint could be written to %s (%s)", folder, reason)
            self._failing = True
            return False
        self._failing = False
        for path in saved_checkpoints(folder)[self.checkpoints.keep :]:
            with suppress(OSError):
                os.unlink(path)
        return True
