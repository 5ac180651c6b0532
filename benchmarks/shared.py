"""What the benchmarks share: how data is named, and how a page is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

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
