"""Entry points of the commands; they handle Ctrl-C before anything slow is imported."""

from __future__ import annotations

import os
import sys

from tfsoftmax.cli._early_signals import ENDINGS, exit_on_signals


def tfsoftmax() -> None:
    """Runs the command ``tfsoftmax``."""
    _run("main", "tfsoftmax")


def train() -> None:
    """Runs the command ``tfsoftmax-train``."""
    _run("train", "tfsoftmax-train")


def _run(module: str, name: str) -> None:
    exit_on_signals()
    import warnings
    from importlib import import_module

    from tfsoftmax.cli._interrupt import raise_what_destructors_swallow

    raise_what_destructors_swallow()
    if not sys.warnoptions:  # Libraries warn about their own code, which users cannot change.
        warnings.simplefilter("ignore")
    try:
        command = import_module(f"tfsoftmax.cli.{module}").main
    except (ImportError, MemoryError, OSError) as error:
        sys.exit(f"Error: {name} cannot be started: {error}")
    try:
        command(prog_name=name)
    except SystemExit as end:
        from tfsoftmax.errors import TRY_AGAIN

        if end.code in [TRY_AGAIN, *(code for _, code in ENDINGS.values())]:
            # Python may have recorded the interrupt, and would then end the process by a signal
            # instead of this exit code. TensorFlow would wait for other workers that are gone.
            os._exit(end.code)
        raise
