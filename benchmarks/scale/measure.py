"""Measures what the formulas need, and what they are held against, in turns."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import click
import stream
from group import Group
from link import link
from shared import Cost

FEATURES, CLASSES = 784, 10
# Local steps from one mean to the next.
EVERY = 100
# Newton's turns take several seconds each.
_NEWTON_TURNS = 3


class Sizes(NamedTuple):
    """How much is measured.

    Attributes:
      groups: numbers of workers.
      link: bytes a second between two that have a slow link; None measures none.
      steps: for each number of rows of a worker in a step, the steps of an epoch and the epochs
        of a turn.
      rounds: turns of each.
      numbers: in the short and the long message, and how often a turn sends each.
      batches: of which it is found out how many steps they need.
      sparse: rows, columns, entries of a row, and rows a step.
      target: the log-loss on test rows to reach.
      newton_l2, newton_tol: of the exact way.
    """

    groups: tuple[int, ...]
    link: float | None
    steps: dict[int, tuple[int, int]]
    rounds: int
    numbers: tuple[tuple[int, int], tuple[int, int]]
    batches: tuple[int, ...]
    sparse: tuple[int, int, int, tuple[int, ...]]
    target: float
    newton_l2: float
    newton_tol: float


FULL = Sizes(
    groups=(2, 4),
    link=12.5e6,
    steps={64: (400, 1), 1024: (40, 3), 16_384: (4, 3)},
    rounds=7,
    numbers=((1024, 200), (1_000_000, 5)),
    batches=(64, 256, 1024),
    sparse=(200_000, 1_000_000, 39, (128, 1024)),
    target=0.275,
    newton_l2=1e-3,
    newton_tol=1e-4,
)
QUICK = Sizes(
    groups=(2,),
    link=None,
    steps={8: (4, 1), 32: (2, 1)},
    rounds=1,
    numbers=((64, 2), (100_000, 2)),
    batches=(64, 256),
    sparse=(2_000, 10_000, 39, (64, 128)),
    target=0.3,
    newton_l2=1e-3,
    newton_tol=1e-3,
)


def measured(source: str, sizes: Sizes) -> dict[str, Any]:
    """Everything, for the page: costs are pairs of wall and processor seconds.

    Args:
      source: the digits to reach a log-loss on.
      sizes: how much of everything.
    """
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rows = max(sizes.groups) * max(batch * steps for batch, (steps, _) in sizes.steps.items())
        click.echo(f"making {rows:,} rows", err=True)
        stream.write_source(folder, rows)
        ends = stack.enter_context(link(sizes.link)) if sizes.link else None
        click.echo("starting the processes; a link: " + ("yes" if ends else "no"), err=True)
        alone, *groups = (stack.enter_context(Group(folder, count)) for count in (1, *sizes.groups))
        linked = stack.enter_context(Group(folder, 2, ends)) if ends else None
        for group in (alone, *groups, *([linked] if linked else [])):
            group.ready()
        found = {
            "load": load,
            "cores": len(os.sched_getaffinity(0)),
            "rows": rows,
            "groups": sizes.groups,
            "link": sizes.link if ends else None,
        }
        return (
            found
            | _rounds(sizes, alone, groups, linked)
            | _once(sizes, alone, groups, folder, source)
        )


def _rounds(
    sizes: Sizes, alone: Group, groups: Sequence[Group], linked: Group | None
) -> dict[str, Any]:
    """What is compared, in turns; each is the median of its turns."""
    taken: dict[tuple[str, ...], list[Cost]] = defaultdict(list)
    # The first turn compiles.
    for turn in range(1 + sizes.rounds):
        click.echo(f"turn {turn} of {sizes.rounds}", err=True)
        for batch, (steps, turns) in sizes.steps.items():
            asked = {"batch": batch, "steps": steps, "turns": turns}
            pair, key = groups[0], str(batch)
            costs = {
                ("alone", key): Cost(*alone.ask("steps", how="alone", **asked)),
                ("part", key): Cost(*pair.ask("steps", how="silent", count=2, **asked)),
            }
            for group in groups:
                for how in ("silent", "joined"):
                    costs[how, str(group.count), key] = group.cost(
                        "steps", how=how, count=group.count, at_once=True, **asked
                    )
                if batch == min(sizes.steps):
                    costs["local", str(group.count), key] = group.cost(
                        "steps", how="joined", count=group.count, every=EVERY, at_once=True, **asked
                    )
            if linked:
                costs["linked", key] = linked.cost(
                    "steps", how="joined", count=2, at_once=True, **asked
                )
            for name, cost in costs.items():
                taken[name] += [cost] if turn else []
        for numbers, times in sizes.numbers:
            cost = groups[0].cost("messages", numbers=numbers, times=times)
            taken["message", str(numbers)] += [cost] if turn else []
    return {" ".join(name): _median(costs) for name, costs in taken.items()}


def _once(
    sizes: Sizes, alone: Group, groups: Sequence[Group], folder: Path, source: str
) -> dict[str, Any]:
    """What one process takes for everything else, while the others rest, and a run of several."""
    batch, (steps, _) = max(sizes.steps.items())
    rows, columns, entries, batches = sizes.sparse
    click.echo("what one process reads, measures and draws", err=True)
    found = {
        "read": alone.ask("read", source=f"npy:{folder}"),
        "evaluation": alone.ask("evaluation", batch=batch, steps=steps),
        "order": alone.ask("order", batch=batch, steps=steps),
        "sparse": alone.ask(
            "sparse", rows=rows, columns=columns, entries=entries, batches=list(batches)
        ),
    }
    found |= _newton(sizes, alone, groups, source)
    click.echo(f"steps to a log-loss of {sizes.target} on {source}", err=True)
    found["target"] = sizes.target
    found["steps"] = {
        str(batch): alone.ask(
            "steps_to", source=source, log_loss=sizes.target, batch=batch, l2=1e-4
        )
        for batch in sizes.batches
    }
    click.echo(f"the same in local steps of {groups[-1].count} workers", err=True)
    found["local steps"] = groups[-1].ask_all(
        "steps_together",
        source=source,
        log_loss=sizes.target,
        batch=groups[-1].count * min(sizes.steps),
        l2=1e-4,
        every=EVERY,
    )[0]
    return found


def newton_again(source: str, sizes: Sizes) -> dict[str, Any]:
    """What `measured` finds of newton, and nothing else; as for it."""
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stream.write_source(folder, 1)
        alone, *groups = (stack.enter_context(Group(folder, count)) for count in (1, *sizes.groups))
        for group in (alone, *groups):
            group.ready()
        return {"newton load": load} | _newton(sizes, alone, groups, source)


def _newton(sizes: Sizes, alone: Group, groups: Sequence[Group], source: str) -> dict[str, Any]:
    """What newton takes in one process and in several, in turns; the fastest turn of each.

    A turn takes seconds, and other programs only add to them.
    """
    asked = {"source": source, "l2": sizes.newton_l2, "tol": sizes.newton_tol}
    taken: dict[str, list[Any]] = defaultdict(list)
    for turn in range(min(sizes.rounds, _NEWTON_TURNS)):
        click.echo(f"newton, turn {turn + 1}", err=True)
        taken["newton"].append(alone.ask("newton", **asked))
        for group in groups:
            taken[f"newton {group.count}"].append(group.ask_all("newton_together", **asked)[0])
    return {name: min(turns, key=lambda each: each["spent"]) for name, turns in taken.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(parts) for parts in zip(*costs, strict=True)))
