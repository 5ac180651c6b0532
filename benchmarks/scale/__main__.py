"""What several workers cost: measures, predicts, and writes docs/scale.md.

    python benchmarks/scale [--mnist DATASET] [--quick | --newton | --redraw]

measures the steps of 1, 2 and 4 processes and what messages between them take, and holds the
formulas of costs.py against that. As root it also makes a slow link between two of them.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import click

sys.path.append(str(Path(__file__).parents[1]))

from measure import FULL, QUICK, measured, newton_again
from page import page
from shared import DOCS, write_page


@click.command()
@click.option("--mnist", default="mnist", show_default=True, help="As for tfsoftmax-train.")
@click.option("--rounds", default=FULL.rounds, show_default=True, help="Turns that count.")
@click.option("--quick", is_flag=True, help="A few small steps of the digits, and no page.")
@click.option("--newton", is_flag=True, help="Measure newton again, the rest is the last one's.")
@click.option("--redraw", is_flag=True, help="Write the page from the last scale.json.")
def main(mnist: str, rounds: int, quick: bool, newton: bool, redraw: bool) -> None:
    """Measure everything and write docs/scale.md."""
    # So that the link and the processes go, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kept = DOCS / "scale.json"
    found = json.loads(kept.read_text()) if newton or redraw else {}
    if not redraw:
        sizes = QUICK if quick else FULL._replace(rounds=rounds)
        made = (newton_again if newton else measured)(mnist, sizes)
        found |= json.loads(json.dumps(made))
    if quick:
        click.echo("\n".join(page(found)))
        return
    kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_page("scale.md", page(found))


if __name__ == "__main__":
    main()
