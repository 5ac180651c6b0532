"""Handles Ctrl-C and SIGTERM so that no signal is lost and no file is left half-written.

Python raises KeyboardInterrupt wherever the program happens to be. A destructor, a TensorFlow
callback or an import may swallow it or turn it into another error, and a staging folder may be
left behind. So a signal is recorded as pending, and KeyboardInterrupt is raised:

* at once in ordinary code;
* a moment later where files are being written or removed;
* only when the code checks for it, inside `defer_interrupts`;
* at the end of the command, if it has been swallowed until then.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tfsoftmax.cli import _early_signals
from tfsoftmax.cli._early_signals import DEFAULT_HANDLERS, exit_at_once


class Terminated(KeyboardInterrupt):
    """Raised for SIGTERM; ends the command as Ctrl-C does, with another exit code."""


# The message and the exit code of each; shells report the two signals by these codes.
ENDINGS = {
    KeyboardInterrupt: _early_signals.ENDINGS[signal.SIGINT],
    Terminated: _early_signals.ENDINGS[signal.SIGTERM],
}
_INTERRUPTS: dict[int, type[KeyboardInterrupt]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
}
_RETRY_SECONDS = 0.005
# No interrupt may come between the creation of a staging folder and the `try` that removes it.
_UNINTERRUPTIBLE_MODULE = "tfsoftmax.system.files"


class _State:
    """The state of interrupts in this process.

    Attributes:
      pending: the interrupt that was asked for and may not have taken effect yet.
      handled: whether a `handle_signals` block is running.
      deferred: how many `defer_interrupts` blocks are running.
    """

    pending: type[KeyboardInterrupt] | None = None
    handled = False
    deferred = 0


def raise_pending_interrupt() -> None:
    """Raises the pending interrupt, if there is one."""
    interrupt, _State.pending = _State.pending, None
    if interrupt:
        raise interrupt


@contextmanager
def handle_signals() -> Iterator[None]:
    """Makes SIGINT and SIGTERM raise KeyboardInterrupt, at a safe moment, within the block.

    After a signal the block ends with KeyboardInterrupt, whatever other error is raised. A
    second signal ends the process at once, as without a handler. Signals that are ignored or
    have a handler of somebody else's are left alone.
    """
    if _State.handled:
        yield
        return
    before = {number: signal.getsignal(number) for number in DEFAULT_HANDLERS}
    ours = [
        number
        for number, handler in before.items()
        if handler in (DEFAULT_HANDLERS[number], exit_at_once)
    ]
    try:
        for number in ours:
            signal.signal(number, _request_interrupt)
    except ValueError:  # Not the main thread, and only that one receives signals.
        ours = []
    _State.handled = True
    try:
        yield
    finally:
        _State.deferred += 1
        try:
            raise_pending_interrupt()
        finally:
            _State.handled, _State.pending = False, None
            for number in ours:
                at_command_end = before[number] is exit_at_once
                signal.signal(number, signal.SIG_IGN if at_command_end else before[number])
            _State.deferred -= 1


@contextmanager
def defer_interrupts() -> Iterator[Callable[[], None]]:
    """Yields a function that raises KeyboardInterrupt if Ctrl-C was pressed within the block.

    Nothing else in the block raises it; one that is still pending is raised at its end.
    """
    with handle_signals():
        _State.deferred += 1
        try:
            yield raise_pending_interrupt
        finally:
            _State.deferred -= 1
        raise_pending_interrupt()


def ignore_further_signals() -> None:
    """Ignores signals from now on, because the command's work is done."""
    _State.pending = None
    for number in DEFAULT_HANDLERS:
        if signal.getsignal(number) is _request_interrupt:
            signal.signal(number, signal.SIG_IGN)


def raise_what_destructors_swallow() -> None:
    """Makes interrupts that destructors swallow pending ones, and hides other errors of theirs."""
    sys.unraisablehook = _handle_unraisable


def _request_interrupt(number: int, frame: FrameType | None) -> None:
    _State.pending = _INTERRUPTS[number]
    # The next signal ends the process.
    for handled in DEFAULT_HANDLERS:
        if signal.getsignal(handled) is _request_interrupt:
            signal.signal(handled, signal.SIG_DFL)
    _interrupt(number, frame)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raises the pending interrupt, unless interrupts are deferred or files are being written."""
    if _State.deferred:
        return
    while frame:
        if frame.f_globals.get("__name__") == _UNINTERRUPTIBLE_MODULE:
            return _interrupt_soon()
        frame = frame.f_back
    if _State.pending:  # It stays pending, because what is raised here may be swallowed.
        raise _State.pending


def _interrupt_soon() -> None:
    if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) in (
        signal.SIG_DFL,
        _interrupt,
    ):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)


def _handle_unraisable(unraisable: Any) -> None:
    """Raises again the interrupts that destructors swallow; hides other errors, except with -v."""
    if _State.handled and issubclass(unraisable.exc_type, KeyboardInterrupt):
        _State.pending = unraisable.exc_type
        _interrupt_soon()
    elif os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0":
        sys.__unraisablehook__(unraisable)
