"""Folders of pictures, with a sub-folder for each class."""

from __future__ import annotations

import io
import logging
import math
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfsoftmax.data.collector import collecting, load_cached
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.images import FORMATS, orientation, read_image
from tfsoftmax.data.kinds import PICTURE_SUFFIXES
from tfsoftmax.data.readers.folders import check_link, unexpected
from tfsoftmax.data.source import Source
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

_log = logging.getLogger(__name__)
_OFFICIAL = {"train", "test"}
_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")
# Decoded at a time. A decoded picture has the size of an example, however large its file is.
_PICTURES_PER_PART = 256
_PIXELS_PER_PART = 2**26
_THREADS = 4
_LONGEST_SIDE = 4096
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Picture:
    """A picture's file, its class, and whether it is one of the test pictures."""

    path: Path
    label: str
    test: bool


def load_images(folder: Path, source: Source) -> Dataset:
    """Reads a folder with one sub-folder of PNG, JPEG or WebP files for each class.

    If it has just the folders ``train`` and ``test``, with classes within, those are the
    training and the test rows.

    Args:
      folder: its path.
      source: its name and the options to read it with.

    Raises:
      DataError: naming the file that cannot be read, or that is of another size than the
        others where no size is asked for.
    """
    pictures = pictures_in(folder, source.name)
    key = source.key(picture.path for picture in pictures)
    found = load_cached(source, key)
    if found is not None:
        return found
    with collecting(source, key) as collector, ThreadPoolExecutor(_THREADS) as pool:
        size, color = _shape(pictures, folder, source, pool)
        shape = (*size, 3) if color == "rgb" else size

        def spec(names: tuple[str, ...]) -> Spec:
            return Spec(shape, "uint8", names, (0, 255))

        def read(picture: Picture) -> np.ndarray | DataError:
            return _unless_damaged(lambda: read_image(picture.path, spec(("", ""))).reshape(-1))

        for part in _parts(pictures, math.prod(shape)):
            rows, usable = (
                np.zeros((len(part), math.prod(shape)), np.uint8),
                np.ones(len(part), bool),
            )
            for index, row in enumerate(pool.map(read, part)):
                if isinstance(row, DataError):
                    collector.bad_rows.report("whose picture cannot be read", row)
                    usable[index] = False
                else:
                    rows[index] = row
            labels = np.array([one.label for one in part])
            collector.add(rows, labels, usable=usable, test=part[0].test)
        return collector.dataset(spec)


def _unless_damaged(read: Callable[[], _Found]) -> _Found | DataError:
    """Calls a function that reads a picture; returns its error if the picture is damaged."""
    try:
        return read()
    except DataError as error:
        return error


def pictures_in(folder: Path, name: str) -> list[Picture]:
    """Lists the pictures of every class, by class and file name.

    Raises:
      DataError: if there are no pictures, or a link leads out of the folder.
    """
    if not folder.is_dir():
        raise unexpected(name, "a folder with one sub-folder a class", folder)
    classes = _folders(folder, folder, name)
    parts = classes if {part.name for part in classes} == _OFFICIAL else []
    inner = [_folders(part, folder, name) for part in parts]
    official = bool(inner) and all(inner)
    if official:
        classes = [class_folder for part in inner for class_folder in part]
    pictures, left_out = [], []
    for class_folder in classes:
        for path in sorted(class_folder.iterdir()):
            check_link(path, folder, name)
            if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
                test = official and class_folder.parent.name == "test"
                pictures.append(Picture(path, class_folder.name, test))
            elif not path.name.startswith("."):
                left_out.append(path)
    if left_out:
        _log.warning(
            "Note: %s: %d that are not PNG, JPEG or WebP pictures are left out, such as %s",
            name,
            len(left_out),
            left_out[0],
        )
    filled = {picture.path.parent for picture in pictures}
    empty = [each for each in classes if each not in filled]
    if empty and pictures:
        _log.warning(
            "Note: %s: no pictures in %s, so there is no such class",
            name,
            ", ".join(str(each.relative_to(folder)) for each in empty),
        )
    if not pictures:
        raise DataError(
            f"{name}: no pictures; expected one sub-folder a class, with PNG, JPEG or WebP files"
        )
    return pictures


def _folders(folder: Path, root: Path, name: str) -> list[Path]:
    found = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    for entry in found:
        check_link(entry, root, name)
    return [entry for entry in found if entry.is_dir()]


def _parts(pictures: list[Picture], pixels: int) -> Iterator[list[Picture]]:
    n_per_part = max(1, min(_PICTURES_PER_PART, _PIXELS_PER_PART // pixels))
    for test in (False, True):
        chosen = [picture for picture in pictures if picture.test == test]
        for start in range(0, len(chosen), n_per_part):
            yield chosen[start : start + n_per_part]


def _shape(
    pictures: list[Picture], folder: Path, source: Source, pool: ThreadPoolExecutor
) -> tuple[tuple[int, int], str]:
    """Finds height and width, and color: those asked for, or those that all pictures have."""
    options = source.options
    if options.image_size and options.color:
        return options.image_size, options.color
    found = pool.map(lambda one: (one, _unless_damaged(lambda: head_of(one.path))), pictures)
    sound = []
    for picture, head in found:
        if not isinstance(head, DataError):
            sound.append((picture, head))
        elif options.bad_rows == "error":
            raise head
    if not sound:
        raise DataError(f"{source.name}: none of {len(pictures):,} pictures can be read")
    heads = [head for _, head in sound]
    color = options.color or ("gray" if all(gray for _, gray in heads) else "rgb")
    if options.image_size:
        return options.image_size, color
    sizes = Counter(size for size, _ in heads)
    if len(sizes) > 1:
        (usual, count), (other, _) = sizes.most_common(2)
        odd = next(picture.path for picture, (size, _) in sound if size == other)
        raise DataError(
            f"{source.name}: pictures differ in size: {odd.relative_to(folder)} is "
            f"{other[0]}x{other[1]}, {count:,} are {usual[0]}x{usual[1]}; have all scaled to one "
            "with " + setting("image_size", usual)
        )
    size = next(iter(sizes))
    check_side(source.name, size)
    return size, color


def head_of(path: Path | str, content: bytes | None = None) -> tuple[tuple[int, int], bool]:
    """Reads the height and width of a picture when upright, and whether it is gray.

    Only the beginning of the file is read.

    Args:
      path: the file.
      content: what the file holds, where `path` only says what to call it.

    Raises:
      DataError: if it is not a picture, or is too large.
    """
    file = path if content is None else io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # of odd EXIF
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as picture:
                width, height = picture.size
                turned = orientation(picture) >= 5
                gray = picture.mode in _GRAY_MODES
                return ((width, height) if turned else (height, width)), gray
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path}: not a PNG, JPEG or WebP image; remove it, or leave such files out with "
            + setting("bad_rows", "skip")
        ) from error
    except (
        OSError,
        SyntaxError,
        TypeError,
        ValueError,
        struct.error,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read as an image: {reason}") from error


def check_side(name: str, size: tuple[int, ...]) -> None:
    """Checks that pictures of a size can be used without scaling.

    Raises:
      DataError: if they are too large.
    """
    if max(size) > _LONGEST_SIDE:
        raise DataError(
            f"{name}: pictures of {size[0]}x{size[1]}; give " + setting("image_size") + ", too"
        )
