"""Calls TensorFlow's C functions where its Python ones would keep the interpreter's lock.

While one of those waits for another process, no handler of a signal runs, and no other thread.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[[], Exception | None]


def prepared(name: str, context: Any, *arguments: Any) -> Call | None:
    """The call of a C function of TensorFlow's, which a thread can make without the lock.

    Args:
      name: of the function; it takes the context, these arguments, and last a status.
      context: of TensorFlow, as its Python functions take it.
      *arguments: as `ctypes` takes them.

    Returns:
      What makes the call, and returns the error that TensorFlow's Python function would raise;
      None where this TensorFlow does not have it as it is known.

    Reference: tensorflow/c/eager/c_api_experimental.h and tensorflow/c/tf_status.h.
    """
    from tensorflow.python.framework.errors_impl import exception_type_from_error_code

    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    try:
        libraries = _libraries()
        new, code_of, message_of, delete = (
            getattr(libraries["framework"], f"TF_{each}")
            for each in ("NewStatus", "GetCode", "Message", "DeleteStatus")
        )
        function = getattr(libraries["cc"], name)
        pointer(context, None)
    except (OSError, KeyError, AttributeError, TypeError, ValueError):
        return None
    new.restype, message_of.restype = ctypes.c_void_p, ctypes.c_char_p

    def call() -> Exception | None:
        status = ctypes.c_void_p(new())
        # From the context itself, so that it does not end with a main thread that was interrupted.
        function(ctypes.c_void_p(pointer(context, None)), *arguments, status)
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
