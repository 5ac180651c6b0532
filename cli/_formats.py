"""The options that say what is written beside a SavedModel, for whoever writes one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click

# As in tfsoftmax.export.tflite and artefacts, which are too slow to import for an option's help.
TFLITE_KINDS = ("float32", "float16", "dynamic", "int8", "uint8", "micro")
_ALSO = ("mediapipe", "trainable", "onnx")
_MOST_ROWS = 4096


class Forms(NamedTuple):
    """What a command was told to write beside the SavedModel, as `export_model` takes it."""

    formats: tuple[str, ...]
    tflite_batch: int | None


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
    """Adds the options that say what is written; the command gets them as `forms`."""

    @functools.wraps(command)
    def with_forms(tflite: tuple[str, ...], tflite_batch: int | None, **options: Any) -> Any:
        also = [name for name in _ALSO if options.pop(name)]
        return command(forms=Forms((*tflite, *also), tflite_batch), **options)

    for decorate in (
        click.option(
            "--onnx", is_flag=True, help="Write model.onnx, too (pip install 'tfsoftmax[onnx]')."
        ),
        click.option(
            "--trainable", is_flag=True, help="Write a TFLite file that can learn on its device."
        ),
        click.option("--mediapipe", is_flag=True, help="Write a TFLite file for MediaPipe Tasks."),
        click.option(
            "--tflite-batch",
            type=click.IntRange(1, _MOST_ROWS),
            metavar="N",
            help="Rows that the TFLite files take at a time, no more and no fewer: 1 for browsers "
            "(LiteRT.js). Without it, any number.",
        ),
        click.option(
            "--tflite",
            type=KindList(),
            default="float32",
            show_default=True,
            help=f"TFLite files to write, separated by commas: {', '.join(TFLITE_KINDS)}; or none.",
        ),
    ):
        with_forms = decorate(with_forms)
    return with_forms
