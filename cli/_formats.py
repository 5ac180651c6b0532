"""The options that say what is written beside a SavedModel, for whoever writes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

# As in tfsoftmax.export.tflite, which is too slow to import for an option's help.
TFLITE_KINDS = ("float32", "float16", "dynamic", "int8", "uint8", "micro")
_ALSO = ("mediapipe", "trainable", "onnx")


class KindList(click.ParamType):
    """Names separated by commas."""

    name = "KINDS"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Splits and checks."""
        if isinstance(value, tuple):
            return value
        if value == "none":
            return ()
        kinds = tuple(kind.strip() for kind in value.split(","))
        for kind in kinds:
            if kind not in TFLITE_KINDS:
                self.fail(f"{kind!r} is not one of {', '.join(TFLITE_KINDS)}", param, ctx)
        return kinds


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --tflite, --mediapipe, --trainable and --onnx; `formats` reads them."""
    for decorate in (
        click.option(
            "--onnx", is_flag=True, help="Write model.onnx, too (pip install 'tfsoftmax[onnx]')."
        ),
        click.option(
            "--trainable", is_flag=True, help="Write a TFLite file that can learn on its device."
        ),
        click.option("--mediapipe", is_flag=True, help="Write a TFLite file for MediaPipe Tasks."),
        click.option(
            "--tflite",
            type=KindList(),
            default="float32",
            show_default=True,
            help=f"TFLite files to write, separated by commas: {', '.join(TFLITE_KINDS)}; or none.",
        ),
    ):
        command = decorate(command)
    return command


def formats(tflite: tuple[str, ...], **flags: bool) -> tuple[str, ...]:
    """The formats asked for, as `export_model` takes them."""
    return (*tflite, *(name for name in _ALSO if flags[name]))
