"""The same formulas for data that no machine here holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from costs import Cluster, Estimate, Problem, exact, local_steps, synchronous
from figures import network, rates, sparse_rates
from measure import EVERY
from shared import table_head, table_row

# A machine and its network, as they are rented: bytes of memory for rows, bytes a second of its
# disk and of the network, and the network's latency in seconds.
MEMORY, DISK, BANDWIDTH, LATENCY = 64e9, 1e9, 1.25e9, 1e-4
USUAL_BATCH = 64

ASKED = Problem(rows=255_000_000, features=784, classes=10, row_bytes=784)
DENSE = ASKED._replace(rows=1_000_000_000)
CRITEO = Problem(4_200_000_000, 1_000_000, 2, row_bytes=39 * 8, non_zeros=39)


class Plan(NamedTuple):
    """A way to train, and what it takes.

    Attributes:
      way: the options of a command.
      cluster: where.
      epoch: an epoch; None of the exact way, which has one of SGD and then passes.
      whole: as many steps as the digits take to their log-loss, but at least an epoch; None where
        that is not known.
    """

    way: str
    cluster: Cluster
    epoch: Estimate | None
    whole: Estimate | None


def machines(found: dict[str, Any], workers: int) -> Cluster:
    """So many machines like the one that was measured, a worker on each."""
    between = network(found).behind(LATENCY, BANDWIDTH)
    return Cluster(workers, between, found["cores"], memory=MEMORY, disk=DISK)


def steps_needed(found: dict[str, Any], batch: int) -> int | None:
    """How many steps of so many rows the digits need: no more than of fewer rows."""
    measured = {int(size): steps for size, (steps, _) in found["steps"].items() if steps}
    return next((measured[size] for size in sorted(measured)[::-1] if size <= batch), None)


def plans(found: dict[str, Any], problem: Problem, workers: int) -> Iterator[Plan]:
    """The ways of so many machines to train on dense rows; one machine streams."""
    cluster, measured = machines(found, workers), rates(found)
    if workers > 1 and not cluster.holds(problem):
        return

    def descent(batch: int, every: int, steps: int | None) -> Plan:
        ways = (
            f"`--sync-every {every} --batch-size {batch * workers}`",
            "`tfsoftmax-train`, streams",
        )
        whole = max(1.0, steps * batch * workers / problem.rows) if steps else None
        estimates = [
            local_steps(problem, measured, cluster, batch, count, every)
            if every > 1
            else synchronous(problem, measured, cluster, batch, count)
            for count in (1, whole or 0)
        ]
        return Plan(ways[workers == 1], cluster, estimates[0], estimates[1] if whole else None)

    for batch in (USUAL_BATCH, 1024, 4096) if workers > 1 else (USUAL_BATCH,):
        yield descent(batch, 1, steps_needed(found, batch * workers))
    if workers > 1:
        yield descent(USUAL_BATCH, EVERY, found["local steps"][0])
    passes = found["newton"]["passes"]
    solved = exact(problem, measured, cluster, USUAL_BATCH, passes, EVERY)
    yield Plan("`--solver newton`", cluster, None, solved)


def dense_table(found: dict[str, Any], problem: Problem, counts: tuple[int, ...]) -> Iterator[str]:
    """The lines of a table of ways for dense rows."""
    heads = ("machines", "how", "to read once", "then an epoch", "of it messages")
    yield from table_head([*heads, "whole run", "machine-hours"])
    for workers in counts:
        found_plans = list(plans(found, problem, workers))
        if not found_plans:
            least = -(-problem.bytes // int(MEMORY))
            note = f"memory does not hold the rows: {least} machines are needed"
            yield table_row([str(workers), note, "", "", "", "", ""])
        for plan in found_plans:
            yield table_row([str(workers), *_cells(plan)])


def _cells(plan: Plan) -> list[str]:
    epoch, whole = plan.epoch, plan.whole
    part = epoch or whole
    return [
        plan.way,
        duration(part.reading),
        duration(epoch.training) if epoch else "",
        f"{part.share:.0%}" if plan.cluster.workers > 1 else "",
        duration(whole.seconds) if whole else "",
        f"{whole.machine_hours(plan.cluster):.1f}" if whole else "",
    ]


def criteo_table(found: dict[str, Any]) -> Iterator[str]:
    """The lines of a table for Criteo's rows: an epoch of one process, and of several."""
    measured = sparse_rates(found)
    batch = int(measured.steps[-1][0]) // CRITEO.numbers
    heads = ("machines", "how", "to read once", "an epoch", "of it messages")
    yield from table_head([*heads, "rows/s", "machine-hours"])
    for workers in (1, 4, 24, 89):
        cluster = machines(found, workers)
        # Their memory is not the question here: every machine reads all rows.
        cluster = cluster if workers == 1 else cluster._replace(memory=float("inf"))
        ways = {f"streams, batches of {batch:,}": synchronous(CRITEO, measured, cluster, batch, 1)}
        if workers > 1:
            ways = {
                f"every step together, {batch:,} rows of each": synchronous(
                    CRITEO, measured, cluster, batch, 1
                ),
                f"{EVERY} steps of {batch:,} rows, then the mean": local_steps(
                    CRITEO, measured, cluster, batch, 1, EVERY
                ),
            }
        for way, epoch in ways.items():
            yield table_row(
                [
                    str(workers),
                    way,
                    duration(epoch.reading),
                    duration(epoch.training),
                    f"{epoch.share:.0%}" if workers > 1 else "",
                    f"{CRITEO.rows / epoch.training:,.0f}",
                    f"{epoch.machine_hours(cluster):.1f}",
                ]
            )


def duration(seconds: float) -> str:
    """Seconds, as a reader would say them.

    >>> duration(42.4), duration(600), duration(9000), duration(0.02)
    ('42 s', '10 min', '2.5 h', '0.02 s')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
