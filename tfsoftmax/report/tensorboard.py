"""Writes a run for TensorBoard: metrics of each epoch, and the weights as images.

Event files are TFRecords of TensorFlow's own Event messages, so TensorBoard itself is needed
only to view them.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.system.startup import as_os_errors
from tfsoftmax.training.history import EpochMetrics

_log = logging.getLogger(__name__)
_FILE_VERSION = "brain.Event:2"
# TensorBoard groups charts by the part before the slash.
_SCALARS = {
    "loss/moving": "moving_loss",
    "loss/train": "train_log_loss",
    "loss/validation": "validation_log_loss",
    "loss/test": "test_log_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "accuracy/test": "test_accuracy",
    "learning_rate": "learning_rate",
    "seconds/training": "train_seconds",
    "seconds/evaluation": "evaluation_seconds",
}


class EventLog:
    """The event file of one run; `open_event_log` opens one."""

    def __init__(self, path: Path):
        self._path, self._failed = path, False
        self._writer = tf.io.TFRecordWriter(str(path))
        self._write(tf.compat.v1.Event(wall_time=time.time(), file_version=_FILE_VERSION))

    def add_epoch(self, metrics: EpochMetrics) -> None:
        """Writes the metrics of an epoch."""
        summary = tf.compat.v1.Summary()
        for tag, field in _SCALARS.items():
            value = getattr(metrics, field)
            if value is not None:
                summary.value.add(tag=tag, simple_value=value)
        self._add(summary, metrics.epoch)

    def add_weights(self, model: SoftmaxRegression, epoch: int) -> None:
        """Writes an image of each class's weights, if examples are images.

        Gray is 0, white is the largest magnitude of any class's weights, black its negative.
        """
        spec = model.spec
        if not spec.is_image:
            return
        W = model.W.numpy()[: spec.n_features]
        levels = 127.5 * (1 + W / max(float(np.abs(W).max()), np.finfo(np.float32).tiny))
        pixels = levels.round().astype(np.uint8).T.reshape(-1, *spec.example_shape)
        if len(spec.example_shape) == 2:
            pixels = pixels[..., None]
        height, width, channels = pixels.shape[1:]
        summary = tf.compat.v1.Summary()
        for name, image in zip(spec.class_names, pixels, strict=True):
            value = summary.value.add(tag=f"weights/{name}")
            value.image.height, value.image.width = height, width
            value.image.colorspace = channels
            value.image.encoded_image_string = tf.io.encode_png(image).numpy()
        self._add(summary, epoch)

    def _add(self, summary: tf.compat.v1.Summary, epoch: int) -> None:
        if not self._failed:
            with self._warn_once():
                self._write(tf.compat.v1.Event(wall_time=time.time(), step=epoch, summary=summary))

    def _write(self, event: tf.compat.v1.Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        with self._warn_once():
            self._writer.close()

    @contextmanager
    def _warn_once(self) -> Iterator[None]:
        """Turns a failure to write into a warning, the first time, so that the run continues."""
        try:
            with as_os_errors():
                yield
        except OSError as error:
            if not self._failed:
                _log.warning(
                    "Note: TensorBoard's %s cannot be written to any more (%s)", self._path, error
                )
            self._failed = True


@contextmanager
def open_event_log(folder: Path) -> Iterator[EventLog]:
    """Opens a new event file in a folder, which is created if it is missing.

    Raises:
      OSError: if the file cannot be created. A failure to write later is only a warning.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open_event_log(Path(folder)):
    ...         [path.name[:20] for path in Path(folder).iterdir()]
    ['events.out.tfevents.']
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"events.out.tfevents.{int(time.time())}.{platform.node()}.{os.getpid()}"
    try:
        with as_os_errors():
            log = EventLog(folder / name)
    except OSError as error:
        raise OSError(error.errno, str(error), str(folder)) from error
    try:
        yield log
    finally:
        log.close()
