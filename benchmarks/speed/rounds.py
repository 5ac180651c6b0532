"""Running competitors against each other: a process each, turn by turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asked import Asked
from task import Task

ROUNDS = 7
# Between two turns: the threads of whoever ran last go on spinning for work for a while
# (OpenBLAS's for 25 ms), on the cores of whoever is next.
REST_SECONDS = 0.25


class Worker(Asked):
    """A competitor in a process of its own, ready to run."""

    def __init__(self, name: str, task: Task):
        script = Path(__file__).with_name("worker.py")
        super().__init__(name, [sys.executable, str(script), name, task.to_json()])
        self.versions = self.answer()


def summary(values: list[float]) -> dict[str, Any]:
    """Median and spread of what was counted, and all of it."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "counted": values,
    }


def epochs(task: Task, names: list[str], rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """Seconds an epoch of each competitor, turn by turn, and its quality once warm."""
    workers = [Worker(name, task) for name in names]
    try:
        quality = {worker.name: worker.ask("warm up") for worker in workers}
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for worker in workers:
                time.sleep(REST_SECONDS)
                seconds[worker.name].append(worker.ask("epoch"))
        return {
            worker.name: {
                **summary(seconds[worker.name]),
                "quality": quality[worker.name],
                "versions": worker.versions,
            }
            for worker in workers
        }
    finally:
        for worker in workers:
            worker.__exit__()


def interleaved(runs: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, Any]:
    """The same for anything that can be called and says how many seconds it took."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(1 + rounds):
        for name, run in runs.items():
            time.sleep(REST_SECONDS)
            seconds = run()
            if turn:
                taken[name].append(seconds)
    return {name: summary(values) for name, values in taken.items()}


def command_seconds(*command: str) -> float:
    """Wall time of a whole process, from its start to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started
