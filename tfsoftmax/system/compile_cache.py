"""Machine code that XLA made of the training loop, kept for the next run of its shapes.

Compiling takes XLA a few tenths of a second, which is as long as a small run's training.
TensorFlow can keep what it compiled, but takes any file it finds for good; so the folder
is the user's own, one for each kind of processor and TensorFlow version, and every file
must match the checksum that the run which wrote it left beside it.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import tempfile
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

# The flag is TensorFlow's own but not documented: used only where it is known to work,
# because a TensorFlow that does not know it ends the process.
_FLAG = "--tf_xla_persistent_cache_directory"
_KNOWN_TO_WORK = ("2.21.",)
_MOST_ENTRIES = 32
_ROOM = 4 * 2**20  # bytes; an entry has about 150,000
_LONGEST_WRITE = 3600  # seconds
_CHECKSUM = ".sha256"


def enable() -> None:
    """Makes TensorFlow, which must not be imported yet, keep and reuse compiled loops.

    Does nothing if ``TFSOFTMAX_COMPILE_CACHE`` is ``off``, if ``TF_XLA_FLAGS`` has the say
    already, or if there is no folder that only this user can write to.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if os.environ.get("TFSOFTMAX_COMPILE_CACHE") == "off" or _FLAG in flags:
        return
    tensorflow = version("tensorflow")
    if not tensorflow.startswith(_KNOWN_TO_WORK):
        return
    try:
        folder = _own_folder(_machine_key(tensorflow))
        _drop_unproven(folder)
        _check_room(folder)
    except (OSError, RuntimeError):  # the latter of a user without a home
        return
    os.environ["TF_XLA_FLAGS"] = f"{flags} {_FLAG}={folder}".strip()
    atexit.register(_prove_new, folder)


def check(error: Exception) -> None:
    """Says so if an error of TensorFlow's is that compiled loops cannot be kept any more.

    TensorFlow has no way to go on without its cache once it has begun with one.

    Raises:
      OSError: naming the folder.
    """
    folder = os.environ.get("TF_XLA_FLAGS", "").partition(f"{_FLAG}=")[2].partition(" ")[0]
    if folder and folder in str(error):
        reason = str(error).rpartition(";")[2].partition("[")[0].strip()
        raise OSError(
            None,
            f"compiled loops cannot be kept there ({reason}); make room, or set "
            "TFSOFTMAX_COMPILE_CACHE=off",
            folder,
        ) from error


def _machine_key(tensorflow: str) -> str:
    """Differs wherever compiled code might not run: it is made for one kind of processor."""
    facts = [tensorflow, platform.system(), platform.machine(), platform.processor()]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        facts += sorted({line for line in lines if line.startswith(("model name", "flags"))})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def folder_of_all() -> Path:
    """Where compiled loops are kept, a folder for each processor and TensorFlow version.

    Raises:
      RuntimeError: if this user has no home folder.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "tfsoftmax" / "xla"


def proven() -> list[Path]:
    """The files of all loops that are kept and whole, each with its checksum's file."""
    with suppress(RuntimeError):
        proofs = sorted(folder_of_all().glob(f"*/*.pb{_CHECKSUM}"))
        loops = [proof.with_name(proof.name.removesuffix(_CHECKSUM)) for proof in proofs]
        pairs = zip(loops, proofs, strict=True)
        return [file for pair in pairs if pair[0].is_file() for file in pair]
    return []


def _own_folder(key: str) -> Path:
    folder = folder_of_all() / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_mode & 0o022 or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        raise PermissionError(f"{folder} can be written to by others")
    if any(character.isspace() for character in str(folder)):
        raise OSError("TF_XLA_FLAGS is split at spaces")
    return folder


def _check_room(folder: Path) -> None:
    """Finds out whether an entry could be written; TensorFlow would not train without."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_ROOM))


def _drop_unproven(folder: Path) -> None:
    """Removes what was not written to its end, or changed since, and the oldest entries."""
    for cut_short in folder.glob("*.tmp"):
        if cut_short.stat().st_mtime < time.time() - _LONGEST_WRITE:
            cut_short.unlink(missing_ok=True)
    entries = sorted(folder.glob("*.pb"), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for place, entry in enumerate(entries):
        proof = entry.with_name(entry.name + _CHECKSUM)
        proven = proof.is_file() and proof.read_text("ascii", "replace") == _checksum(entry)
        if place >= _MOST_ENTRIES or not proven:
            entry.unlink(missing_ok=True)
            proof.unlink(missing_ok=True)


def _prove_new(folder: Path) -> None:
    with suppress(OSError):
        for entry in folder.glob("*.pb"):
            proof = entry.with_name(entry.name + _CHECKSUM)
            if not proof.exists():  # One cut short proves nothing, so it does no harm.
                proof.write_text(_checksum(entry), "ascii")


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
