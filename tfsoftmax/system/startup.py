"""Starts TensorFlow and LiteRT without their log output and without importing Keras.

TensorFlow's C++ code respects ``TF_CPP_MIN_LOG_LEVEL``, except while it is being imported;
LiteRT ignores it. In both cases the functions here apply it instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from tfsoftmax.errors import MachineError
from tfsoftmax.system import compile_cache

# For libraries, thread stacks and memory arenas. A small run on two cores reserved 3.9 GiB.
_ADDRESS_SPACE_BYTES = 4 * 2**30
_forked_after_start = False


@contextmanager
def silence_native_log() -> Iterator[None]:
    """Discards native output to standard error if ``TF_CPP_MIN_LOG_LEVEL`` is 1 or more."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0":
        yield
        return
    if sys.stderr:
        sys.stderr.flush()
    try:
        stderr_copy = os.dup(2)
    except OSError:  # Standard error is closed: nothing to silence.
        yield
        return
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(stderr_copy, 2)
        os.close(stderr_copy)


def quieten() -> None:
    """Turns off TensorFlow's log before its import, unless ``TF_CPP_MIN_LOG_LEVEL`` asks for it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def check_not_forked() -> None:
    """Checks that TensorFlow can compute in this process.

    Raises:
      MachineError: if the process was forked from one that had started TensorFlow, whose threads
        no fork copies: its first operation would wait for them forever.
    """
    if _forked_after_start:
        raise MachineError(
            "TensorFlow had been started when this process was forked from another, and cannot "
            "work in both: start processes by spawning, as joblib's loky and "
            "multiprocessing.get_context('spawn') do"
        )


def _note_fork() -> None:
    global _forked_after_start
    _forked_after_start = "tensorflow" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@contextmanager
def quiet_in_notebooks() -> Iterator[None]:
    """In a notebook, keeps TensorFlow's log out of the cells, unless its level was set.

    What is imported in the block is silent, and so is TensorFlow afterwards.
    """
    if "ipykernel" not in sys.modules:
        yield
        return
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_native_log():
        yield


def import_tensorflow() -> None:
    """Imports TensorFlow silently, with the compile cache enabled, but without Keras.

    That halves the time. At the end of its import TensorFlow imports Keras's optimizers, and
    with them all of Keras, scikit-learn and matplotlib if they are installed, and carries on
    without them if that fails. ``tf.keras`` is still imported when it is used.

    Raises:
      MachineError: if the process may not use as much address space as TensorFlow needs.
    """
    if "tensorflow" not in sys.modules:
        check_address_space()
        compile_cache.enable()
        with silence_native_log(), _block_import("keras.src.optimizers"):
            import tensorflow  # noqa: F401


def check_address_space() -> None:
    """Checks that this process may use as much address space as TensorFlow needs.

    With less, TensorFlow ends the process with a page of addresses, and OpenBLAS, which comes
    with scikit-learn, waits forever.

    Raises:
      MachineError: if the limit is too low.
    """
    with suppress(ImportError):  # Windows has no such limit.
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if 0 <= limit < _ADDRESS_SPACE_BYTES:
            raise MachineError(
                f"TensorFlow needs {_ADDRESS_SPACE_BYTES / 2**30:.0f} GiB of address space, most "
                f"of it only reserved, and this process may have {limit / 2**30:.1f} GiB: raise "
                "the limit (ulimit -v)"
            )


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Turns the errors of TensorFlow's file operations in the block into OSError.

    Raises:
      OSError: with the reason in TensorFlow's message, "No space left on device" for example.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        # Without the name of the operation: "...; No space left on device [Op:SaveV2]".
        reason = error.message.rpartition(";")[2].partition("[Op:")[0]
        raise OSError(reason.strip()) from error


@contextmanager
def _block_import(name: str) -> Iterator[None]:
    """Makes importing a module fail within the block, unless it has been imported already."""
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
