"""The picture of every set's curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from cases import CASES
from figures import least
from solve import SOLVERS

PICTURE = "pictures/optimum.png"


def draw(results: dict[str, Any], path: Path) -> None:
    """A picture of every set's curves."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(-(-len(results) // 2), 2, squeeze=False, layout="constrained")
    figure.set_size_inches(9, 3 * len(axes))
    for axis in axes.flat[len(results) :]:
        axis.remove()
    for axis, (title, found) in zip(axes.flat, results.items(), strict=False):
        best = least(found)
        for place, name in enumerate(SOLVERS):
            points = np.array([run["points"] for run in found["runs"].get(name, [])][-1:])
            if points.size:
                gaps = np.maximum(points[0, :, 2] / best - 1, 1e-12)
                axis.loglog(points[0, :, 0], gaps, color=f"C{place}", label=name, marker=".")
        axis.axhline(CASES[title].gap, color="gray", linewidth=0.8)
        axis.set(title=title, xlabel="seconds", ylabel="relative gap")
    shown = {line.get_label(): line for axis in figure.axes for line in axis.get_lines()}
    names = [name for name in SOLVERS if name in shown]
    figure.legend([shown[name] for name in names], names, loc="outside lower center", ncols=4)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
