"""The options for saving checkpoints and resuming from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._flags import flag

if TYPE_CHECKING:
    from tfsoftmax import Checkpoints

_OPTIONS = (
    click.option(
        "--checkpoint-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Save checkpoints in this folder while training; Ctrl-C and SIGTERM save a last one.",
    ),
    click.option(
        "--checkpoint-steps",
        type=click.IntRange(min=1),
        help="Also save a checkpoint every this many steps.",
    ),
    click.option(
        "--checkpoint-seconds",
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        help="Save a checkpoint every this many seconds.",
    ),
    click.option(
        "--keep-checkpoints",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="How many checkpoints to keep; older ones are removed.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Resume the run saved in --checkpoint-dir, if there is one. The result is bit for bit "
        "the same as without the interruption.",
    ),
)


def checkpoint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --checkpoint-dir and the options that belong to it; `checkpoints_from` reads them."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def checkpoints_from(options: dict[str, Any]) -> Checkpoints | None:
    """Makes `Checkpoints` of the options; None without --checkpoint-dir.

    Raises:
      click.UsageError: if another option needs --checkpoint-dir.
    """
    from tfsoftmax import Checkpoints

    folder = options["checkpoint_dir"]
    if folder is None:
        for name in ("resume", "checkpoint_steps"):
            if options[name]:
                raise click.UsageError(f"{flag(name)} needs --checkpoint-dir, the run's folder")
        return None
    return Checkpoints(
        folder,
        every_steps=options["checkpoint_steps"],
        every_seconds=options["checkpoint_seconds"],
        keep=options["keep_checkpoints"],
        resume=options["resume"],
    )
