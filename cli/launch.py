"""``tfsoftmax launch``: several workers on this machine."""

from __future__ import annotations

import shutil

import click

from tfsoftmax.cli._console import PlainCommand
from tfsoftmax.errors import PeerError


@click.command(cls=PlainCommand, context_settings={"ignore_unknown_options": True})
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=256),
    required=True,
    metavar="N",
    help="How many processes train together.",
)
@click.option(
    "--restarts",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="How often all are started again, at most, if one of them is killed.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.help_option("-h", "--help")
def launch(workers: int, restarts: int, command: tuple[str, ...]) -> int:
    """Run a command as several workers on this machine, which train one model together.

    The workers meet by TF_CONFIG, which is set for them. The first, the chief, prints progress
    and exports the model; what others print begins with their number. Ctrl-C and SIGTERM go to
    all. If one is killed, all are started again: with --checkpoint-dir and --resume they go on
    from the chief's last checkpoint.

    \b
    Examples:
      tfsoftmax launch --workers 2 -- tfsoftmax-train mnist5k
      tfsoftmax launch --workers 4 -- tfsoftmax-train --checkpoint-dir ck --resume
    """
    from tfsoftmax.distributed.launch import launch as run

    program = shutil.which(command[0])
    if program is None:
        raise click.UsageError(f"there is no command {command[0]!r} to run")
    ended = run([program, *command[1:]], workers, restarts)
    if ended.by_signal:
        raise PeerError(
            f"worker {ended.worker} of {workers} was ended by signal {ended.by_signal}, and the "
            f"others with it, after {ended.restarts} of {restarts} restarts; run the same command "
            "again to go on"
        )
    return ended.code
