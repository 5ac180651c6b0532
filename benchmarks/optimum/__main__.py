"""How long it takes to the optimum, beside others who look for the same.

    pip install jax optax cyanure
    python benchmarks/optimum [--mnist DATASET] [--only SET] [--without NAME] [--quick]

measures every set, or those named, and writes docs/optimum.md, optimum.json and the picture.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

sys.path.append(str(Path(__file__).parents[1]))

import path
from cases import CASES, OWN, dataset_of
from measure import measured
from page import PATH, PATH_SECONDS, page
from picture import PICTURE, draw
from shared import DOCS, write_page
from solve import SOLVERS

from tfsoftmax import DataError

TITLES = (*CASES, PATH)
_ROUNDS = 3


def save(results: dict[str, Any], quick: bool) -> None:
    """Writes everything, after every set: the next may be stopped."""
    if quick:
        return
    ordered = {one: results[one] for one in TITLES if one in results}
    (DOCS / "optimum.json").write_text(json.dumps(ordered) + "\n", encoding="utf-8")
    draw({one: found for one, found in ordered.items() if one in CASES}, DOCS / PICTURE)
    write_page("optimum.md", page(ordered))


@click.command()
@click.option("--mnist", default="mnist", show_default=True, help="As for tfsoftmax-train.")
@click.option("--only", multiple=True, type=click.Choice(TITLES), help="Measure these again.")
@click.option("--without", multiple=True, type=click.Choice(list(SOLVERS)))
@click.option(
    "--seconds", type=float, help="CPU seconds that each may take, instead of each set's."
)
@click.option(
    "--python-of-others",
    type=click.Path(exists=True, dir_okay=False),
    default=sys.executable,
    help="The Python that has jax, optax and cyanure, if this one has not.",
)
@click.option("--quick", is_flag=True, help="A hundredth of the generated rows, and no page.")
def main(
    mnist: str,
    only: tuple[str, ...],
    without: tuple[str, ...],
    seconds: float | None,
    python_of_others: str,
    quick: bool,
) -> None:
    """Measure everything, or some of it again, and write docs/optimum.md."""
    kept = DOCS / "optimum.json"
    results = json.loads(kept.read_text()) if only and kept.exists() and not quick else {}
    for title in only or TITLES:
        click.echo(f"measuring: {title}", err=True)
        if title == PATH:
            most = 60.0 if quick else PATH_SECONDS
            results[title] = path.measured("digits" if quick else "mnist5k", most)
            save(results, quick)
            continue
        case = CASES[title]
        try:
            dataset = dataset_of(case, mnist, 0.01 if quick else 1.0)
        except DataError as error:
            click.echo(f"  left out: {error}", err=True)
            continue
        names = [name for name in case.solvers if name == OWN or name not in without]
        rounds, most = (1, 20.0) if quick else (_ROUNDS, seconds or case.seconds)
        results[title] = measured(case, dataset, names, most, rounds, python_of_others)
        save(results, quick)
    if quick:
        click.echo("\n".join(page(results)))


if __name__ == "__main__":
    main()
