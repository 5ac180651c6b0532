"""Ctrl-C and SIGTERM during training: a request, granted where nothing can swallow it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """What SIGTERM asks for; ends the process as Ctrl-C does, but for its exit code."""


@contextmanager
def interrupt_on_request() -> Iterator[Callable[[], None]]:
    """Yields a function that raises KeyboardInterrupt if Ctrl-C came within the block.

    Raised at once, as Python does, the exception may come up within a destructor or a
    callback of TensorFlow's, where it is printed and forgotten. SIGTERM makes it raise
    `Terminated`. A second signal ends the process at once, as if nobody handled it.
    """
    handled = {
        number: before
        for number, usual in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        )
        # Ignored, or somebody else's, it stays so.
        if (before := signal.getsignal(number)) is usual
    }
    asked: type[KeyboardInterrupt] | None = None

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        for one in handled:
            signal.signal(one, signal.SIG_DFL)

    def check() -> None:
        if asked:
            raise asked

    for number in handled:
        signal.signal(number, ask)
    try:
        yield check
    finally:
        for number, before in handled.items():
            signal.signal(number, before)
