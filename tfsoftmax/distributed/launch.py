"""Starts the workers of a run on this machine, passes on signals, and starts them again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, NamedTuple

from tfsoftmax.errors import TRY_AGAIN

# How long workers have to notice that one is gone, or to save the run when they are asked to
# stop, before they are killed.
_END_SECONDS = 60.0
_POLL_SECONDS = 0.1


class Ended(NamedTuple):
    """How the workers ended.

    Attributes:
      code: the exit code for all of them.
      worker: whose end was the reason of the others'; None if all succeeded.
      by_signal: the signal that ended that one; 0 if none did.
      restarts: how often all were started again.
    """

    code: int
    worker: int | None
    by_signal: int
    restarts: int


def launch(command: Sequence[str], count: int, restarts: int = 3) -> Ended:
    """Runs a command as several workers on this machine, which meet by ``TF_CONFIG``.

    The first, the chief, has this process's output. What the others write goes to standard error,
    after their number. SIGTERM and Ctrl-C are passed on to all, and a second one kills them. If
    one is killed, or loses another, all are started again; if one fails, the others are ended.

    Args:
      command: the program and its arguments.
      count: how many workers.
      restarts: how often all are started again, at most.

    Raises:
      OSError: if the command cannot be started.
    """
    with _PassedOnSignals() as signals:
        for restart in range(restarts + 1):
            ended = _ended(_run(command, count, signals), restart)
            again = ended.by_signal or ended.code == TRY_AGAIN
            if not again or signals.received:
                break
    return ended


class _PassedOnSignals:
    """Passes SIGTERM and Ctrl-C on to processes, within a block.

    Attributes:
      processes: to these.
      received: how many came.
    """

    def __init__(self) -> None:
        self.processes: list[Any] = []
        self.received = 0

    def __enter__(self) -> _PassedOnSignals:
        kinds = (signal.SIGINT, signal.SIGTERM)
        self._before = [(kind, signal.signal(kind, self._pass_on)) for kind in kinds]
        return self

    def __exit__(self, *error: object) -> None:
        for kind, handler in self._before:
            signal.signal(kind, handler)

    def _pass_on(self, number: int, frame: object) -> None:
        self.received += 1
        _send(self.processes, number if self.received == 1 else signal.SIGKILL)


def _run(command: Sequence[str], count: int, signals: _PassedOnSignals) -> list[tuple[int, int]]:
    """Runs the workers to their end: their numbers and exit codes, in the order of their ends."""
    with ExitStack() as stack:
        signals.processes = []
        for index, config in enumerate(configs(count)):
            signals.processes.append(stack.enter_context(_started(command, index, config)))
        running, ended, deadline = dict(enumerate(signals.processes)), {}, float("inf")
        while running:
            for index, process in list(running.items()):
                if process.poll() is not None:
                    ended[index] = running.pop(index).returncode
            failed = [code for code in ended.values() if code]
            if any(map(_for_good, failed)) and not signals.received:
                _send(running.values(), signal.SIGTERM)
            if failed or signals.received:
                deadline = min(deadline, time.monotonic() + _END_SECONDS)
            if time.monotonic() > deadline:
                _send(running.values(), signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
    return list(ended.items())


def _ended(codes: Sequence[tuple[int, int]], restarts: int) -> Ended:
    """What the ends of all workers amount to: one's own failure is more than another's loss."""
    failed = [(index, code) for index, code in codes if code]
    if not failed:
        return Ended(0, None, 0, restarts)
    own = [each for each in failed if _for_good(each[1])]
    killed = [each for each in failed if each[1] < 0]
    index, code = (own or killed or failed)[0]
    return Ended(max(code, 0) or TRY_AGAIN, index, max(-code, 0), restarts)


def _for_good(code: int) -> bool:
    """Whether a worker that ended so would end so again."""
    return code > 0 and code != TRY_AGAIN


def _send(processes: Iterable[Any], number: int) -> None:
    for process in processes:
        process.send_signal(number)


def configs(count: int) -> list[str]:
    """``TF_CONFIG`` of each worker, with ports that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    tasks = ({"type": "worker", "index": index} for index in range(count))
    return [json.dumps({"cluster": {"worker": addresses}, "task": task}) for task in tasks]


@contextmanager
def _started(command: Sequence[str], index: int, config: str) -> Iterator[Any]:
    """A worker, which is killed if it is still there at the end of the block."""
    own = index == 0
    # A terminal's Ctrl-C reaches all processes of its session; they get it from us, once.
    process = subprocess.Popen(  # noqa: S603
        list(command),
        env={**os.environ, "TF_CONFIG": config},
        stdin=subprocess.DEVNULL,
        stdout=None if own else subprocess.PIPE,
        stderr=None if own else subprocess.STDOUT,
        start_new_session=True,
    )
    copying = threading.Thread(target=_copy, args=(process.stdout, f"worker {index}: "))
    copying.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        copying.join()


def _copy(lines: IO[bytes] | None, prefix: str) -> None:
    """Writes lines to standard error as they come, each after a prefix."""
    for line in lines or ():
        sys.stderr.write(prefix + line.decode("utf-8", "backslashreplace"))
    if lines:
        lines.close()
