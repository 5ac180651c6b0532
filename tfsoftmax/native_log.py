"""Native libraries' chatter on standard error, kept down as the user asked.

TensorFlow's C++ code honours ``TF_CPP_MIN_LOG_LEVEL``, except for what it prints while it
is being imported; LiteRT never does. Around those moments the variable is honoured here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def honour_log_level() -> Iterator[None]:
    """Silences file descriptor 2 within the block if ``TF_CPP_MIN_LOG_LEVEL`` is 1 or more."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0":
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def import_tensorflow() -> None:
    """Imports TensorFlow, as quietly as ``TF_CPP_MIN_LOG_LEVEL`` asks."""
    if "tensorflow" not in sys.modules:
        with honour_log_level():
            import tensorflow  # noqa: F401
