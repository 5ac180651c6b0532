"""Starting native libraries: as quietly as the user asked, and without what is not needed.

TensorFlow's C++ code honours ``TF_CPP_MIN_LOG_LEVEL``, except for what it prints while it
is being imported; LiteRT never does. Around those moments the variable is honoured here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from tfsoftmax.errors import MachineError
from tfsoftmax.system import compile_cache

# Of libraries, threads' stacks and arenas: a small run on two cores reserved 3.9 GiB.
_ADDRESS_SPACE = 4 * 2**30


@contextmanager
def honour_log_level() -> Iterator[None]:
    """Silences file descriptor 2 within the block if ``TF_CPP_MIN_LOG_LEVEL`` is 1 or more."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0":
        yield
        return
    if sys.stderr:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # closed already: nothing to silence
        yield
        return
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def import_tensorflow() -> None:
    """Imports TensorFlow, quietly, with its compiled loops kept, and without Keras for now.

    Without Keras it takes half the time: TensorFlow ends its own import by importing Keras's
    optimizers, with all of Keras, scikit-learn and matplotlib where they are installed,
    and goes on without them if that fails. ``tf.keras`` still loads when it is used.

    Raises:
      MachineError: if the process may not take as much address space as TensorFlow does.
    """
    if "tensorflow" not in sys.modules:
        check_machine()
        compile_cache.enable()
        with honour_log_level(), _not_importable("keras.src.optimizers"):
            import tensorflow  # noqa: F401


def check_machine() -> None:
    """Finds out now whether TensorFlow can start at all.

    Where it may not have the address space, it ends the process with a page of addresses, and
    OpenBLAS, which scikit-learn brings, waits for ever.

    Raises:
      MachineError: if this process may not take as much address space as they do.
    """
    with suppress(ImportError):  # Windows has no such limit.
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if 0 <= limit < _ADDRESS_SPACE:
            raise MachineError(
                f"TensorFlow needs {_ADDRESS_SPACE / 2**30:.0f} GiB of address space, most of it "
                f"only reserved, and this process may have {limit / 2**30:.1f} GiB: raise the "
                "limit (ulimit -v)"
            )


@contextmanager
def file_errors() -> Iterator[None]:
    """TensorFlow's own files fail in its own way; within the block, as Python's do.

    Raises:
      OSError: in the place of what TensorFlow raised, 'FILE; No space left on device'.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message.rpartition(";")[2].strip()) from error


@contextmanager
def _not_importable(name: str) -> Iterator[None]:
    """Makes importing one module fail within the block; one already imported is let be."""
    if name in sys.modules:
        yield
        return
    modules = cast("dict[str, Any]", sys.modules)
    modules[name] = None
    try:
        yield
    finally:
        if modules.get(name) is None:
            modules.pop(name, None)
