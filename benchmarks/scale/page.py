"""The page of scaling out, docs/scale.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import figures
import paper
from costs import CHUNK_ENTRIES
from measure import FEATURES
from paper import ASKED, CRITEO, DENSE, duration
from shared import Cost, table_head, table_row

# How far off a prediction may be.
BOUND = 0.3
_SAMPLE = 0.01
# With more load than this the machine had other things to do.
_QUIET = 1.0

_FORMULAS = """## The formulas

One worker's message is all of W and b: `m = 4 (features + 1) classes` bytes, 31 kB for ten digits.

- **An all-reduce** of p workers in a ring is `2 (p - 1)` messages one after the other, of `m / p`
  bytes each: `2 (p - 1) (latency + m / (p bandwidth))` seconds. Its bytes hardly grow with p, its
  latencies do (Patarasuk and Yuan 2009).
- **Every step together:** `rows / (p batch)` times `step(batch) + all-reduce`. On sparse rows a
  message has only the features of the batch, about `sum 1 - (1 - q)^(p batch)` of them, where q is
  the chance that a row has one: by Zipf's law, as in generated click logs. Which these are is told
  for many steps at a time, 4 bytes for each feature of each worker's part.
- **Local steps:** as many steps, and an all-reduce after every K of them.
- **Exact:** an epoch of local steps, then passes of `rows / p` rows, each with a few all-reduces of
  8-byte numbers: what the chief asks for, and what all found. Between passes the chief works alone,
  and before all of them it inverts the Hessian of a few thousand rows: that neither shrinks with p,
  nor grows with the rows.
- **Every worker** also reads all of the source once; of a source with parts it would read its own
  (distributed.md), which is not counted on here. If every step is taken together it draws the
  places of all rows in every epoch. Neither shrinks with p.
- **p processes on c cores** take no less than one takes alone, and no less than
  `p CPU seconds / c`.
- **Memory** must hold a worker's part of the rows if every step is taken together. Whoever streams
  reads while it computes, so a pass takes the longer of the two.
- **Cost** is seconds times machines; multiply machine-hours by your price.

They are in `benchmarks/scale/costs.py`, each with an example.
"""

_PUBLISHED = """Published, for the same rows and logistic regression:

| machines | what | minutes | machine-hours | log-loss on the last day |
|---|---|---|---|---|
| 89 (60 workers, 29 for parameters) | TensorFlow on Google Cloud, 2017 | 70 | 103.8 | 0.1293 |
| 4, with 16 V100 GPUs | Snap ML, 2018 | 1.5 | 0.1 | 0.1292 |

