"""Which of the other processes is gone, by what TensorFlow says and by who answers."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

_PROBE_SECONDS = 2.0
_PROBES, _PROBE_PAUSE = 10, 0.5
_REPORT = "tfsoftmax has lost workers "


def errors_of_peers(errors: Any) -> tuple[type[Exception], ...]:
    """What TensorFlow raises where another process is gone; `errors` is its module."""
    return (
        errors.UnavailableError, errors.AbortedError, errors.CancelledError, errors.InternalError,
        errors.DeadlineExceededError, errors.FailedPreconditionError,
    )  # fmt: skip


def who_is_lost(said: str, index: int, addresses: Sequence[str]) -> list[int]:
    """Who is gone, by what another process or TensorFlow said, or else by who does not answer.

    Args:
      said: TensorFlow's message.
      index: which of the processes says so.
      addresses: of all.

    Returns:
      Their numbers; none if nobody can tell.
    """
    others = [other for other in range(len(addresses)) if other != index]
    # Who said so may have ended since, because of the same loss.
    if reported := [task for task in _reported(said) if task in others]:
        return reported
    # It may say which worker it says so to, first.
    told = [task for task in tasks_in(said) if task in others] or _first_lost(said)
    for _ in range(_PROBES):
        gone = [other for other in others if not _answers(addresses[other])] or told
        if gone:
            return gone
        # One that was killed may answer for a moment more, while the system ends it.
        time.sleep(_PROBE_PAUSE)
    return []


def report_of(gone: Sequence[int]) -> str:
    """What one that has lost others tells all of it, for `who_is_lost`.

    >>> who_is_lost("Error reported: " + report_of([1, 2]), 0, ["a:1", "b:1", "c:1"])
    [1, 2]
    """
    return _REPORT + " ".join(map(str, gone))


def _reported(message: str) -> list[int]:
    found = re.search(_REPORT + r"(\d+(?: \d+)*)", message)
    return [int(index) for index in found[1].split()] if found else []


def tasks_in(message: str) -> list[int]:
    """The tasks that one of TensorFlow's messages says are late or gone."""
    if "/tensorflow.CoordinationService/Heartbeat" in message:
        return [0]  # The chief keeps the list of who is there.
    late = message.partition("timed out task names:")[2] or message
    late = late.partition("Additional GRPC error information")[0]  # That names who said it.
    return sorted({int(task) for task in re.findall(r"/job:worker/replica:0/task:(\d+)", late)})


def _first_lost(message: str) -> list[int]:
    """The task that could not be called any more, where one of TensorFlow's messages tells.

    Who had lost another and was called then passes on what it was told, so the first is the one.

    >>> _first_lost("Additional GRPC error information from remote target "
    ...             "/job:worker/replica:0/task:2 while calling /tensorflow.WorkerService/RecvBuf:")
    [2]
    """
    target = r"error information from remote target /job:worker/replica:0/task:(\d+)"
    return [int(task) for task in re.findall(target, message)[:1]]


def named(indices: Sequence[int], addresses: Sequence[str]) -> str:
    """Workers in words: their numbers and addresses."""
    names = [
        f"worker {index}{', the chief' * (index == 0)} ({addresses[index]})" for index in indices
    ]
    return " and ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _answers(address: str) -> bool:
    import socket  # Only now: commands import this module to show their help.

    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _PROBE_SECONDS).close()
    except OSError:
        return False
    return True
