"""Names of datasets: finds the kind of source and the path that a name stands for."""

from __future__ import annotations

import difflib
import io
import os
import re
from collections.abc import Collection, Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from tfsoftmax.data.kinds import BUNDLED, KINDS, PICTURE_SUFFIXES, SUGGESTED, TFDS, Kind
from tfsoftmax.errors import DataError, UnknownDatasetError, UsageError
from tfsoftmax.system.paths import describe_path, user_path

# Names TensorFlow Datasets can answer to: 'mnist', 'emnist/balanced', 'mnist:3.0.1'.
_TFDS_NAME = re.compile(r"[a-z][a-z0-9_]*(/[A-Za-z0-9_.\-]+)?(:[0-9.*]+)?")
# Read from a file whose name does not tell its kind.
_BYTES_READ = 2**16
_LINES_READ = 20
_MOST_SUGGESTIONS = 3


class Location(NamedTuple):
    """The source that a name stands for.

    Attributes:
      name: in full, with its kind: ``csv:flowers.csv``.
      kind: of source.
      path: of the file or folder; None for a dataset that has only a name.
    """

    name: str
    kind: Kind
    path: Path | None = None

    @property
    def model_name(self) -> str:
        """The name of its models, if no other is given.

        >>> locate("csv:data/my flowers.csv.gz").model_name, locate("emnist/letters").model_name
        ('my-flowers', 'emnist-letters')
        """
        name = self.name
        if self.path is not None:
            name = self.kind.prefix + self.kind.stem_of(
                os.path.basename(os.path.realpath(self.path))
            )
        return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "model"


def all_names() -> list[str]:
    """Lists every name and prefix that a shell should complete.

    >>> "csv:" in all_names(), "mnist" in all_names()
    (True, True)
    """
    return [*BUNDLED, *(f"{kind}:" for kind in KINDS), *SUGGESTED]


def locate(name: str) -> Location:
    """Finds the source of a name: a dataset, ``KIND:PATH``, or a path that tells its kind.

    The kind of a path is told by its suffix, by the files in the folder, or by the first lines
    of the file. Where a dataset has the same name as a file or folder, it is the dataset, unless
    the name has a separator or a suffix, as in ``./mnist``.

    Args:
      name: as the user typed it.

    Raises:
      UsageError: if a kind has no path.
      UnknownDatasetError: if there is nothing of this name, or nothing tells what kind it is, or
        it may be of several, which are listed.
      DataError: if the path cannot be read.

    >>> locate("csv:flowers.csv").path, locate("digits").kind.name
    (PosixPath('flowers.csv'), 'digits')
    """
    kind, _, rest = name.partition(":")
    if rest and kind in KINDS:
        return Location(name, KINDS[kind], user_path(rest))
    if _stands_for_path(name):
        found = kind_at(name)
        return Location(f"{found.name}:{name}", found, user_path(name))
    if not rest and kind in KINDS:
        raise UsageError(f"{kind}: needs a path, as in {KINDS[kind].example}")
    if name in BUNDLED:
        return Location(name, BUNDLED[name])
    if not _TFDS_NAME.fullmatch(name):
        raise unknown_dataset(name)
    return Location(name, TFDS)


def kind_at(name: str) -> Kind:
    """Finds the kind of a file or folder by its suffix or its content.

    Args:
      name: the path as the user typed it.

    Raises:
      UnknownDatasetError: if nothing tells what kind it is, or it may be of several; it lists
        what can be written instead.
      DataError: if it cannot be read.
    """
    path = user_path(name)
    try:
        found = describe_path(path)
        if _is_model(path):
            raise UnknownDatasetError(
                f"{name}: it is a model; expected data, such as the table that it was trained on"
            )
        possible = _kinds_in(path) if found == "a folder" else _kinds_of_file(path)
    except OSError as error:
        unread = error.filename or name
        raise DataError(f"{unread}: cannot be read: {error.strerror or error}") from error
    if len(possible) == 1:
        return possible[0]
    if possible:
        raise UnknownDatasetError(
            f"{name}: it may be one of several kinds of source; say which: "
            f"{_listed([f'{kind.name}:{name}' for kind in possible])}"
        )
    if found not in ("a file", "a folder"):
        raise UnknownDatasetError(f"{name}: expected a file or a folder, found {found}")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise UnknownDatasetError(
            f"{name}: a picture alone does not tell its class; expected a folder that has a folder "
            "of pictures for each class"
        )
    looked_at = "the files in it tell" if found == "a folder" else "the first lines tell"
    fitting = [k for k in KINDS.values() if k.takes != ("FILE" if found == "a folder" else "DIR")]
    raise UnknownDatasetError(
        f"{name}: neither its name nor {looked_at} what kind of source it is; say which: "
        f"{_listed([f'{kind.name}:{name}' for kind in fitting])}"
    )


