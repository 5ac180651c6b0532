"""Encoded pictures as a TensorFlow graph reads them, the same way as `data.images` does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfsoftmax.export.picture_bytes import (
    is_opaque_of_few_bits,
    is_png,
    orientation,
    swaps_sides,
    upright,
)
from tfsoftmax.spec import Spec


def decoded(content: tf.Tensor, spec: Spec) -> tf.Tensor:
    """One encoded PNG or JPEG as a raw example, in the graph.

    As `data.images.read_image` does it: turned upright as its EXIF block says, laid on white
    where it is transparent, made gray (ITU-R 601) or RGB as the model needs, scaled to the
    model's size, and mapped from black..white to the model's range of values. What is neither
    PNG nor JPEG is refused, though TensorFlow could decode it.

    Args:
      content: scalar string.
      spec: of a model of images.
    """
    is_jpeg = tf.io.is_jpeg(content)
    check = tf.debugging.Assert(is_jpeg | is_png(content), ["not a PNG or JPEG picture"])
    with tf.control_dependencies([check]):
        content = tf.identity(content)
    pixels = tf.cond(is_jpeg, lambda: _from_jpeg(content), lambda: _from_png(content))
    pixels.set_shape([None, None, 3])
    if spec.example_shape[2:] != (3,):
        pixels = tf.round(luma(pixels))
    levels = _resized_upright(pixels, orientation(content), spec.example_shape[:2])
    return tf.reshape(from_levels(levels, spec), spec.example_shape)


def _resized_upright(pixels: tf.Tensor, turned: tf.Tensor, size: Sequence[int]) -> tf.Tensor:
    """As Pillow resizes: first the rows and then the columns, whole levels after each."""
    stored = tf.shape(pixels)[:2]
    target = tf.where(swaps_sides(turned), size[::-1], size)
    rows_first = tf.stack([stored[0], target[1]])
    columns_first = tf.stack([target[0], stored[1]])
    for step in (tf.where(swaps_sides(turned), columns_first, rows_first), target):
        resized = tf.image.resize(pixels, step, method="lanczos3", antialias=True)
        # Lanczos overshoots at edges; a picture's own levels end at black and white.
        pixels = tf.clip_by_value(tf.round(resized), 0.0, 255.0)
    return upright(pixels, turned)


def luma(rgb: tf.Tensor) -> tf.Tensor:
    """Brightness of float ``[..., 3]`` as ``[..., 1]``, after ITU-R BT.601."""
    red, green, blue = tf.split(rgb, 3, axis=-1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def from_levels(levels: tf.Tensor, spec: Spec) -> tf.Tensor:
    """Levels from 0, black, to 255, white, as the model's raw values."""
    low, high = spec.value_range or (0.0, 255.0)
    values = low + levels * ((high - low) / 255.0)
    if np.issubdtype(np.dtype(spec.dtype), np.integer):
        values = tf.round(values)
    return tf.cast(values, spec.dtype)


def _from_jpeg(content: tf.Tensor) -> tf.Tensor:
    # The exact transform, as Pillow's; TensorFlow's default is a faster, coarser one.
    rgb = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.cast(rgb, tf.float32)


def _from_png(content: tf.Tensor) -> tf.Tensor:
    # Asked for opacity where a picture has none, TensorFlow fills in the largest number that
    # a sample can be before it is widened to 8 bits: of 1 bit, 1 of 255.
    return tf.cond(
        is_opaque_of_few_bits(content),
        lambda: tf.cast(tf.io.decode_png(content, channels=3), tf.float32),
        lambda: _on_white(tf.io.decode_png(content, channels=4)),
    )


def _on_white(rgba: tf.Tensor) -> tf.Tensor:
    channels = tf.cast(rgba, tf.float32)
    opacity = channels[..., 3:] / 255.0
    return tf.round(channels[..., :3] * opacity + 255.0 * (1.0 - opacity))
