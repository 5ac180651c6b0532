"""How fast it is: measures every figure of docs/speed.md and writes it.

pip install '.[bench]'
python benchmarks/speed [--mnist DATASET]
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

import report
import sections
from rounds import ROUNDS
from shared import DOCS, mnist_option, write_page
from task import Task, store

from tfsoftmax import Dataset


def machine() -> dict[str, Any]:
    """What it runs on."""
    cpu = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        names = [line for line in facts.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "date": date.today().isoformat(),
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        "system": platform.system(),
        "python": platform.python_version(),
    }


@click.command()
@mnist_option
@click.option("--rounds", default=ROUNDS, show_default=True, help="Turns that count.")
@click.option("--cores", default=2, show_default=True, help="Cores that everyone may use.")
@click.option("--only", help="Measure one part again: its key in speed.json.")
@click.option("--redraw", is_flag=True, help="Write page and pictures from the last speed.json.")
def main(mnist: Dataset, rounds: int, cores: int, only: str | None, redraw: bool) -> None:
    """Measure everything and write docs/speed.md, speed.json and the pictures."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    path = DOCS / "speed.json"
    results = json.loads(path.read_text()) if (only or redraw) and path.exists() else {}
    if not redraw:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), mnist, rounds, only, results)
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.draw(results, DOCS / "pictures")
    write_page("speed.md", [report.page(results)])


def measure(
    folder: Path, mnist: Dataset, rounds: int, only: str | None, results: dict[str, Any]
) -> None:
    """Runs the parts, or the one named, into `results`."""
    test = mnist.test.features, mnist.test.labels
    features, labels = mnist.train.features, mnist.train.labels
    task = Task(store(folder / "1", (features, labels), test), mnist.spec.n_classes)
    tiled = np.tile(features, (10, 1)), np.tile(labels, 10)
    task10 = replace(task, folder=store(folder / "10", tiled, test))
    del tiled
    parts = {
        "bandwidth": lambda: sections.bandwidth(rounds),
        "epochs": lambda: sections.epoch_costs(task, rounds),
        "quality": lambda: sections.time_to_quality(task, rounds),
        "command": lambda: sections.whole_command(rounds),
        "loading": lambda: sections.loading(mnist.name, rounds),
        "memory": lambda: sections.memory(task, task10),
        "out_of_core": lambda: sections.out_of_core(task, task10, rounds),
        "growth": lambda: sections.growth(sections.made_up, rounds),
        "evaluation": lambda: sections.evaluation_cost(task, rounds),
    }
    if only and only not in parts:
        raise click.UsageError(f"--only must be one of {', '.join(parts)}, not {only}")
    results["machine"] = machine()
    for name, run in parts.items():
        if only in (None, name):
            click.echo(f"measuring: {name}", err=True)
            results[name] = run()
    results["versions"] = {
        library: version
        for costs in results["epochs"].values()
        for found in costs.values()
        for library, version in found["versions"].items()
    }


if __name__ == "__main__":
    main()
