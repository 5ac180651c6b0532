"""Ends the process at once on Ctrl-C and SIGTERM, from before anything slow is imported."""

from __future__ import annotations

import os
import signal

# What is said of each signal, and the exit code by which shells report it.
ENDINGS = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}
DEFAULT_HANDLERS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


def exit_on_signals() -> None:
    """Makes signals end the process at once until a command starts to handle them.

    Once the command has ended, signals are ignored.
    """
    for number, default in DEFAULT_HANDLERS.items():
        if signal.getsignal(number) is default:
            signal.signal(number, exit_at_once)


def exit_at_once(number: int, frame: object) -> None:
    """Handles a signal: says which, and ends the process."""
    word, code = ENDINGS[signal.Signals(number)]
    try:
        os.write(2, f"Error: {word}\n".encode())
    finally:  # Perhaps nobody reads it.
        os._exit(code)
