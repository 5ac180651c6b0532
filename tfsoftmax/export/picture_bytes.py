"""Reads, in a graph, what TensorFlow's decoders do not report of an encoded picture.

That is its EXIF orientation, by the same rules as `data.images` outside a graph, and whether a
PNG has transparency.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import tensorflow as tf

from tfsoftmax.data.images import EXIF_PREFIX, ORIENTATION_ENTRY, TIFF_ENTRY_BYTES, TIFF_START

# Segments of a JPEG file, or chunks of a PNG file, that are searched: more than any program
# writes, and few enough that a malicious file cannot waste much time.
_MOST_PARTS = 10_000
_LONGEST_READ = 8  # bytes
_PNG = b"\x89PNG\r\n\x1a\n"
# Offsets in bytes: of the first segment, of the first chunk, and of a PNG file's bits per sample.
_JPEG_START = 2
_PNG_START = len(_PNG)
_PNG_BITS = 24
# Markers of JPEG segments.
_APP1 = 0xE1
_SCAN = 0xDA
_END = 0xD9
_PADDING = 0xFF
_ALONE = (0x00, 0x01, *range(0xD0, 0xD9))  # markers without a length


def orientation(content: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of an encoded JPEG or PNG picture: 1, as stored, to 8.

    It is 1, too, where there is no EXIF block or it is damaged.

    Args:
      content: scalar string.

    Returns:
      int64 scalar.

    Reference: CIPA DC-008, Exchangeable image file format for digital still cameras
    (Exif), sections 4.5.2 and 4.6.4; the PNG specification's chunk eXIf.

    >>> int(orientation(tf.constant(b"no picture")))
    1
    """
    file = _Bytes.of(tf.io.decode_raw(content, tf.uint8))
    block = tf.cond(
        tf.io.is_jpeg(content),
        lambda: _search(file, _JPEG_START, _jpeg_segment),
        lambda: _search(file, _PNG_START, partial(_png_chunk, b"eXIf")),
    )
    return tf.cond(block.found, lambda: _of_tiff(file, block), lambda: _integer(1))


def is_png(content: tf.Tensor) -> tf.Tensor:
    """Whether a scalar string starts as a PNG file does."""
    return tf.strings.substr(content, 0, len(_PNG)) == _PNG


def is_opaque_of_few_bits(png: tf.Tensor) -> tf.Tensor:
    """Whether a PNG file has less than 8 bits a sample and no transparency."""
    file = _Bytes.of(tf.io.decode_raw(png, tf.uint8))

    def is_opaque() -> tf.Tensor:
        return ~_search(file, _PNG_START, partial(_png_chunk, b"tRNS")).found

    return tf.cond(file.at(_integer(_PNG_BITS), 1)[0] < 8, is_opaque, lambda: tf.constant(False))


def swaps_sides(turned: tf.Tensor) -> tf.Tensor:
    """Whether a picture of this orientation is stored with height and width exchanged."""
    return turned >= 5


