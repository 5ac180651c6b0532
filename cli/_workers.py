"""The options of a command that may be one of several workers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.distributed.workers import ALONE, Workers, join_workers
from tfsoftmax.errors import PeerError

_log = logging.getLogger("tfsoftmax.cli")
if TYPE_CHECKING:
    from tfsoftmax import Dataset, FitResult

_OPTIONS = (
    click.option(
        "--distribute",
        type=click.Choice(["auto", "off"]),
        default="auto",
        show_default=True,
        help="Train together with the other processes that TF_CONFIG, a step of Slurm or an "
        "Indexed Job names, if there are any; or alone whatever they say.",
    ),
    click.option(
        "--join-timeout",
        type=click.FloatRange(min=0, min_open=True, max=86_400),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for the other processes at the start.",
    ),
)


def workers_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --distribute and --join-timeout; `join` reads them."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def join(options: dict[str, Any], sync_every: object) -> Workers:
    """Meets the other processes, if there are any; raises as `join_workers` does.

    All but the chief log errors only. Logs a note if there are no others, and it was said how often
    they exchange weights.

    Args:
      options: the command's; these two are removed.
      sync_every: None where it was not given.
    """
    distribute, timeout = options.pop("distribute"), options.pop("join_timeout")
    workers = ALONE if distribute == "off" else join_workers(timeout)
    if workers.count == 1 and sync_every is not None:
        _log.warning(
            "Note: --sync-every %s does nothing: this process trains alone, and it says how often "
            "several exchange weights (tfsoftmax launch starts some)",
            sync_every,
        )
    if not workers.is_chief:
        logging.getLogger("tfsoftmax").setLevel(logging.ERROR)
    return workers


def assist(trained: FitResult, loaded: Dataset, workers: Workers) -> None:
    """Does a worker's part of what the chief asks of the rows of all, once it has trained."""
    from tfsoftmax import diagnose
    from tfsoftmax.cli._training import rows_to_calibrate_on
    from tfsoftmax.data.dataset import check_unchanged
    from tfsoftmax.data.sharded_rows import workers_with

    if workers_with(trained.dataset.train.features).count == 1:
        return  # The chief has them all.
    with workers.peer_errors():
        diagnose(trained.model, trained.dataset, trained.history)
        check_unchanged(loaded, trained.record.dataset.sha256)
        rows_to_calibrate_on(trained.dataset)


def let_go(workers: Workers) -> None:
    """Lets the others end, who wait until the chief needs them no more; it may have lost some."""
    with suppress(PeerError):
        workers.meet()
