"""What the benchmarks share: how data is named, a cost is taken, and a page is written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Before anything imports TensorFlow: figures on stdout, and nothing else.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

from tfsoftmax import Dataset, load_dataset

DOCS = Path(__file__).parents[1] / "docs"


class DatasetName(click.ParamType):
    """A dataset, by any name that ``tfsoftmax-train --dataset`` takes."""

    name = "DATASET"

    def convert(self, value: Any, param: Any, ctx: Any) -> Dataset:
        """Loads it."""
        return value if isinstance(value, Dataset) else load_dataset(value)


mnist_option = click.option(
    "--mnist",
    type=DatasetName(),
    default="mnist",
    show_default=True,
    help="The full MNIST, named as for tfsoftmax-train --dataset: idx:FOLDER has its four files.",
)


def table_head(columns: Sequence[str]) -> list[str]:
    """The first two lines of a table in Markdown."""
    return [table_row(columns), "|---" * len(columns) + "|"]


def table_row(cells: Iterable[str]) -> str:
    """One line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def write_page(name: str, lines: Iterable[str]) -> None:
    """Writes a page of docs/ and says so."""
    page = DOCS / name
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    click.echo(f"wrote {page}")


class Cost(NamedTuple):
    """Wall time and the processor's time of all threads, in seconds."""

    wall: float
    cpu: float

    def __add__(self, other: tuple[float, ...]) -> Cost:  # type: ignore[override]
        return Cost(self.wall + other[0], self.cpu + other[1])

    def __sub__(self, other: tuple[float, ...]) -> Cost:
        return Cost(self.wall - other[0], self.cpu - other[1])

    def times(self, count: float) -> Cost:
        """Of so many, one after the other."""
        return Cost(self.wall * count, self.cpu * count)

    def over(self, count: float) -> Cost:
        """One of `count` equal parts."""
        return Cost(self.wall / count, self.cpu / count)


def cost_of(work: Callable[[], Any]) -> Cost:
    """What a call costs."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)
