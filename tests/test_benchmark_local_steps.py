"""The benchmark of local steps: its worst shards are those of the file as it is, and its table."""

import sys
from pathlib import Path

import numpy as np
import pytest
from support.datasets import make_dataset

from tfsoftmax.training.sgd.feed import Feed

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield __import__("local_steps")
    sys.modules.pop("local_steps")


def test_a_worker_may_be_given_its_part_of_the_file_as_it_is(benchmark, monkeypatch):
    rows = benchmark.arranged(make_dataset(), "sorted").train
    assert (np.diff(rows.labels) >= 0).all()
    monkeypatch.setattr(Feed, "_own", benchmark.as_they_lie)
    bounds = [0, 20, 20, len(rows)]
    for index in range(3):
        shards = [range(*bounds[worker : worker + 2]) for worker in range(3)]
        feed = Feed(rows, 12, 0, 2**30, shards, index)
        mine = rows.take(np.arange(len(rows))[bounds[index] : bounds[index + 1]])
        np.testing.assert_array_equal(feed.rows.features[: len(mine)], mine.features)


def test_the_table_has_a_row_for_each_interval_and_times_in_those_of_one(benchmark):
    def found(interval, file, seconds):
        return {
            "interval": interval, "file": file, "log_loss": 0.25, "accuracy": 0.9,
            "seconds": seconds, "talking": 0.125,
        }  # fmt: skip

    alone = [found(1, benchmark.FILES[0], 2.0)] * 2
    two = [found(each, file, 3.0) for each in benchmark.INTERVALS for file in benchmark.FILES]
    lines = list(benchmark.table(alone, {2: two}))
    assert len(lines) == 3 + len(benchmark.INTERVALS)
    assert lines[-1] == "| 2 | `epoch` | 0.2500 | 0.2500 | 0.2500 | 1.50 | 12 % |"
