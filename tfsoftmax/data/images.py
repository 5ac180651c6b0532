"""Reads image files as examples for a model, and turns examples into pictures."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfsoftmax.errors import DataError, UnknownDatasetError
from tfsoftmax.spec import Spec
from tfsoftmax.system.paths import check_regular

FORMATS = ("PNG", "JPEG", "WEBP")
_MAX_16_BIT = 65535
# An EXIF block is a prefix and a small TIFF file: a start that tells its byte order, the offset
# of a directory, and there the number of its entries and 12 bytes for each: the tag, a type,
# a count and the value. Tag 0x112 is the orientation, one (1) 16-bit number (type 3).
ByteOrder = Literal["little", "big"]
EXIF_PREFIX = b"Exif\0\0"
TIFF_START: dict[ByteOrder, bytes] = {"little": b"II*\0", "big": b"MM\0*"}
TIFF_ENTRY_BYTES = 12
ORIENTATION_ENTRY: dict[ByteOrder, bytes] = {
    "little": bytes([0x12, 1, 3, 0, 1, 0, 0, 0]),
    "big": bytes([1, 0x12, 0, 3, 0, 0, 0, 1]),
}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(
    path: Path | str, spec: Spec, *, invert: bool = False, content: bytes | None = None
) -> np.ndarray:
    """Reads a PNG, JPEG or WebP file as one raw example.

    The picture is turned upright as its EXIF tag says, laid on white where it is
    transparent, made gray or RGB as the model needs, scaled to the model's size, and
    mapped from black..white to the model's range of values.

    Args:
      path: the file.
      spec: of the model.
      invert: swap light and dark.
      content: of the file; then `path` is only its name for errors.

    Returns:
      Array of the spec's shape and dtype.

    Raises:
      DataError: if the model does not take images, or the file is not such a picture, is
        damaged, or would need too much memory.
    """
    if not spec.is_image:
        raise DataError(f"{path}: the model takes {spec.n_features} numbers, not images")
    try:
        if content is None:
            check_regular(Path(path))
        with warnings.catch_warnings():
            # Pillow only warns of pictures too large for their file, up to twice its bound.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)  # of metadata it cannot read
            with Image.open(
                path if content is None else io.BytesIO(content), formats=FORMATS
            ) as picture:
                picture.load()
                pixels = _fit(picture, spec)
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not a PNG, JPEG or WebP image") from error
    # Pillow raises errors of many kinds on damaged files, and on damaged metadata more.
    except (
        OSError,
        TypeError,
        struct.error,
        SyntaxError,
        ValueError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        reason = getattr(error, "strerror", None) or error
        kind = UnknownDatasetError if isinstance(error, FileNotFoundError) else DataError
        raise kind(f"{path}: cannot be read as an image: {reason}") from error
    low, high = spec.value_range or (0.0, 255.0)
    levels = 255.0 - pixels if invert else pixels
    values = low + levels * ((high - low) / 255.0)
    if np.issubdtype(np.dtype(spec.dtype), np.integer):
        values = np.rint(values)
    return values.astype(spec.dtype).reshape(spec.example_shape)


def levels_of(examples: np.ndarray, spec: Spec) -> np.ndarray:
    """Raw examples as pictures, uint8 from black, 0, to white, 255; as `read_image` read them.

    >>> spec = Spec((1, 2), "uint8", ("a", "b"), (0, 16))
    >>> levels_of(np.array([[[0, 16]]], np.uint8), spec).tolist()
    [[[0, 255]]]
    """
    low, high = spec.value_range or (0.0, 255.0)
    levels = (examples.astype(np.float64) - low) * (255.0 / (high - low))
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def as_rgb(examples: np.ndarray, spec: Spec) -> np.ndarray:
    """Raw examples as RGB pictures, uint8 ``[n, height, width, 3]``.

    >>> as_rgb(np.zeros((5, 4, 3)), Spec((4, 3), "uint8", ("a", "b"), (0, 255))).shape
    (5, 4, 3, 3)
    """
    levels = levels_of(examples, spec)
    if spec.example_shape[2:] == (3,):
        return levels
    return np.repeat(levels.reshape(*levels.shape[:3], 1), 3, axis=-1)


def orientation(picture: Image.Image) -> int:
    """The orientation in a picture's EXIF block: 1, as stored, to 8; 1 where it has none.

    By hand, because Pillow's reader also takes orientations from elsewhere and refuses
    damaged blocks, and a graph that serves a model must read pictures by the same rules.

    >>> picture, exif = Image.new("L", (2, 1)), Image.Exif()
    >>> exif[0x0112] = 6
    >>> picture.info["exif"] = exif.tobytes()
    >>> orientation(picture)
    6
    """
    if picture.format == "PNG" and "exif" not in picture.info:
        picture.load()  # It may come behind the pixels.
    return _orientation(picture.info.get("exif", b""))


def _orientation(exif: bytes) -> int:
    for _ in range(2):  # Some programs write the prefix twice.
        exif = exif.removeprefix(EXIF_PREFIX)
    for order, first in TIFF_START.items():
        if exif.startswith(first):
            start = int.from_bytes(exif[4:8], order)
            count = int.from_bytes(exif[start : start + 2], order)
            end = min(start + 2 + TIFF_ENTRY_BYTES * count, len(exif))
            for at in range(start + 2, end - TIFF_ENTRY_BYTES + 1, TIFF_ENTRY_BYTES):
                if exif[at : at + 8] == ORIENTATION_ENTRY[order]:
                    value = int.from_bytes(exif[at + 8 : at + 10], order)
                    return value if 1 <= value <= 8 else 1
    return 1


def _fit(picture: Image.Image, spec: Spec) -> np.ndarray:
    """Upright, opaque, of the model's colors and size; float64 in [0, 255]."""
    turned = _UPRIGHT.get(orientation(picture))
    upright = picture if turned is None else picture.transpose(turned)
    if upright.mode.startswith("I"):  # 16 bits a pixel, which convert() would clip
        gray = np.asarray(upright, np.float64) * (255.0 / _MAX_16_BIT)
        upright = Image.fromarray(np.rint(gray.clip(0, 255)).astype(np.uint8))
    if upright.has_transparency_data:
        paper = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(paper, upright.convert("RGBA"))
    color = len(spec.example_shape) == 3 and spec.example_shape[2] == 3
    converted = upright.convert("RGB" if color else "L")
    height, width = spec.example_shape[:2]
    if converted.size != (width, height):
        # Without reducing first, which is faster and coarser, as graphs cannot do the same.
        converted = converted.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(converted, np.float64)
