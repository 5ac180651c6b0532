"""Which parts of a source each of several workers reads, or which rows: some in a row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError


def own_parts(name: str, parts: Sequence[tuple[str, int]], workers: Workers) -> range:
    """Which of a source's parts this worker reads; all must call it.

    Args:
      name: of the source, for an error.
      parts: the name of each, and how much there is to read in it.
      workers: all.

    Returns:
      Their indices, maybe none.

    Raises:
      DataError: if another worker finds other parts.
    """
    check_same(name, list(parts), workers)
    return shares([size for _, size in parts], workers.count)[workers.index]


def own_files(name: str, files: Sequence[Path], workers: Workers) -> list[Path]:
    """Which of a source's files this worker reads; all must call it.

    Raises:
      DataError: if another worker finds other files.
    """
    mine = own_parts(name, [(file.name, file.stat().st_size) for file in files], workers)
    return list(files[mine.start : mine.stop])


def own_range(n_rows: int, workers: Workers) -> range:
    """Which of so many rows, of the same size, this worker reads.

    >>> from tfsoftmax.distributed.workers import ALONE
    >>> own_range(7, ALONE)
    range(0, 7)
    """
    first, last = (n_rows * each // workers.count for each in (workers.index, workers.index + 1))
    return range(first, last)


def check_same(name: str, found: Any, workers: Workers) -> None:
    """Checks that all workers find the same; all must call it.

    Args:
      name: of the source, for an error.
      found: names and sizes of what is to be read, JSON-ready.
      workers: all.

    Raises:
      DataError: if another worker finds something else than the chief.
    """
    seen = said_by_all(hashlib.sha256(json.dumps(found).encode()).hexdigest(), workers)
    others = [index for index, each in enumerate(seen) if each != seen[0]]
    if others:
        raise DataError(
            f"{name}: worker {others[0]} of {workers.count} finds other files, or files of other "
            "sizes, than the chief, worker 0: give all workers the same data"
        )


def shares(sizes: Sequence[int], count: int) -> list[range]:
    """Deals parts to workers, in their order, so that all have about as much to read.

    >>> shares([5, 5, 5, 1, 1, 1], 3)
    [range(0, 1), range(1, 2), range(2, 6)]
    >>> shares([7, 7], 3)
    [range(0, 1), range(1, 1), range(1, 2)]
    """
    ends = np.cumsum(sizes)
    middles = (ends - np.asarray(sizes) / 2) / max(1, ends[-1] if len(ends) else 1)
    bounds = np.searchsorted(middles, np.arange(count + 1) / count)
    bounds[-1] = len(sizes)
    return [range(*pair) for pair in pairwise(bounds.tolist())]