The first is A. Sterbenz, [Using Google Cloud Machine Learning to predict clicks at
scale](https://cloud.google.com/blog/products/gcp/using-google-cloud-machine-learning-to-predict-clicks-at-scale);
the second is C. Dünner et al., [Snap ML: A hierarchical framework for machine
learning](https://arxiv.org/abs/1803.06333) (NeurIPS 2018), 91.5 s. Both start from rows that are
hashed already; neither log-loss was measured with this package.
"""


def page(found: dict[str, Any]) -> Iterator[str]:
    """The lines of docs/scale.md."""
    yield from answer(found)
    yield ""
    yield _FORMULAS
    yield from rates_section(found)
    yield from checks_section(found)
    yield from on_paper(found)


def answer(found: dict[str, Any]) -> Iterator[str]:
    """What to do with 200 GB of rows and four machines."""
    (alone, _), four = (list(paper.plans(found, ASKED, count)) for count in (1, 4))
    together = four[0]
    best = min((plan for plan in four if plan.epoch and plan.whole), key=_seconds)
    sample = ASKED.excess(_SAMPLE * ASKED.rows) - ASKED.excess(ASKED.rows)
    yield from [
        "# One machine or several?",
        "",
        "Written by `python benchmarks/scale`; do not edit.",
        "",
        f"**You have 200 GB of dense rows ({ASKED.rows / 1e6:.0f} million of {ASKED.features} "
        "bytes, ten classes) and four machines.** In this order:",
        "",
        f"1. **Train on a hundredth of the rows.** With {ASKED.parameters:,} weights that costs "
        f"about {sample:.4f} nats of log-loss, and fits into any memory. Often it is the end.",
        "2. **Let one machine stream all of them**, with `tfsoftmax-train` and nothing else: about "
        f"{duration(alone.epoch.training)} an epoch.",
        f"3. **Use all four** if that is too long, and if each has {ASKED.bytes / 4e9:.0f} GB of "
        f"memory for its quarter (`--memory-limit`), with {best.way}: about "
        f"{duration(best.epoch.training)} an epoch, after {duration(best.epoch.reading)} in which "
        "each reads everything. Not with small batches in which "
        f"every step is taken together ({together.way}): "
        f"{duration(together.epoch.training)}, {together.epoch.share:.0%} of it messages.",
        "",
        *paper.dense_table(found, ASKED, (1, 4)),
        "",
        _assumptions(found),
        "",
        f"**Under about 1 TB one machine is often the best answer.** At {paper.DISK / 1e9:g} GB/s "
        f"it reads 1 TB in {duration(1e12 / paper.DISK)}, and several machines that each read all "
        "of it take as long before their first step. They help from the second epoch on.",
    ]


def _seconds(plan: Any) -> float:
    return plan.whole.seconds


def _assumptions(found: dict[str, Any]) -> str:
    cores, newton = found["cores"], found["newton"]
    counts = ", ".join(
        f"{steps:,} of {int(batch):,} rows" for batch, (steps, _) in found["steps"].items() if steps
    )
    local = found["local steps"][0]
    return (
        f"Machines like the one measured below ({cores} cores), with {paper.MEMORY / 1e9:.0f} GB "
        f"of memory for rows, a disk of {paper.DISK / 1e9:g} GB/s, and a network of "
        f"{8 * paper.BANDWIDTH / 1e9:.0f} Gbit/s and {paper.LATENCY * 1e3:g} ms. An epoch includes "
        "measuring on all training rows. A *whole run* has as many steps as MNIST needs for a "
        f"log-loss of {found['target']:g} on its test rows, but at least an epoch: {counts}; "
        + (
            f"{local:,} local ones of {found['groups'][-1]} workers"
            if local
            else "local ones did not reach it"
        )
        + f"; newton goes to a gap of {newton['gap']:.0e} in {newton['passes']:.0f} passes (its "
        f"log-loss there is {newton['log_loss']:.4f}). Rows that are harder need more."
    )


def rates_section(found: dict[str, Any]) -> Iterator[str]:
    """What one process takes."""
    yield "## What was measured"
    yield ""
    yield (
        f"On {found['cores']} cores, everything in turns. A step that is taken with others is "
        "compiled in two parts, and a worker's part of a batch is padded; that is what it costs "
        "more than a step of the plain loop, before any message."
    )
    yield ""
    if found["load"] > _QUIET:
        yield (
            f"**The machine had a load of {found['load']:.0f} from other programs when this began: "
            "figures may be too slow, and predictions off.**"
        )
        yield ""
    if found.get("newton load", 0.0) > _QUIET:
        yield (
            f"**Newton was measured again later, with a load of {found['newton load']:.0f}: its "
            "seconds are too many, those of CPU hardly.**"
        )
        yield ""
    yield from table_head(
        ("rows a step", "steps/s, plain", "CPU ms", "steps/s, as one of two", "CPU ms", "ratio")
    )
    for batch in figures.batches(found):
        plain, part = (Cost(*found[f"{how} {batch}"]) for how in ("alone", "part"))
        yield table_row(
            [
                f"{batch:,}",
                *(
                    text
                    for cost in (plain, part)
                    for text in (f"{1 / cost.wall:,.0f}", f"{cost.cpu * 1e3:.2f}")
                ),
                f"{part.wall / plain.wall:.2f}",
            ]
        )
    between, rates = figures.network(found), figures.rates(found)
    yield ""
    yield (
        f"A message between two processes here takes {between.message.wall * 1e3:.2f} ms within a "
        f"step ({between.message.cpu * 1e3:.2f} ms of CPU), which is software; "
        f"bytes pass at {1e-9 / max(between.byte.wall, 1e-15):.2f} GB/s. One process reads "
        f"{1e-9 / rates.read.wall:.2f} GB/s from the system's cache, draws the place of a row in "
        f"{rates.order.wall * 1e9:.0f} ns, measures a model on a row in "
        f"{rates.evaluation.wall * FEATURES * 1e9:.0f} ns, and takes "
        f"{rates.newton.wall * FEATURES * 1e9:.0f} ns a row for one of newton's passes, "
        f"{rates.leading.wall * 1e3:.0f} ms for its solver between two of them, and "
        f"{rates.inverse.wall:.1f} s for the approximate inverse of the Hessian. A pass has "
        f"{rates.messages:.1f} all-reduces."
    )
    yield ""


def checks_section(found: dict[str, Any]) -> Iterator[str]:
    """Predicted beside measured."""
    checked, newtons = list(figures.checks(found)), list(figures.newton_checks(found))
    # The cost of a message is taken from the first.
    others = [*checked[1:], *newtons]
    within = sum(abs(check.error) <= BOUND for check in others)
    yield "## Predicted and measured"
    yield ""
    yield (
        f"{' and '.join(map(str, found['groups']))} processes on {found['cores']} cores. "
        "Predictions take only what the last section says. The measured share of "
        "communication is what a step takes longer than the same step of all processes without "
        f"messages. The cost of a message is that of the first line; {within} of the "
        f"{len(others)} other predictions, of steps and of newton's passes, are within {BOUND:.0%}."
    )
    yield ""
    heads = ("workers", "rows of each", "a message", "link", "steps/s, predicted", "measured")
    yield from table_head(
        [*heads, "off by", "communication, predicted", "measured", "CPU ms of each"]
    )
    for check in checked:
        yield table_row(
            [
                str(check.workers),
                f"{check.batch:,}",
                "each step" if check.every == 1 else f"{check.every} steps",
                f"{8 * found['link'] / 1e6:.0f} Mbit/s" if check.linked else "",
                f"{1 / check.predicted.training:,.0f}",
                f"{1 / check.measured.wall:,.0f}",
                f"{check.error:+.0%}",
                f"{check.predicted.share:.0%}",
                "" if check.share is None else f"{check.share:.0%}",
                f"{check.measured.cpu * 1e3:.2f}",
            ]
        )
    yield ""
    yield (
        "Newton's passes over the digits, with what the chief does alone. Its seconds of processor "
        "hardly depend on what other programs do."
    )
    yield ""
    heads = ("workers", "passes", "seconds, predicted", "measured", "off by")
    yield from table_head([*heads, "CPU s of the chief, predicted", "measured", "off by"])
    for newton in newtons:
        yield table_row(
            [
                str(newton.workers),
                f"{newton.passes:.1f}",
                f"{newton.predicted.training:.2f}",
                f"{newton.measured.wall:.2f}",
                f"{newton.error:+.0%}",
                f"{newton.predicted_cpu:.2f}",
                f"{newton.measured.cpu:.2f}",
                f"{newton.error_cpu:+.0%}",
            ]
        )
    yield ""
    if found["link"]:
        yield (
            "The link is between two network namespaces of this machine; the kernel's token bucket "
            "bounds its bandwidth. It has no way to add latency: that is left to the formulas."
        )
    else:
        yield (
            "No slow link between two network namespaces was measured, which takes root: "
            "bandwidth and latency are left to the formulas."
        )
    yield ""


def on_paper(found: dict[str, Any]) -> Iterator[str]:
    """Data that no machine here holds."""
    yield f"## On paper: {DENSE.rows:.0e} rows of {DENSE.features} bytes".replace("e+09", "e9")
    yield ""
    yield f"{DENSE.bytes / 1e9:.0f} GB, ten classes; machines and whole runs as above."
    yield ""
    yield from paper.dense_table(found, DENSE, (1, 4, 16, 64))
    yield ""
    yield "## On paper: Criteo's 4.2e9 rows"
    yield ""
    yield (
        f"{CRITEO.features:,} hashed features, {CRITEO.non_zeros} of them in a row, two classes: "
        f"{CRITEO.bytes / 1e12:.1f} TB as they lie in memory, and "
        f"{4 * CRITEO.parameters / 1e6:.0f} MB for all of W. Steps are of generated click logs of "
        "that shape. **None of it was run here.**"
    )
    yield ""
    yield from paper.criteo_table(found)
    yield ""
    yield _PUBLISHED
    yield from breaks(found)


def breaks(found: dict[str, Any]) -> Iterator[str]:
    """Where the formulas, or the package, end."""
    rates = figures.rates(found)
    usual = rates.steps[0][1].wall / figures.batches(found)[0]
    crossing = usual / max(rates.order.wall, 1e-12)
    touched = [CRITEO.touched(1024 * machines) for machines in (1, 4, 89)]
    sizes = [f"{4 * CRITEO.classes * features / 1e6:.1f}" for features in touched]
    yield "## Where it breaks"
    yield ""
    yield from [
        "- **How large messages of sparse rows are depends on how often features return.** By "
        f"Zipf's law, 1,024 rows of one machine, of four and of 89 have gradients of {sizes[0]}, "
        f"{sizes[1]} and {sizes[2]} MB; with a feature of its own for each entry it would be "
        f"{4 * CRITEO.classes * CRITEO.non_zeros * 1024 / 1e6:.1f} MB for each 1,024 rows, and all "
        "of W at most. Which features these are is told for as many steps as have a million "
        f"entries: from {CHUNK_ENTRIES // (2 * 1024 * CRITEO.non_zeros) + 1} machines on that is "
        "each step. That each machine numbers the features of all is not counted.",
        "- **Every worker reads the whole source** if it has no parts, and nothing of that shrinks "
        "with more.",
        "- **For steps together every worker draws the order of all rows**: 24 GB for 1e9 "
        f"rows; from about {crossing:.0f} workers on that takes as long as their steps.",
        "- **Steps that are taken together do not stream**: workers must hold the rows.",
        "- **Large batches need about as many steps**, so twice the epochs: where rows are "
        "few, several workers gain nothing.",
        "- **One slow worker** slows all down. The formulas know equal machines only.",
        "- **Processors with other or more cores** were not measured.",
    ]