def unknown_dataset(name: str, others: Iterable[str] = ()) -> UnknownDatasetError:
    """Makes the error for an unknown name, which suggests the most similar ones.

    Args:
      name: what the user typed.
      others: names that exist besides `all_names`.
    """
    typed = name.strip().lower().partition(":")[0]
    near = _near(typed, {*all_names(), *KINDS, *others})
    folder, file = os.path.split(name)
    if not near and file:
        near = [os.path.join(folder, one) for one in _near(file, _files_in(folder or "."))]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    no_file = "there is no such file or folder; " if _is_written_as_path(name) else ""
    return UnknownDatasetError(
        f"unknown dataset {name!r}: {no_file}{hint}'tfsoftmax datasets' lists those that are known"
    )


def path_of_same_name(location: Location) -> str | None:
    """How to name the file or folder that has the same name as a dataset; None if none has.

    >>> path_of_same_name(locate("digits"))
    """
    if location.path is not None or not os.path.lexists(location.name):
        return None
    return os.path.join(os.curdir, location.name)


def _stands_for_path(name: str) -> bool:
    """Whether a file or folder is meant rather than a dataset."""
    if not name:
        return False
    try:
        if describe_path(user_path(name)) == "nothing":
            return False
    except PermissionError:
        return True
    except OSError:  # too long for a path
        return False
    return _is_written_as_path(name) or not _names_dataset(name)


def _is_model(path: Path) -> bool:
    if path.is_file():
        return path.suffix in (".tflite", ".onnx", ".rescued")
    return any(next(path.glob(each), None) for each in ("saved_model.pb", "*/saved_model.pb"))


def _is_written_as_path(name: str) -> bool:
    return os.sep in name or bool(Path(name).suffix)


def _names_dataset(name: str) -> bool:
    if name in BUNDLED or name in SUGGESTED:
        return True
    if not _TFDS_NAME.fullmatch(name):
        return False
    from tfsoftmax.data.readers.tfds_builder import known_builders

    return name.partition(":")[0] in known_builders()


def _kinds_in(folder: Path) -> list[Kind]:
    return [
        kind
        for kind in KINDS.values()
        if kind.takes != "FILE"
        and any(_holds(folder, Path(part).parts, kind) for part in kind.parts)
    ]


def _holds(folder: str | Path, below: tuple[str, ...], kind: Kind) -> bool:
    """Whether a folder, or sub-folders of these patterns, hold a file of a kind."""

    def fits(entry: os.DirEntry[str]) -> bool:
        if entry.name.startswith("."):
            return False
        if not below:
            return kind.suits(entry.name) and not entry.is_dir()
        inside = fnmatch(entry.name, below[0]) and entry.is_dir()
        return inside and _holds(entry.path, below[1:], kind)

    with os.scandir(folder) as entries:
        return any(map(fits, entries))


def kinds_by_name(file_name: str) -> list[Kind]:
    """Finds the kinds that the suffix of a file's name tells.

    >>> [kind.name for kind in kinds_by_name("flowers.csv.gz")]
    ['csv']
    """
    return [kind for kind in KINDS.values() if kind.takes != "DIR" and kind.suits(file_name)]


def _kinds_of_file(path: Path) -> list[Kind]:
    by_name = kinds_by_name(path.name)
    if by_name:
        return by_name
    lines = first_lines(path)
    texts = [kind for kind in KINDS.values() if kind.line] if lines else []
    return [kind for kind in texts if all(re.fullmatch(str(kind.line), line) for line in lines)]


def first_lines(path: Path) -> list[str]:
    """Reads the first lines of a text file, unpacked, without blank lines and ``#`` comments.

    A file that is not text, or not a regular file, has none.
    """
    import bz2
    import gzip
    import zlib

    if describe_path(path) != "a file":
        return []
    try:
        with path.open("rb") as raw:
            start = raw.read(3)
            raw.seek(0)
            file: Any = raw
            if start.startswith(b"\x1f\x8b"):
                file = gzip.GzipFile(fileobj=raw)
            elif start == b"BZh":
                file = bz2.BZ2File(raw)
            content = file.read(_BYTES_READ)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return []
    if b"\0" in content:
        return []
    text = io.StringIO(content.decode("utf-8-sig", "replace"))
    lines = [line.rstrip("\r\n") for line in text]
    if len(content) == _BYTES_READ and len(lines) > 1:
        lines.pop()  # it is cut off
    return [line for line in lines if line.strip() and line[0] != "#"][:_LINES_READ]


def _near(typed: str, known: Collection[str]) -> list[str]:
    return difflib.get_close_matches(typed, sorted(known), n=_MOST_SUGGESTIONS, cutoff=0.6)


def _files_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (OSError, ValueError):
        return []


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
