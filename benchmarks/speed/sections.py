"""The parts of the benchmark; each returns what it measured, ready for JSON."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from competitors import COMPETITORS
from rounds import Worker, command_seconds, epochs, interleaved, summary
from task import Task, store

OURS, FLOOR, LBFGS = "tfsoftmax", "the two bare matmuls", "scikit-learn lbfgs"
TARGET = 0.270
BATCH_SIZES = (64, 512, 4096)
# What a streamed run may keep in memory; ten times MNIST is 470 MB.
STREAMING_LIMIT = 2**27


def epoch_costs(task: Task, rounds: int) -> dict[str, Any]:
    """Seconds an epoch on MNIST, everyone, at three batch sizes."""
    found = {}
    for batch_size in BATCH_SIZES:
        names = [name for name in COMPETITORS if name != LBFGS]
        if batch_size != BATCH_SIZES[0]:
            names.remove("scikit-learn SGDClassifier")  # knows no batches
        found[str(batch_size)] = epochs(replace(task, batch_size=batch_size), names, rounds)
    return found


def evaluation_cost(task: Task, rounds: int) -> dict[str, Any]:
    """An epoch of ours against evaluating on all 70,000 rows after it."""
    found = {}
    for batch_size in BATCH_SIZES:
        with Worker(OURS, replace(task, batch_size=batch_size)) as worker:
            runs = {
                "training": lambda: worker.ask("epoch"),
                "evaluation": lambda: worker.ask("evaluation"),
            }
            found[str(batch_size)] = interleaved(runs, rounds)
    return found


def time_to_quality(task: Task, rounds: int) -> dict[str, Any]:
    """Seconds of training until the test log-loss is `TARGET`, compilation included.

    Evaluation counts for nobody. Compiled code that a library keeps by itself is there from
    the round that warms up, as it is in any run but the first; the
    runs with nothing kept are ours without.
    """
    names = [name for name in COMPETITORS if name not in (LBFGS, FLOOR)]
    tasks = dict.fromkeys(names, replace(task, cosine=True, epochs=10))
    tasks[LBFGS] = replace(task, epochs=_lbfgs_iterations(task))
    curves: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in tasks}
    with _environment(TFSOFTMAX_COMPILE_CACHE="off"):
        first_runs = [_curve(OURS, tasks[OURS]) for _ in range(rounds)]
    for turn in range(1 + rounds):
        for name, its_task in tasks.items():
            curve = _curve(name, its_task)
            if turn:
                curves[name].append(curve)
    found: dict[str, Any] = {}
    curves[f"{OURS}, nothing kept"] = first_runs
    for name, its_curves in curves.items():
        reached = [_seconds_to_target(curve) for curve in its_curves]
        times = [seconds for seconds in reached if seconds is not None]
        found[name] = {
            **(summary(times) if len(times) == len(reached) else {"median": None}),
            "best_log_loss": min(loss for curve in its_curves for _, loss in curve),
            "curve": sorted(its_curves, key=lambda curve: curve[-1][0])[len(its_curves) // 2],
        }
    found[LBFGS]["iterations"] = tasks[LBFGS].epochs
    found[LBFGS]["curve"] = _lbfgs_curve(task, tasks[LBFGS].epochs)
    return found


def _curve(name: str, task: Task) -> list[tuple[float, float]]:
    """A run in a fresh process: (seconds of training, test log-loss) after each epoch."""
    with Worker(name, task) as worker:
        return worker.ask("curve")


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


def _lbfgs_point(task: Task, iterations: int) -> tuple[float, float]:
    return _curve(LBFGS, replace(task, epochs=iterations))[0]


def _lbfgs_iterations(task: Task) -> int:
    """The fewest iterations, in steps of five, with which it reaches the target."""
    for iterations in range(40, 205, 5):
        if _lbfgs_point(task, iterations)[1] <= TARGET:
            return iterations
    return 200


def _lbfgs_curve(task: Task, iterations: int) -> list[tuple[float, float]]:
    counts = [5, 10, 20, 40, iterations]
    return [_lbfgs_point(task, count) for count in counts]


def _seconds_to_target(curve: list[tuple[float, float]]) -> float | None:
    return next((seconds for seconds, loss in curve if loss <= TARGET), None)


def whole_command(rounds: int) -> dict[str, Any]:
    """`tfsoftmax-train` on mnist5k, process start to exported models, and bare imports."""
    command = str(Path(sys.executable).with_name("tfsoftmax-train"))
    with tempfile.TemporaryDirectory() as folder:
        return interleaved(
            {
                "tfsoftmax-train": lambda: command_seconds(command, "-q", "--output-dir", folder),
                "import tensorflow": lambda: command_seconds(
                    sys.executable, "-c", "import tensorflow"
                ),
            },
            rounds,
        )


def loading(mnist: str, rounds: int) -> dict[str, Any]:
    """Seconds to load MNIST again, once it was loaded before, in a fresh process."""
    script = (
        "import sys, time; started = time.perf_counter(); import tfsoftmax; "
        "tfsoftmax.load_dataset(sys.argv[1]); print(time.perf_counter() - started)"
    )
    return interleaved({"second load": lambda: _printed(script, mnist)}, rounds)


def _printed(script: str, *arguments: str) -> float:
    command = [sys.executable, "-c", script, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory(task: Task, task10: Task) -> dict[str, Any]:
    """Peak memory of a whole `fit` of two epochs, in memory and streamed, rows times ten."""
    found: dict[str, Any] = {}
    for kind, limit in (("in memory", 2**40), ("streamed", STREAMING_LIMIT // 4)):
        for rows, its_task in (("60,000", task), ("600,000", task10)):
            with Worker(OURS, replace(its_task, epochs=2, memory_limit=limit)) as worker:
                worker.ask("curve")
                found.setdefault(kind, {})[rows] = worker.ask("peak")
    added = task10.array("train-features").nbytes - task.array("train-features").nbytes
    for peaks in found.values():
        peaks["added_per_byte"] = (peaks["600,000"] - peaks["60,000"]) / added
    return found


def out_of_core(task: Task, task10: Task, rounds: int) -> dict[str, Any]:
    """Rows a second: MNIST in memory against ten times MNIST streamed from disk."""
    streamed = replace(task10, memory_limit=STREAMING_LIMIT)
    with Worker(OURS, task) as here, Worker(OURS, streamed) as there:
        found = interleaved(
            {"in memory": lambda: here.ask("epoch"), "streamed": lambda: there.ask("epoch")},
            rounds,
        )
    for kind, its_task in (("in memory", task), ("streamed", task10)):
        found[kind]["rows_a_second"] = len(its_task.array("train-labels")) / found[kind]["median"]
    return found


def growth(make: Callable[..., Task], rounds: int) -> dict[str, Any]:
    """Seconds an epoch of ours and of the floor as one size grows and the others stay."""
    base = {"rows": 60_000, "features": 784, "classes": 10}
    sizes = {
        "rows": (6_000, 60_000, 600_000),
        "features": (784, 3_136, 12_544),
        "classes": (10, 100, 1_000),
    }
    found: dict[str, Any] = {}
    for axis, values in sizes.items():
        for value in values:
            shape = {**base, axis: value}
            if axis != "rows":
                shape["rows"] = 20_000
            with tempfile.TemporaryDirectory() as folder:
                task = make(Path(folder) / "data", **shape)
                timed = epochs(task, [OURS, FLOOR], rounds)
            found.setdefault(axis, {})[str(value)] = {
                name: timed[name]["median"] for name in (OURS, FLOOR)
            }
    return found


def made_up(folder: Path, rows: int, features: int, classes: int) -> Task:
    """A task of random pixels: for cost, which does not depend on what they show."""
    generator = np.random.default_rng(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = generator.integers(0, 256, (count, features), np.uint8)
        return pixels, generator.integers(0, classes, count, np.int32)

    return Task(store(folder, split(rows), split(100)), classes, learning_rate=1e-3)


def bandwidth(rounds: int) -> dict[str, Any]:
    """Bytes a second the machine moves: summing 512 MB, and copying them."""
    source = np.ones(2**26)
    target = np.empty_like(source)

    def seconds(work: Callable[[], Any]) -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    found = interleaved(
        {
            "read": lambda: seconds(source.sum),
            "copy": lambda: seconds(lambda: np.copyto(target, source)),
        },
        rounds,
    )
    for kind, moved in (("read", source.nbytes), ("copy", 2 * source.nbytes)):
        found[kind]["bytes_a_second"] = moved / found[kind]["median"]
    return found