def upright(pixels: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """Pixels ``[height, width, channels]`` as they are meant to be seen.

    Args:
      pixels: as they are stored.
      turned: their EXIF orientation.
    """
    pixels = tf.transpose(pixels, tf.where(swaps_sides(turned), [1, 0, 2], [0, 1, 2]))
    down = tf.where(_among(turned, 3, 4, 7, 8), -1, 1)
    right = tf.where(_among(turned, 2, 3, 6, 7), -1, 1)
    return pixels[::down, ::right]


class _Block(NamedTuple):
    """The bytes from `start` to before `end`; there are none if `start` is not less than `end`."""

    start: tf.Tensor
    end: tf.Tensor

    @property
    def found(self) -> tf.Tensor:
        return self.start < self.end


class _Bytes(NamedTuple):
    """The bytes of a file, padded with zeros, and their number."""

    padded: tf.Tensor
    size: tf.Tensor

    @classmethod
    def of(cls, data: tf.Tensor) -> _Bytes:
        return cls(tf.pad(data, [[0, _LONGEST_READ]]), tf.size(data, tf.int64))

    def at(self, position: tf.Tensor, count: int) -> tf.Tensor:
        """The `count` bytes from a position on, int64 ``[count]``."""
        first = tf.minimum(position, self.size)
        return tf.cast(tf.slice(self.padded, [first], [count]), tf.int64)

    def is_at(self, position: tf.Tensor, expected: bytes) -> tf.Tensor:
        return tf.reduce_all(self.at(position, len(expected)) == list(expected))


# Given a file and the start of a part, returns the block that is searched for, if it is in that
# part, and the start of the next part.
_Part = Callable[[_Bytes, tf.Tensor], tuple[_Block, tf.Tensor]]


def _search(file: _Bytes, start: int, part: _Part) -> _Block:
    def goes_on(position: tf.Tensor, block: _Block) -> tf.Tensor:
        return (position < file.size) & ~block.found

    def step(position: tf.Tensor, block: _Block) -> tuple[tf.Tensor, _Block]:
        block, following = part(file, position)
        return following, block

    nothing = _Block(_integer(0), _integer(0))
    _, block = tf.while_loop(
        goes_on, step, (_integer(start), nothing), maximum_iterations=_MOST_PARTS
    )
    return block


def _jpeg_segment(file: _Bytes, position: tf.Tensor) -> tuple[_Block, tf.Tensor]:
    first, kind = tf.unstack(file.at(position, 2))
    size = _number(file.at(position + 2, 2))
    is_marker = (first == 0xFF) & (kind != _PADDING)
    has_exif = is_marker & (kind == _APP1) & file.is_at(position + 4, EXIF_PREFIX)
    step = tf.where(_among(kind, *_ALONE), _integer(2), 2 + tf.maximum(size, 2))
    step = tf.where(is_marker, step, 1)
    # No segment after one of these can hold the orientation.
    step = tf.where(is_marker & _among(kind, _SCAN, _END), file.size, step)
    return _within(file, has_exif, position + 4, size - 2), position + step


def _png_chunk(name: bytes, file: _Bytes, position: tf.Tensor) -> tuple[_Block, tf.Tensor]:
    size = _number(file.at(position, 4))
    is_named = file.is_at(position + 4, name)
    return _within(file, is_named, position + 8, size), position + size + 12


def _within(file: _Bytes, found: tf.Tensor, start: tf.Tensor, size: tf.Tensor) -> _Block:
    end = tf.minimum(start + size, file.size)
    return _Block(start, tf.where(found, end, start))


def _of_tiff(file: _Bytes, block: _Block) -> tf.Tensor:
    """The orientation in an EXIF block, which is a small TIFF file behind a prefix."""
    prefix = len(EXIF_PREFIX)
    start = block.start
    for _ in range(2):  # Some programs write it twice.
        start = tf.where(file.is_at(start, EXIF_PREFIX), start + prefix, start)
    tiff = _Bytes.of(file.padded[: block.end][start:])
    little, big = (tiff.is_at(_integer(0), start) for start in TIFF_START.values())
    return tf.where(little | big, _of_directory(tiff, big), 1)


def _of_directory(tiff: _Bytes, big: tf.Tensor) -> tf.Tensor:
    start = _number(tiff.at(_integer(4), 4), big)
    whole = tf.maximum((tiff.size - start - 2) // TIFF_ENTRY_BYTES, 0)
    count = tf.minimum(_number(tiff.at(start, 2), big), whole)
    entries = tiff.padded[start + 2 : start + 2 + TIFF_ENTRY_BYTES * count]
    entries = tf.reshape(tf.cast(entries, tf.int64), [-1, TIFF_ENTRY_BYTES])
    wanted = tf.where(big, list(ORIENTATION_ENTRY["big"]), list(ORIENTATION_ENTRY["little"]))
    same = entries[:, : len(ORIENTATION_ENTRY["big"])] == tf.cast(wanted, tf.int64)
    matching = entries[tf.reduce_all(same, axis=1)]
    # Without a matching entry, the number is 0.
    value = _number(tf.reduce_sum(matching[:1, 8:10], axis=0), big)
    return tf.where((value >= 1) & (value <= 8), value, 1)


def _number(digits: tf.Tensor, big: tf.Tensor | bool = True) -> tf.Tensor:
    """The integer that bytes encode, the most significant first if `big`."""
    weights = [256**exponent for exponent in reversed(range(digits.shape[0]))]
    return tf.reduce_sum(tf.where(big, digits, digits[::-1]) * weights)


def _among(value: tf.Tensor, *members: int) -> tf.Tensor:
    return tf.reduce_any(value == list(members))


def _integer(value: int) -> tf.Tensor:
    return tf.constant(value, tf.int64)
