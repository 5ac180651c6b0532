"""From what was measured to a page and its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import ticker

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from sections import BATCH_SIZES, FLOOR, LBFGS, OURS, STREAMING_LIMIT, TARGET

Results = dict[str, Any]
MINIBATCH = ("Keras fit", "PyTorch, tensors", "PyTorch, DataLoader", "JAX scan", "NumPy by hand")
# One colour a competitor in every picture; ours stands out, the floor stays behind.
COLORS = {
    OURS: "#d62728",
    f"{OURS}, nothing kept": "#e99a9a",
    "Keras fit": "#ff9f40",
    "PyTorch, tensors": "#7f5fc9",
    "PyTorch, DataLoader": "#b79ce6",
    "JAX scan": "#2ca02c",
    "NumPy by hand": "#1f77b4",
    "scikit-learn SGDClassifier": "#8c8c8c",
    LBFGS: "#4d4d4d",
    FLOOR: "#c0c0c0",
}


def acceptance(results: Results) -> list[tuple[str, float | None, float]]:
    """(measure, found, target) of every figure that has a target; None: not reached."""
    rows: list[tuple[str, float | None, float]] = []
    for batch, costs in results["epochs"].items():
        ours = costs[OURS]["median"]
        limits = {"Keras fit": 0.10, "PyTorch, tensors": 0.25, "PyTorch, DataLoader": 0.15}
        for name in (*MINIBATCH, *([FLOOR] if batch == "64" else [])):
            limit = limits.get(name, 1.0) if batch == "64" else 1.0
            limit = 1.25 if name == FLOOR else limit
            ratio = ours / costs[name]["median"]
            rows.append((f"epoch, batch {int(batch):,}: ours / {name}", ratio, limit))
    reached = results["quality"]
    for name in (LBFGS, "Keras fit", "PyTorch, tensors", "PyTorch, DataLoader"):
        found = None
        if reached[OURS]["median"] and reached[name]["median"]:
            found = reached[OURS]["median"] / reached[name]["median"]
        limit = 0.15 if name == LBFGS else 0.25
        rows.append((f"seconds to test log-loss {TARGET:.3f}: ours / {name}", found, limit))
    command = results["command"]
    whole = command["tfsoftmax-train"]["median"] / command["import tensorflow"]["median"]
    rows.append(("`tfsoftmax-train` on mnist5k / `import tensorflow`", whole, 1.5))
    rows.append(("seconds to load MNIST again", results["loading"]["second load"]["median"], 0.3))
    memory = results["memory"]
    rows.append(
        (
            "memory added a byte of data, 60,000 to 600,000 rows",
            memory["in memory"]["added_per_byte"],
            1.5,
        )
    )
    rows.append(
        (
            "the same, streamed (0 is flat)",
            memory["streamed"]["added_per_byte"],
            0.1,
        )
    )
    out = results["out_of_core"]
    slower = out["in memory"]["rows_a_second"] / out["streamed"]["rows_a_second"]
    rows.append(("rows a second: in memory / streamed", slower, 1 / 0.7))
    for axis, costs in results["growth"].items():
        first, *others = costs
        for value in others:
            grown = {name: costs[value][name] / costs[first][name] for name in (OURS, FLOOR)}
            rows.append(
                (
                    f"growth of an epoch's cost, {axis} {int(first):,} to {int(value):,}: "
                    "ours / the floor's",
                    grown[OURS] / grown[FLOOR],
                    1.5,
                )
            )
    for batch, costs in results["evaluation"].items():
        ratio = costs["evaluation"]["median"] / costs["training"]["median"]
        rows.append((f"evaluating all 70,000 rows / an epoch of batch {int(batch):,}", ratio, 1.0))
    return rows


def page(results: Results) -> str:
    lines = [
        "# Speed",
        "",
        "Measured, and this page written, by `python benchmarks/speed` after",
        "`pip install '.[bench]'`; everything counted is in [speed.json](speed.json).",
        *_machine(results),
        "",
        "Ratios of medians; what is compared ran side by side. Below 1 is in our favour where two",
        "are.",
        "",
        "| measure | found | target | |",
        "|---|---|---|---|",
    ]
    for measure, found, target in acceptance(results):
        shown = "not reached by the other" if found is None else f"{found:.3f}"
        met = "met" if found is None or found <= target else "**not met**"
        lines.append(f"| {measure} | {shown} | <= {target:.3g} | {met} |")
    lines += [
        "",
        "## Seconds an epoch",
        "",
        "MNIST, 60,000 x 784 bytes; the same rows in the same order, the same learning rate",
        "(0.5), zeros to start from, two threads. Each turn of a competitor is one epoch that",
        "does not count and then at least 0.3 s of them; a median is over turns. The log-loss",
        "on the test rows afterwards shows that all did the same work.",
        "",
        "![seconds an epoch](pictures/speed-epochs.png)",
        "",
        *_epoch_table(results),
        "",
        "`SGDClassifier` takes one row a step, so it knows no batch size, and trains one class",
        "against the rest. The floor multiplies float32 rows that lie in order.",
        "",
        "## Seconds to a good model",
        "",
        f"Training until the log-loss on the test rows is {TARGET:.3f}, in a fresh process, from",
        "data in memory, compilation included, evaluation not: batch 64, learning rate 0.5 to 0",
        "along a cosine, 10 epochs. lbfgs is given the fewest iterations, in steps of five, that",
        f"reach it ({results['quality'][LBFGS]['iterations']}). The commands keep what XLA",
        "compiled; *nothing kept* is a first run, and a run from Python that imported",
        "TensorFlow itself.",
        "",
        "![seconds to a good model](pictures/speed-quality.png)",
        "",
        *_quality_table(results),
        "",
        "## Growth",
        "",
        "An epoch of batch 64 as one size grows: rows at 784 features and 10 classes; features",
        "and classes at 20,000 rows.",
        "",
        "![growth](pictures/speed-growth.png)",
        "",
        "## Memory, and data beyond it",
        "",
        *_memory_lines(results),
        "",
        "## Where the time goes",
        "",
        *_BOUND,
        "",
    ]
    return "\n".join(lines)


def _machine(results: Results) -> list[str]:
    machine, versions = results["machine"], results["versions"]
    shown = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    rate = {kind: value["bytes_a_second"] / 1e9 for kind, value in results["bandwidth"].items()}
    return [
        f"On {machine['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GB of memory (one thread reads {rate['read']:.0f} GB/s and "
        f"copies {rate['copy']:.0f} GB/s), {machine['system']}, Python {machine['python']}; "
        f"{shown}.",
        "No GPU was at hand, so nothing is said about one.",
    ]


_BOUND = (
    "What bounds it: the two matrix products of a step, a million multiplications together.",
    "XLA's take about as long as NumPy's, which are the floor; on top of them come the rows,",
    "gathered from all over memory where the floor reads them in order. What was tried and",
    "brought nothing: one intra-op thread, XLA's own oneDNN, XNNPACK and YNNPACK products,",
    "512-bit vectors, padding ten classes to sixteen, folding the scaling into `W`. What",
    "brought most: keeping `W` and the logits transposed in the loop.",
)


def _epoch_table(results: Results) -> list[str]:
    epochs = results["epochs"]
    first = epochs[str(BATCH_SIZES[0])]
    lines = [
        "| | " + " | ".join(f"batch {size:,}" for size in BATCH_SIZES) + " | test log-loss |",
        "|---" * (len(BATCH_SIZES) + 2) + "|",
    ]
    for name in sorted(first, key=lambda name: first[name]["median"]):
        cells = []
        for size in BATCH_SIZES:
            found = epochs[str(size)].get(name)
            cells.append(
                f"{found['median']:.3f} ({found['min']:.3f} to {found['max']:.3f})" if found else ""
            )
        loss = "" if name == FLOOR else f"{first[name]['quality']['log_loss']:.5f}"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {loss} |")
    return lines


def _quality_table(results: Results) -> list[str]:
    lines = ["| | seconds | spread | best test log-loss |", "|---|---|---|---|"]
    quality = results["quality"]
    for name in sorted(quality, key=lambda name: quality[name]["median"] or 1e9):
        found = quality[name]
        if found["median"] is None:
            cells = "never | "
        else:
            cells = f"{found['median']:.2f} | {found['min']:.2f} to {found['max']:.2f}"
        lines.append(f"| {name} | {cells} | {found['best_log_loss']:.4f} |")
    return lines


def _memory_lines(results: Results) -> list[str]:
    lines = ["| peak memory of a run | 60,000 rows | 600,000 rows |", "|---|---|---|"]
    for kind, peaks in results["memory"].items():
        cells = (f"{peaks[rows] / 1e6:,.0f} MB" for rows in ("60,000", "600,000"))
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    out = results["out_of_core"]
    limit = STREAMING_LIMIT / 2**20
    return [
        *lines,
        "",
        f"With a memory limit of {limit:.0f} MiB ({limit / 4:.0f} MiB for the peaks above), ten "
        f"times MNIST, 470 MB, streams from its file at "
        f"{out['streamed']['rows_a_second']:,.0f} rows a second; MNIST in memory trains at "
        f"{out['in memory']['rows_a_second']:,.0f}. The file is in the system's cache, as a file "
        "just written is; a disk slower than 700 MB/s would be the limit instead.",
    ]


def draw(results: Results, folder: Path) -> None:
    """Writes the pictures."""
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    for name, make in (("epochs", _epochs), ("quality", _quality), ("growth", _growth)):
        figure = make(results)
        figure.savefig(folder / f"speed-{name}.png", dpi=120, bbox_inches="tight")
        plt.close(figure)


def _epochs(results: Results) -> Any:
    figure, axes = plt.subplots(figsize=(7.5, 4))
    epochs = results["epochs"]
    for name in epochs[str(BATCH_SIZES[0])]:
        points = [
            (size, epochs[str(size)][name]) for size in BATCH_SIZES if name in epochs[str(size)]
        ]
        sizes = [size for size, _ in points]
        medians = [found["median"] for _, found in points]
        spread = [
            [found["median"] - found["min"] for _, found in points],
            [found["max"] - found["median"] for _, found in points],
        ]
        axes.errorbar(
            sizes,
            medians,
            spread,
            label=name,
            color=COLORS[name],
            marker="o",
            markersize=4,
            capsize=2,
            linewidth=2.5 if name == OURS else 1.3,
            linestyle="--" if name == FLOOR else "-",
        )
    axes.set(xscale="log", yscale="log", xlabel="batch size", ylabel="seconds an epoch")
    axes.set_xticks(BATCH_SIZES, [f"{size:,}" for size in BATCH_SIZES])
    axes.minorticks_off()
    axes.set_yticks([0.03, 0.1, 0.3, 1], ["0.03", "0.1", "0.3", "1"])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes.set_title("An epoch of MNIST: lower is better", loc="left")
    return figure


def _quality(results: Results) -> Any:
    figure, axes = plt.subplots(figsize=(7.5, 4))
    for name, found in results["quality"].items():
        seconds, losses = zip(*found["curve"], strict=True)
        axes.plot(
            seconds,
            losses,
            label=name,
            color=COLORS[name],
            marker="o",
            markersize=3,
            linewidth=2.5 if name == OURS else 1.3,
        )
    axes.axhline(TARGET, color="#999999", linewidth=0.8, linestyle=":")
    axes.text(axes.get_xlim()[1], TARGET, f" {TARGET:.3f}", va="center", color="#666666")
    axes.set(xscale="log", xlabel="seconds", ylabel="test log-loss", ylim=(0.26, 0.36))
    ticks = [0.3, 1, 3, 10, 30]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.07, 0.5), frameon=False)
    axes.set_title("From data in memory to a good model: left is better", loc="left")
    return figure


def _growth(results: Results) -> Any:
    figure, all_axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=False)
    for axes, (axis, costs) in zip(all_axes, results["growth"].items(), strict=True):
        values = [int(value) for value in costs]
        for name in (OURS, FLOOR):
            axes.plot(
                values,
                [found[name] for found in costs.values()],
                label=name,
                color=COLORS[name],
                marker="o",
                markersize=4,
                linewidth=2.5 if name == OURS else 1.5,
                linestyle="--" if name == FLOOR else "-",
            )
        axes.set(xscale="log", yscale="log", xlabel=axis)
        axes.set_xticks(values, [f"{value:,}" for value in values])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    all_axes[0].set_ylabel("seconds an epoch")
    all_axes[0].legend(frameon=False)
    figure.suptitle("How the cost of an epoch grows", x=0.07, ha="left")
    figure.tight_layout()
    return figure
