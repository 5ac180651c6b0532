"""What is done to workers, and what becomes of them."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from network import two_machines
from run import EPOCHS, WORKERS, Run, Runs

from tfsoftmax.errors import TRY_AGAIN

BOUND_SECONDS = 60
COLUMNS = ("what was done", "epoch", "all gone after, s", "exit codes", "who names whom", "right")
# How many epochs a run goes on before something is done to it.
_EPOCHS_BEFORE = 5
# How a worker may end that was killed, stopped, or asked to stop.
_OF_VICTIMS = (-signal.SIGKILL, None, 128 + signal.SIGTERM)


class Fault(NamedTuple):
    """What was done to a run, and what became of it.

    Attributes:
      what: in words.
      epoch: the last one that the chief had printed.
      seconds: until all had ended that can; None if some had not.
      codes: of all workers, in the end.
      named: of each worker that said whom it lost, whom it named.
      right: whether all ended in time and named the right ones.
    """

    what: str
    epoch: int
    seconds: float | None
    codes: list[int | None]
    named: dict[int, list[int]]
    right: bool

    def cells(self) -> list[str]:
        """Its row of the table."""
        names = "; ".join(
            f"{index}: {' and '.join(map(str, named))}" for index, named in self.named.items()
        )
        when = {0: "before", EPOCHS: "after"}.get(self.epoch, str(self.epoch))
        seconds = "never" if self.seconds is None else f"{self.seconds:.1f}"
        codes = ", ".join(map(str, self.codes))
        return [self.what, when, seconds, codes, names, "yes" if self.right else "**no**"]


def disturbed(
    run: Run,
    what: str,
    do: Callable[[], None],
    victim: int,
    guilty: Callable[[int], Sequence[int]],
    ends: bool = True,
) -> Fault:
    """Does something to a run, and waits for its end.

    Args:
      run: what it is done to.
      what: in words.
      do: does it.
      victim: to which worker.
      guilty: those whom a worker may name.
      ends: whether the victim can end by itself.
    """
    run.left()
    before, epoch, done = set(run.ended), run.epoch, time.monotonic()
    do()
    stuck = [] if ends else [victim]
    run.wait(2 * BOUND_SECONDS, without=stuck)
    left, codes = run.left(stuck), run.codes
    seconds = None if left else max((run.ended[i] - done for i in {*run.ended} - before), default=0)
    named = {index: found for index in range(WORKERS) if (found := named_in(run.said(index)))}
    right = seconds is not None and seconds <= BOUND_SECONDS
    for index, code in enumerate(codes):
        if code == TRY_AGAIN:
            right &= index in named and {*named[index]} <= {*guilty(index)}
        else:
            right &= code == 0 or (index == victim and code in _OF_VICTIMS)
        right &= "Traceback" not in run.said(index)
    return Fault(what, epoch, seconds, codes, named, right)


def named_in(said: str) -> list[int]:
    """The workers that a worker's error says are lost, late or asked to stop."""
    (line,) = re.findall(r"^Error: (.*)$", said, re.MULTILINE) or [""]
    lost = re.search(r"(?: lost | s for )(worker .*?)(?:;|, in vain)", line)
    found = lost or re.search(r"^(worker \d+) of \d+ was asked to stop", line)
    return [int(number) for number in re.findall(r"worker (\d+)", found[1])] if found else []


def killed(runs: Runs, kills: int, seed: int, seconds: float) -> Iterator[Fault]:
    """Kills each worker in turn, when it has had a random part of so many seconds of processor."""
    moments = random.Random(seed)  # noqa: S311
    for number in range(kills):
        victim = number % WORKERS
        with runs.start() as run:
            run.wait_for_cpu(victim, moments.uniform(0, seconds))
            kill = run.workers[victim].kill
            yield disturbed(run, f"kill -9 of {_name(victim)}", kill, victim, _always(victim))


def stopped(runs: Runs, victim: int) -> Iterator[Fault]:
    """Stops a worker in the middle, and lets it go on when the others have gone."""
    with runs.start() as run:
        run.wait_for_epochs(_EPOCHS_BEFORE)
        send, name = run.workers[victim].send_signal, _name(victim)
        stop, go_on = (lambda: send(signal.SIGSTOP)), (lambda: send(signal.SIGCONT))
        yield disturbed(run, f"SIGSTOP of {name}", stop, victim, _always(victim), ends=False)
        yield disturbed(
            run,
            f"SIGCONT of {name}, when the others had gone",
            go_on,
            victim,
            lambda index: others(victim) if index == victim else [victim],
        )


def asked_to_stop(runs: Runs, victim: int) -> Iterator[Fault]:
    """Sends a worker SIGTERM in the middle."""
    with runs.start() as run:
        run.wait_for_epochs(_EPOCHS_BEFORE)
        terminate = run.workers[victim].terminate
        yield disturbed(run, f"SIGTERM of {_name(victim)}", terminate, victim, _always(victim))


def cut_off(runs: Runs) -> Iterator[Fault]:
    """Cuts the link between two machines, of which one has the last worker alone.

    Raises:
      OSError, subprocess.CalledProcessError: if this machine does not let us have a link to cut.
    """
    alone = WORKERS - 1
    with two_machines([0] * alone + [1]) as (network, cut), runs.start(network) as run:
        run.wait_for_epochs(_EPOCHS_BEFORE)
        guilty = lambda index: others(alone) if index == alone else [alone]  # noqa: E731
        yield disturbed(run, f"link to {_name(alone)} cut", cut, alone, guilty)


def others(victim: int) -> list[int]:
    """All workers but one."""
    return [index for index in range(WORKERS) if index != victim]


def _always(victim: int) -> Callable[[int], Sequence[int]]:
    return lambda index: [victim]


def _name(index: int) -> str:
    return f"worker {index}" if index else "the chief"
