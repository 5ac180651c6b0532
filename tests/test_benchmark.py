"""The benchmark of speed: its competitors do the same work, and its page says what it found."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def speed(monkeypatch):
    for folder in ("benchmarks", "benchmarks/speed"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    names = ("asked", "report", "rounds", "sections", "task", "competitors")
    yield lambda name: __import__(name)
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_competitors_do_the_same_work(speed, tmp_path):
    task, rounds = speed("task"), speed("rounds")
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (300, 20), np.uint8)
    labels = (pixels[:, :3].argmax(axis=1)).astype(np.int32)
    folder = task.store(
        tmp_path / "data", (pixels[:200], labels[:200]), (pixels[200:], labels[200:])
    )
    job = task.Task(folder, 3, batch_size=16, learning_rate=0.3)
    found = rounds.epochs(job, ["tfsoftmax", "NumPy by hand"], rounds=2)
    ours, numpys = found["tfsoftmax"], found["NumPy by hand"]
    assert ours["quality"]["log_loss"] == pytest.approx(numpys["quality"]["log_loss"], abs=1e-6)
    assert ours["quality"]["log_loss"] < 1
    assert len(ours["counted"]) == 2
    assert ours["min"] <= ours["median"] <= ours["max"]


def test_the_page_says_what_was_measured(speed):
    results = json.loads((ROOT / "docs" / "speed.json").read_text())
    page = (ROOT / "docs" / "speed.md").read_text()
    assert speed("report").page(results) == page
