"""Caches the machine code that XLA compiles the training loop to, for later runs.

XLA takes a few tenths of a second to compile, as long as training a small run. TensorFlow can
save what it compiles, but later loads any file in its folder without checking it. So the folder
belongs to the user alone, there is one for each processor model and TensorFlow version, and
every file must match the checksum stored beside it by the run that wrote it.
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

# An undocumented TensorFlow flag. A TensorFlow that does not know it ends the process, so it is
# set only for versions that are known to support it.
_FLAG = "--tf_xla_persistent_cache_directory"
_SUPPORTED_VERSIONS = ("2.21.",)
_MAX_ENTRIES = 32
# An entry has about 150,000 bytes.
_REQUIRED_BYTES = 4 * 2**20
# A temporary file older than this was left by a process that was killed.
_MAX_WRITE_SECONDS = 3600
_CHECKSUM_SUFFIX = ".sha256"


def enable() -> None:
    """Makes TensorFlow save and reuse compiled loops; call it before importing TensorFlow.

    Does nothing if ``TFSOFTMAX_COMPILE_CACHE`` is ``off``, if ``TF_XLA_FLAGS`` already names a
    folder, or if there is no folder that only this user can write to.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if os.environ.get("TFSOFTMAX_COMPILE_CACHE") == "off" or _FLAG in flags:
        return
    tensorflow_version = version("tensorflow")
    if not tensorflow_version.startswith(_SUPPORTED_VERSIONS):
        return
    try:
        folder = _private_folder(_machine_key(tensorflow_version))
        _remove_unverified(folder)
        _check_free_space(folder)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder.
        return
    os.environ["TF_XLA_FLAGS"] = f"{flags} {_FLAG}={folder}".strip()
    atexit.register(_write_checksums, folder)


def raise_if_unwritable(error: Exception) -> None:
    """Raises a clear error if `error` means that TensorFlow could not write to the cache.

    TensorFlow cannot continue without its cache once it has started with one.

    Raises:
      OSError: naming the folder, if that is the cause; nothing is raised otherwise.
    """
    folder = os.environ.get("TF_XLA_FLAGS", "").partition(f"{_FLAG}=")[2].partition(" ")[0]
    if folder and folder in str(error):
        reason = str(error).rpartition(";")[2].partition("[")[0].strip()
        raise OSError(
            None,
            f"cannot write compiled training loops here ({reason}); free some space, or set "
            "TFSOFTMAX_COMPILE_CACHE=off",
            folder,
        ) from error


def cache_folder() -> Path:
    """The folder of all compiled loops: a subfolder for each processor and TensorFlow version.

    Raises:
      RuntimeError: if the user has no home folder.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "tfsoftmax" / "xla"


def verified_files() -> list[Path]:
    """Lists every compiled loop that has a checksum file, each followed by that file."""
    with suppress(RuntimeError):
        checksums = sorted(cache_folder().glob(f"*/*.pb{_CHECKSUM_SUFFIX}"))
        loops = [path.with_name(path.name.removesuffix(_CHECKSUM_SUFFIX)) for path in checksums]
        pairs = zip(loops, checksums, strict=True)
        return [file for pair in pairs if pair[0].is_file() for file in pair]
    return []


def _machine_key(tensorflow_version: str) -> str:
    """A key that differs between machines whose compiled code is not interchangeable."""
    facts = [
        tensorflow_version,
        platform.system(),
        platform.machine(),
        platform.processor(),
    ]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        facts += sorted({line for line in lines if line.startswith(("model name", "flags"))})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _private_folder(key: str) -> Path:
    folder = cache_folder() / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_mode & 0o022 or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        raise PermissionError(f"{folder} can be written to by others")
    if any(character.isspace() for character in str(folder)):
        raise OSError("TF_XLA_FLAGS is split at spaces")
    return folder


def _check_free_space(folder: Path) -> None:
    """Raises OSError if an entry could not be written; TensorFlow would then not train at all."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_REQUIRED_BYTES))


def _remove_unverified(folder: Path) -> None:
    """Removes entries that are incomplete or have changed, and the oldest of too many."""
    for temporary in folder.glob("*.tmp"):
        if temporary.stat().st_mtime < time.time() - _MAX_WRITE_SECONDS:
            temporary.unlink(missing_ok=True)
    entries = sorted(folder.glob("*.pb"), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for index, entry in enumerate(entries):
        checksum = _checksum_file(entry)
        verified = checksum.is_file() and checksum.read_text("ascii", "replace") == _sha256(entry)
        if index >= _MAX_ENTRIES or not verified:
            entry.unlink(missing_ok=True)
            checksum.unlink(missing_ok=True)


def _write_checksums(folder: Path) -> None:
    with suppress(OSError):
        for entry in folder.glob("*.pb"):
            checksum = _checksum_file(entry)
            # A checksum file that is cut short matches nothing, so the entry is removed.
            if not checksum.exists():
                checksum.write_text(_sha256(entry), "ascii")


def _checksum_file(entry: Path) -> Path:
    return entry.with_name(entry.name + _CHECKSUM_SUFFIX)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
