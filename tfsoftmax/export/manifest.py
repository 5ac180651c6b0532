"""The checksums of all files of a version, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tfsoftmax.errors import ModelError

FILE_NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\n][^\n]*)")
_MAX_BYTES = 2**20


def write(folder: Path) -> None:
    """Writes `FILE_NAME`, a line for each file in a version folder and below, but itself.

    ``sha256sum -c SHA256SUMS``, run in the folder, checks it without this package.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / FILE_NAME).write_text("".join(lines), "utf-8")


def check(folder: Path, *parts: str) -> None:
    """Makes sure that files are the ones that were written; a folder without sums passes.

    Args:
      folder: of the version.
      parts: files in it, or folders for all that is listed below them.

    Raises:
      ModelError: naming the first that was changed, or is missing, or is not listed.
    """
    listed = _listed(folder)
    if listed is None:
        return
    for part in parts:
        files = [name for name in listed if name == part or name.startswith(f"{part}/")]
        found = [(name, _problem(folder, name, listed[name])) for name in files]
        for name, problem in found or [(part, f"is not listed in {FILE_NAME}")]:
            if problem:
                raise ModelError(f"{folder}: {name} {problem}; restore it, or export it again")


def check_file(path: Path) -> None:
    """`check` of one file, where the folder it lies in has sums that list it.

    Raises:
      ModelError: if it was changed.
    """
    if path.name in (_listed(path.parent) or {}):
        check(path.parent, path.name)


def problems(folder: Path) -> dict[str, str]:
    """For each listed file that is not as it was written, what is wrong with it.

    Raises:
      ModelError: if the list itself cannot be read.
    """
    found = {
        name: _problem(folder, name, digest) for name, digest in (_listed(folder) or {}).items()
    }
    return {name: problem for name, problem in found.items() if problem}


def _listed(folder: Path) -> dict[str, str] | None:
    path = folder / FILE_NAME
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES:,} bytes")
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    matches = [_LINE.fullmatch(line) for line in lines]
    if not all(match and ".." not in match[2].split("/") for match in matches):
        raise ModelError(f"{path}: damaged; a line must be a SHA-256, two spaces and a file")
    return {match[2]: match[1] for match in matches if match}


def _problem(folder: Path, name: str, digest: str) -> str | None:
    try:
        found = _sha256(folder / name)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None if found == digest else f"was changed: its SHA-256 is not the one in {FILE_NAME}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
