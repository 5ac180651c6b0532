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
from functools import partial
from pathlib import Path
from typing import Any

_LOOK_SECONDS = 0.1


@contextmanager
def signals_while_connecting() -> Iterator[None]:
    """Within the block SIGTERM and Ctrl-C are handled as before it, and after it, too.

    Where TensorFlow's libraries are not found it connects as it always does: then signals wait.
    """
    from tensorflow.python import pywrap_tfe

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def keep_handlers() -> None:
        with suppress(ValueError):  # Not the main thread, which alone may have handlers.
            for number, handler in before.items():
                signal.signal(number, handler)

    its_own = pywrap_tfe.TFE_EnableCollectiveOps
    if libraries := _libraries():
        pywrap_tfe.TFE_EnableCollectiveOps = partial(_connect, libraries, keep_handlers)
    try:
        yield
    finally:
        pywrap_tfe.TFE_EnableCollectiveOps = its_own
        keep_handlers()


def _libraries() -> tuple[Any, Any] | None:
    """TensorFlow's libraries of C functions; None where they are not to be found."""
    import tensorflow as tf

    found = [
        ctypes.CDLL(str(file))
        for part in ("cc", "framework")
        for file in Path(tf.sysconfig.get_lib()).glob(f"libtensorflow_{part}.*")
    ]
    return (found[0], found[1]) if len(found) == 2 else None


def _connect(
    libraries: tuple[Any, Any], keep_handlers: Callable[[], None], context: Any, definition: bytes
) -> None:
    """What is called in place of TensorFlow's function; raises the same errors."""
    found: list[Exception | None] = []
    call = threading.Thread(
        target=lambda: found.append(_call(libraries, context, definition)), daemon=True
    )
    call.start()
    while call.is_alive():
        keep_handlers()
        call.join(_LOOK_SECONDS)
    if error := found.pop():
        raise error


def _call(libraries: tuple[Any, Any], context: Any, definition: bytes) -> Exception | None:
    """Calls the C function; returns the error that TensorFlow's Python function would raise.

    Reference: tensorflow/c/eager/c_api_experimental.h and tensorflow/c/tf_status.h.
    """
    from tensorflow.python.framework.errors_impl import exception_type_from_error_code

    connecting, statuses = libraries
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    statuses.TF_NewStatus.restype = ctypes.c_void_p
    statuses.TF_Message.restype = ctypes.c_char_p
    status = ctypes.c_void_p(statuses.TF_NewStatus())
    handle = ctypes.c_void_p(pointer(context, None))
    size = ctypes.c_size_t(len(definition))
    connecting.TFE_EnableCollectiveOps(handle, definition, size, status)
    code = statuses.TF_GetCode(status)
    said = statuses.TF_Message(status).decode("utf-8", "replace")
    statuses.TF_DeleteStatus(status)
    return exception_type_from_error_code(code)(None, None, said) if code else None
