"""Lets signals be handled while TensorFlow connects processes, which it does not by itself.

Its Python function keeps the interpreter's lock, so that no handler runs, and it replaces the
handler of SIGTERM. The C function beneath it is called here in a thread, without the lock.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tfsoftmax.distributed.unlocked import Call, prepared

_LOOK_SECONDS = 0.1


@contextmanager
def signals_while_connecting() -> Iterator[None]:
    """Within the block SIGTERM and Ctrl-C are handled as before it, and after it, too.

    Where TensorFlow's C function is not found it connects as it always does: then signals wait.
    """
    from tensorflow.python import pywrap_tfe

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def keep_handlers() -> None:
        with suppress(ValueError):  # Not the main thread, which alone may have handlers.
            for number, handler in before.items():
                signal.signal(number, handler)

    its_own = pywrap_tfe.TFE_EnableCollectiveOps

    def connect(context: Any, definition: bytes) -> None:
        size = ctypes.c_size_t(len(definition))
        call = prepared("TFE_EnableCollectiveOps", context, definition, size)
        if call is None:
            its_own(context, definition)
        elif error := _result_of(call, keep_handlers):
            raise error

    pywrap_tfe.TFE_EnableCollectiveOps = connect
    try:
        yield
    finally:
        pywrap_tfe.TFE_EnableCollectiveOps = its_own
        keep_handlers()


def _result_of(call: Call, keep_handlers: Callable[[], None]) -> Exception | None:
    """What a call in a thread returns; signals are handled meanwhile."""
    found: list[Exception | None] = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    while thread.is_alive():
        keep_handlers()
        thread.join(_LOOK_SECONDS)
    return found.pop()
