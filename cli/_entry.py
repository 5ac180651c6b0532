"""Where the commands begin: Ctrl-C is heard before anything slow is imported."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module

from tfsoftmax.cli._interrupt import ENDINGS, exit_on_signals


def tfsoftmax() -> None:
    """The command ``tfsoftmax``."""
    _run("main", "tfsoftmax")


def train() -> None:
    """The command ``tfsoftmax-train``."""
    _run("train", "tfsoftmax-train")


def _run(module: str, name: str) -> None:
    exit_on_signals()
    if not sys.warnoptions:  # Libraries warn of their own code, which no user can change.
        warnings.simplefilter("ignore")
    try:
        command = import_module(f"tfsoftmax.cli.{module}").main
    except (ImportError, MemoryError, OSError) as error:
        sys.exit(f"Error: {name} cannot be started: {error}")
    try:
        command(prog_name=name)
    except SystemExit as end:
        if end.code in [code for _, code in ENDINGS.values()]:
            # Python itself may have seen the interrupt go by, and would end by a signal.
            os._exit(end.code)
        raise
