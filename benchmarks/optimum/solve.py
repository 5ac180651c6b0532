"""One solver in a process of its own.

    python solve.py FOLDER NAME

solves the problem that is in a folder, and prints what it found and when, as JSON. All minimise
the mean loss plus ``l2 / 2 ||W||^2 + l1 ||W||_1`` over the same scaled rows, the bias free, and are
told no more than that; time to look at what they found is not counted.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from others import cyanure, jax, saga, scikit
from ours import ours
from problem import Problem

SOLVERS: dict[str, Callable[[Problem, Path], dict[str, Any]]] = {
    "tfsoftmax": ours,
    "newton-cholesky": scikit("newton-cholesky"),
    "newton-cg": scikit("newton-cg"),
    "lbfgs": scikit("lbfgs"),
    "lbfgs, float32": scikit("lbfgs", np.float32),
    "saga": saga,
    "JAX L-BFGS": jax,
    "cyanure": cyanure,
}


def main() -> None:
    """Solves a problem and prints what was found."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    facts = json.loads((folder / "facts.json").read_text())
    arrays = (np.load(folder / f"{part}.npy") for part in ("inputs", "labels"))
    # What has not arrived says so in a warning.
    warnings.simplefilter("ignore")
    try:
        found = SOLVERS[name](Problem(*arrays, **facts), folder)
    except ImportError as error:
        found = {"points": [], "why": f"is not installed ({error.name})"}
    print(json.dumps(found))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
