"""Prints the table of a tuning and writes its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.system.json_text import json_text

if TYPE_CHECKING:
    from tfsoftmax.tuning.tune import Tuning


def print_table(tuning: Tuning) -> None:
    """Prints a line for each candidate on standard output, and marks the choice."""
    click.echo(f"{'l2':>10}{'l1':>11}{'learning rate':>15}{'log-loss':>19}{'accuracy':>19}")
    for candidate in tuning.candidates:
        figures = candidate.figures()
        # Newton may begin without a step of SGD, which then has no learning rate.
        rate = f"{figures['learning_rate']:.4g}" if figures["learning_rate"] else "none"
        line = f"{figures['l2']:>10.4g}{figures['l1']:>11.4g}{rate:>15}"
        if candidate.diverged:
            line += f"{'diverged':>19}"
        else:
            for name in ("log_loss", "accuracy"):
                line += f"{figures[name]:>10.4f} ± {figures[f'{name}_error']:.4f}"
        click.echo(f"{line}  {tuning.called}" if candidate is tuning.winner else line)


def write_tuning(tuning: Tuning, plot: Path | None, table: Path | None) -> None:
    """Writes the plot of the scores and the table of candidates, where a path is given.

    Raises:
      OSError: if one cannot be written.
    """
    from tfsoftmax.system.files import write_atomically

    if table:
        as_csv = table.suffix == ".csv"
        text = tuning.to_csv() if as_csv else json_text(tuning.to_json())
        write_atomically(table, text.encode("utf-8"))
    if plot:
        from tfsoftmax.report.plots import plot_tuning

        plot_tuning(tuning, plot)
