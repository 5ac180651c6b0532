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
from pathlib import Path
from typing import Any

_LOOK_SECONDS = 0.1

_Call = Callable[[], Exception | None]


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
        call = _prepared(context, definition)
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


def _result_of(call: _Call, keep_handlers: Callable[[], None]) -> Exception | None:
    """What a call in a thread returns; signals are handled meanwhile."""
    found: list[Exception | None] = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    while thread.is_alive():
        keep_handlers()
        thread.join(_LOOK_SECONDS)
    return found.pop()


def _prepared(context: Any, definition: bytes) -> _Call | None:
    """The call of the C function; None where this TensorFlow does not have it as it is known.

    It returns the error that TensorFlow's Python function would raise.

    Reference: tensorflow/c/eager/c_api_experimental.h and tensorflow/c/tf_status.h.
    """
    from tensorflow.python.framework.errors_impl import exception_type_from_error_code

    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    try:
        libraries = _libraries()
        new, code_of, message_of, delete = (
            getattr(libraries["framework"], f"TF_{name}")
            for name in ("NewStatus", "GetCode", "Message", "DeleteStatus")
        )
        enable = libraries["cc"].TFE_EnableCollectiveOps
        pointer(context, None)
    except (OSError, KeyError, AttributeError, TypeError, ValueError):
        return None
    new.restype, message_of.restype = ctypes.c_void_p, ctypes.c_char_p

    def call() -> Exception | None:
        status, size = ctypes.c_void_p(new()), ctypes.c_size_t(len(definition))
        # From the context itself, so that it does not end with a main thread that was interrupted.
        enable(ctypes.c_void_p(pointer(context, None)), definition, size, status)
        code, said = code_of(status), message_of(status).decode("utf-8", "replace")
        delete(status)
        return exception_type_from_error_code(code)(None, None, said) if code else None

    return call


def _libraries() -> dict[str, Any]:
    """TensorFlow's libraries of C functions, by their names."""
    import tensorflow as tf

    return {
        part: ctypes.CDLL(str(file))
        for part in ("cc", "framework")
        for file in Path(tf.sysconfig.get_lib()).glob(f"libtensorflow_{part}.*")
    }
