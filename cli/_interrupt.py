"""Ctrl-C and SIGTERM, at whatever moment they come: heard once, never lost, nothing half-written.

Python raises KeyboardInterrupt wherever the program happens to be. A destructor, a callback of
TensorFlow's or an import may swallow it or turn it into an error of its own, and a staging
folder may be left. So a signal is a request that stays until it is granted: it is raised at
once in ordinary code, later where files are made or removed, by whoever asks for it where that
is a callback, and at the command's end if nothing has noticed it by then.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any


class Terminated(KeyboardInterrupt):
    """What SIGTERM asks for; ends the process as Ctrl-C does, but for its exit code."""


# The codes are what a shell makes of the two signals.
ENDINGS = {KeyboardInterrupt: ("interrupted", 130), Terminated: ("terminated", 143)}
_ASKS: dict[int, type[KeyboardInterrupt]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
}
_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
_PAUSE = 0.005
# Between the creation of a folder and the note that it has to go, nothing may come.
_UNDIVIDED = "tfsoftmax.system.files"


class _Requests:
    """The one request that may be pending in this process, and who takes care of it."""

    pending: type[KeyboardInterrupt] | None = None
    handled = False
    asking = 0


def raise_pending_interrupt() -> None:
    """Raises what was asked for, if anything was and it has not been granted."""
    asked, _Requests.pending = _Requests.pending, None
    if asked:
        raise asked


@contextmanager
def handle_signals() -> Iterator[None]:
    """Within the block, SIGINT and SIGTERM raise KeyboardInterrupt, wherever it may be raised.

    Whatever else ends the block after a signal, it ends with that. A second signal ends the
    process at once, as if nobody handled it. Signals that are ignored, or somebody else's to
    handle, stay so.
    """
    if _Requests.handled:
        yield
        return
    before = {number: signal.getsignal(number) for number in _USUAL}
    ours = [number for number in before if before[number] in (_USUAL[number], _end_at_once)]
    try:
        for number in ours:
            signal.signal(number, _ask)
    except ValueError:  # not in the main thread, to which signals do not come
        ours = []
    _Requests.handled = True
    try:
        yield
    finally:
        _Requests.asking += 1
        try:
            raise_pending_interrupt()
        finally:
            _Requests.handled, _Requests.pending = False, None
            for number in ours:
                early = before[number] is _end_at_once
                signal.signal(number, signal.SIG_IGN if early else before[number])
            _Requests.asking -= 1


@contextmanager
def defer_interrupts() -> Iterator[Callable[[], None]]:
    """Yields a function that raises KeyboardInterrupt if Ctrl-C came within the block.

    Nothing is raised elsewhere within the block; at its end, what is still pending is.
    """
    with handle_signals():
        _Requests.asking += 1
        try:
            yield raise_pending_interrupt
        finally:
            _Requests.asking -= 1
        raise_pending_interrupt()


def ignore_further_signals() -> None:
    """From here on signals come too late: what the command is for has been done."""
    _Requests.pending = None
    for number in _USUAL:
        if signal.getsignal(number) is _ask:
            signal.signal(number, signal.SIG_IGN)


def exit_on_signals() -> None:
    """Until a command has begun, a signal ends the process there and then, and after it none."""
    for number, usual in _USUAL.items():
        if signal.getsignal(number) is usual:
            signal.signal(number, _end_at_once)
    sys.unraisablehook = _unraisable


def _end_at_once(number: int, frame: FrameType | None) -> None:
    word, code = ENDINGS[_ASKS[number]]
    with suppress(OSError):
        os.write(2, f"Error: {word}\n".encode())
    os._exit(code)


def _ask(number: int, frame: FrameType | None) -> None:
    _Requests.pending = _ASKS[number]
    for one in _USUAL:
        if signal.getsignal(one) is _ask:
            signal.signal(one, signal.SIG_DFL)
    _grant(number, frame)


def _grant(number: int, frame: FrameType | None) -> None:
    """Raises what is pending, unless somebody asks for it or this is no moment for it."""
    if _Requests.asking:
        return
    while frame:
        if frame.f_globals.get("__name__") == _UNDIVIDED:
            return _grant_soon()
        frame = frame.f_back
    if _Requests.pending:  # It stays pending: what is raised here may be swallowed.
        raise _Requests.pending


def _grant_soon() -> None:
    if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) in (
        signal.SIG_DFL,
        _grant,
    ):
        signal.signal(signal.SIGALRM, _grant)
        signal.setitimer(signal.ITIMER_REAL, _PAUSE)


def _unraisable(found: Any) -> None:
    """Grants what a destructor swallowed; other errors there are harmless noise, but for -v."""
    if _Requests.handled and issubclass(found.exc_type, KeyboardInterrupt):
        _Requests.pending = found.exc_type
        _grant_soon()
    elif os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0":
        sys.__unraisablehook__(found)
