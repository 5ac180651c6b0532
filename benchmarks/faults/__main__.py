"""What becomes of three workers if one is killed, stopped or asked to stop, or a link is cut.

    python benchmarks/faults [--kills 20] [--seed 0]

trains on scikit-learn's digits with three workers. Again and again it kills one of them, each in
turn, at a random moment, and starts all again; a run that comes to its end is compared with one
that nobody disturbed, and the next begins. It writes docs/faults.md, and exits with 1 if a process
was left, if a line named the wrong worker, or if a model came out otherwise.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1]))

import click
import numpy as np
from disturb import BOUND_SECONDS, COLUMNS, Fault, asked_to_stop, cut_off, killed, stopped
from run import EPOCHS, JOIN_SECONDS, MOST_SECONDS, TRAIN, Runs, weights_of
from shared import table_head, table_row, write_page

_MOST_DIFFERENCE = 1e-5


def undisturbed(parent: Path) -> tuple[np.ndarray, float]:
    """The weights of a single process, and the seconds of processor that it takes."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    command = [*TRAIN, "--output-dir", str(folder / "models")]
    subprocess.run(command, check=True, capture_output=True, timeout=MOST_SECONDS)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return weights_of(folder), used.ru_utime + used.ru_stime


def all_faults(runs: Runs, kills: int, seed: int, seconds: float) -> Iterator[Fault]:
    """Everything that is done, one after the other; at the end the last run comes to its own."""
    for victim in (1, 0):
        yield from stopped(runs, victim)
        yield from asked_to_stop(runs, victim)
    try:
        yield from cut_off(runs)
    except (OSError, subprocess.CalledProcessError) as error:
        click.echo(f"Note: no link is cut, which takes root, ip and namespaces: {error}", err=True)
    yield from killed(runs, kills, seed, seconds)
    runs.finish()


def page(faults: list[Fault], runs: Runs, seconds: float, seed: int) -> Iterator[str]:
    """The page of documentation."""
    slowest = max(fault.seconds or 0.0 for fault in faults)
    restarts = ", ".join(map(str, runs.restarts))
    yield from (
        "# Workers that are lost",
        "",
        "What `python benchmarks/faults` saw: three workers train on scikit-learn's digits, "
        f"{EPOCHS} epochs, with a checkpoint every 9 steps and `--join-timeout {JOIN_SECONDS}`. "
        f"Kills come when a worker has had a random part of the {seconds:.0f} s of processor that "
        f"a single process takes, starting included (seed {seed}); everything else after a few "
        "epochs.",
        "",
        f"- {sum(fault.right for fault in faults)} of {len(faults)} rows are as they must be: all "
        f"gone within {BOUND_SECONDS} s, and who lost another says whom. The slowest took "
        f"{slowest:.1f} s.",
        f"- Runs that came to their end: {len(runs.differences)}, after {restarts} restarts. Their "
        f"weights differ by at most {max(runs.differences, default=0.0):.1e} from those of a "
        "single process that nobody disturbed.",
        "",
        *table_head(COLUMNS),
        *(table_row(fault.cells()) for fault in faults),
        "",
        "Worker 0 is the chief. Code 75 means that the same command can succeed if all are started "
        "again; -9 is the kill, 143 the answer to SIGTERM, and 0 a worker that had done its part; "
        "None is one that is stopped. Who has not met the others yet when one is killed waits "
        "for it, for as long as `--join-timeout` says. Who has lost another tells the rest through "
        "the chief. Where that is gone, who is slow to notice may also name one that has ended by "
        "then because of the same loss; such a row does not count as right.",
    )


@click.command()
@click.option("--kills", default=20, show_default=True, help="How many workers are killed.")
@click.option("--seed", default=0, show_default=True, help="Of the moments of the kills.")
def main(kills: int, seed: int) -> None:
    """Disturb runs in every way and write the page."""
    with tempfile.TemporaryDirectory() as name:
        expected, seconds = undisturbed(Path(name))
        runs, faults = Runs(Path(name), expected), []
        for fault in all_faults(runs, kills, seed, seconds):
            faults.append(fault)
            click.echo(table_row(fault.cells()), err=True)
            write_page("faults.md", page(faults, runs, seconds, seed))  # The next may be stopped.
        write_page("faults.md", page(faults, runs, seconds, seed))
    if not all(fault.right for fault in faults) or max(runs.differences) > _MOST_DIFFERENCE:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
