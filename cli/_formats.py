"""The options that choose which files are exported beside the SavedModel."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click

from tfsoftmax.cli._flags import flag
from tfsoftmax.cli._options import add_options
from tfsoftmax.export.formats import DEFAULT, FORMATS, Format, FormatOption
from tfsoftmax.export.formats import format_options as options_of_formats


class Forms(NamedTuple):
    """The files to export beside the SavedModel, as `export_model` takes them."""

    formats: tuple[str, ...]
    options: Mapping[str, Any]


class KindList(click.ParamType):
    """Names separated by commas."""

    name = "KINDS"

    def __init__(self, names: tuple[str, ...]):
        self.names = names

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Splits the value at its commas and checks every name."""
        if isinstance(value, tuple):
            return value
        if value == "none":
            return ()
        kinds = tuple(kind.strip() for kind in value.split(","))
        for kind in kinds:
            if kind not in self.names:
                self.fail(f"{kind!r} is not one of {', '.join(self.names)}", param, ctx)
        return kinds


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that choose the exported files; the command gets them as `forms`."""
    listed = tuple(name for name, row in FORMATS.items() if row.listed)
    flagged = {name: row for name, row in FORMATS.items() if name not in listed}
    settings = options_of_formats()

    @functools.wraps(command)
    def with_forms(tflite: tuple[str, ...], **options: Any) -> Any:
        also = [name for name in flagged if options.pop(name)]
        chosen = {name: options.pop(name) for name in settings}
        return command(forms=Forms((*tflite, *also), chosen), **options)

    return add_options(
        with_forms,
        [
            click.option(
                flag("tflite"),
                type=KindList(listed),
                default=",".join(DEFAULT),
                show_default=True,
                help=f"TFLite files to write, separated by commas: {', '.join(listed)}; or none.",
            ),
            *map(_number_option, settings.values()),
            *map(_flag, flagged.values()),
        ],
    )


def _number_option(option: FormatOption) -> Any:
    return click.option(
        flag(option.name),
        type=click.IntRange(option.least, option.most),
        metavar="N",
        help=option.help,
    )


def _flag(form: Format) -> Any:
    return click.option(
        flag(form.name), form.name, is_flag=True, help=f"Write {form.file}, too: {form.about}."
    )
