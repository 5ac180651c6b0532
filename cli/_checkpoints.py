"""The options that say where a run is saved as it goes, and whether to take one up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tfsoftmax import Checkpoints

_OPTIONS = (
    click.option(
        "--checkpoint-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Save the run there as it goes; Ctrl-C and SIGTERM save it once more before they "
        "end it.",
    ),
    click.option(
        "--checkpoint-steps",
        type=click.IntRange(min=1),
        help="Save after every so many steps, too.",
    ),
    click.option(
        "--checkpoint-seconds",
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        help="Save whenever so much time has passed.",
    ),
    click.option(
        "--keep-checkpoints",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="How many of the latest are kept.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on with the run that is saved in --checkpoint-dir, if there is one; the result is "
        "the same to the bit as if it had never stopped.",
    ),
)


def checkpoint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --checkpoint-dir and what goes with it; `checkpoints_from` reads them."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def checkpoints_from(options: dict[str, Any]) -> Checkpoints | None:
    """What is asked for; None if nothing is.

    Raises:
      click.UsageError: if a run is to be resumed from nowhere.
    """
    from tfsoftmax import Checkpoints

    folder = options["checkpoint_dir"]
    if folder is None:
        if options["resume"] or options["checkpoint_steps"]:
            raise click.UsageError("--resume and --checkpoint-steps need --checkpoint-dir")
        return None
    return Checkpoints(
        folder,
        every_steps=options["checkpoint_steps"],
        every_seconds=options["checkpoint_seconds"],
        keep=options["keep_checkpoints"],
        resume=options["resume"],
    )
