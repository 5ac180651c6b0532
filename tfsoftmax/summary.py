"""A model in a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfsoftmax.messages import counted
from tfsoftmax.spec import Spec

_MOST_NAMES = 8


def summary(spec: Spec, W: np.ndarray, b: np.ndarray) -> str:
    """What goes in, how it is scaled, the parameters, and what comes out, a line each."""
    scaling = spec.scaled_by
    features = f"{spec.shape_in_words} {spec.dtype}"
    if spec.encoding is not None:
        columns = [f"{column.name} ({column.in_words})" for column in spec.encoding.columns]
        features += f", of the columns {_listed(columns)}"
    elif spec.feature_names is not None:
        features += f": {_listed(spec.feature_names)}"
    scaled = "(x - offset) * scale"
    if not isinstance(scaling.scale, tuple) and not isinstance(scaling.offset, tuple):
        scaled = f"(x - {scaling.offset:g}) * {scaling.scale:g}"
    if scaling.offset == 0 and scaling.scale == 1:
        scaled = "none"
    if scaling.limit is not None:
        scaled += f", cut off at {-scaling.limit:g} and {scaling.limit:g}"
    lines = {
        "features": features,
        "missing": "filled in" if scaling.fill is not None else "not taken",
        "scaling": scaled,
        "W": f"{W.shape[0]:,} x {W.shape[1]:,}, {np.count_nonzero(W):,} not 0, "
        f"largest {np.abs(W).max(initial=0):.3g}",
        "b": f"{len(b):,}",
        "parameters": f"{W.size + b.size:,}",
        "classes": f"{spec.n_classes:,}: {_listed(spec.class_names)}",
    }
    if scaling.indicators:
        lines["missing"] += f", with an indicator for {counted(len(scaling.indicators), 'feature')}"
    if spec.reject_below is not None:
        lines["abstains"] = f"where no probability is at least {spec.reject_below:g}"
    return "\n".join(f"{name:<11} {text}" for name, text in lines.items())


def _listed(names: Sequence[str]) -> str:
    more = f", ... ({len(names):,})" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
