"""Local steps against synchronous ones and one process: writes the table of docs/distributed.md.

    python benchmarks/local_steps.py [--mnist DATASET]

trains on MNIST in 1, 2 and 4 processes on this machine, with the same recipe and as many passes, on
the file as it is and on one that is sorted by class; and on shards that are cut from the sorted
file as it is, which no option does, to show what shuffling is for. Times are divided by those of
one process, which is measured before and after the others.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click
import numpy as np
from shared import DOCS, table_head, table_row

from tfsoftmax import Dataset, Recipe, Split, fit, join_workers, load_dataset
from tfsoftmax.distributed.launch import configs

EPOCHS = 5
INTERVALS = (1, 10, 100, "epoch")
FILES = ("as it is", "sorted", "sorted, and not shuffled")
SEEDS = (0, 1, 2)
_BLOCK = "<!-- Written by benchmarks/local_steps.py. -->\n"
_END = "<!-- End of what is written. -->\n"


def arranged(dataset: Dataset, file: str) -> Dataset:
    """The dataset with its training rows as in such a file."""
    if file == FILES[0]:
        return dataset
    order = np.argsort(dataset.train.labels, kind="stable")
    return replace(dataset, train=dataset.train.take(order))


def as_they_lie(feed: Any, split: Split, fit: bool, memory_limit: int) -> Split:
    """A worker's rows, not shuffled: what `Feed._own` is on the last file."""
    # A worker without rows holds one that it takes in no step.
    return split.take(np.array(feed.mine or range(1)))


def run_worker(name: str) -> None:
    """Trains with every interval on every file; the chief prints a line of JSON for each."""
    workers = join_workers()
    from tfsoftmax.training.sgd.feed import Feed

    dataset, shuffled = load_dataset(name), Feed._own
    alone = workers.count == 1
    for file in FILES[: 1 if alone else None]:
        rows = arranged(dataset, file)
        Feed._own = as_they_lie if file == FILES[2] else shuffled
        for interval in INTERVALS[: 1 if alone else None]:
            for seed in SEEDS if alone else SEEDS[:1]:
                recipe = Recipe(epochs=EPOCHS, sync_every=interval, seed=seed, l2=1e-4)
                history = fit(rows, recipe, workers=workers).history
                if workers.is_chief:
                    print(json.dumps(_figures(file, interval, history)), flush=True)


def _figures(file: str, interval: int | str, history: Any) -> dict[str, Any]:
    later = history.epochs[1:]  # The first one compiles.
    seconds = sum(epoch.train_seconds for epoch in later)
    return {
        "file": file,
        "interval": interval,
        "log_loss": history.last.test_log_loss,
        "accuracy": history.last.test_accuracy,
        "seconds": statistics.median(epoch.train_seconds for epoch in later),
        "talking": sum(epoch.communication_seconds or 0.0 for epoch in later) / seconds,
    }


def measured(name: str, count: int) -> list[dict[str, Any]]:
    """What the chief of so many workers found."""
    started = []
    try:
        for index, config in enumerate(configs(count)):
            environment = {**os.environ, "TF_CONFIG": config} if count > 1 else {**os.environ}
            command = [sys.executable, __file__, "--worker", "--mnist", name]
            output = subprocess.DEVNULL if index else subprocess.PIPE
            started.append(subprocess.Popen(command, env=environment, stdout=output, text=True))
        said, _ = started[0].communicate()
        if any(worker.wait() for worker in started):
            raise click.ClickException(f"one of {count} workers failed")
        return [json.loads(line) for line in said.splitlines()]
    finally:
        for worker in started:
            worker.kill()


def table(alone: list[dict[str, Any]], together: dict[int, list[dict[str, Any]]]) -> Iterator[str]:
    """The lines of the table."""
    files = [f"test log-loss, file {file}" for file in FILES]
    yield from table_head(
        ["workers", "`--sync-every`", *files, "epoch / that of one process", "communication"]
    )
    usual = statistics.median(each["seconds"] for each in alone)
    losses = sorted(each["log_loss"] for each in alone)
    spread = f"{losses[0]:.4f} to {losses[-1]:.4f}, {len(SEEDS)} seeds"
    yield table_row(["1", "", spread, "", "", "1", ""])
    for count, found in together.items():
        for interval in INTERVALS:
            of_interval = {each["file"]: each for each in found if each["interval"] == interval}
            figures = [f"{of_interval[file]['log_loss']:.4f}" for file in FILES]
            seconds = statistics.median(each["seconds"] for each in of_interval.values())
            talking = statistics.median(each["talking"] for each in of_interval.values())
            times = [f"{seconds / usual:.2f}", f"{talking:.0%}".replace("%", " %")]
            yield table_row([str(count), f"`{interval}`", *figures, *times])


@click.command()
@click.option("--mnist", default="mnist", show_default=True, help="Where it is: idx:FOLDER.")
@click.option("--worker", is_flag=True, hidden=True)
def main(mnist: str, worker: bool) -> None:
    """Measure, and write the table."""
    # A worker meets the others before anything is loaded.
    if worker:
        run_worker(mnist)
        return
    alone = measured(mnist, 1)
    together = {count: measured(mnist, count) for count in (2, 4)}
    lines = "\n".join(table([*alone, *measured(mnist, 1)], together))
    page = DOCS / "distributed.md"
    text, replaced = re.subn(
        f"{_BLOCK}.*?{_END}",
        lambda _: f"{_BLOCK}\n{lines}\n\n{_END}",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if not replaced:
        raise click.ClickException(f"{page} has no place for the table")
    page.write_text(text, encoding="utf-8")
    click.echo(f"wrote {page}")


if __name__ == "__main__":
    main()
