"""The benchmarks of sparse rows and of mixed tables run to their end on a part of their data."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def _rows_of(script, *arguments):
    """The lines of the tables that a benchmark prints, each as its cells."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), "--quick", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
def test_sparse_rows_are_measured_beside_scikit_learn():
    rows = _rows_of("sparse.py", "--without", "Vowpal Wabbit")
    found = [row for row in rows if row[0] in ("tfsoftmax", "SGDClassifier")]
    assert len(found) == 4
    for row in found[:2]:
        assert float(row[5]) > 0.3  # 20 classes


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("palmerpenguins") is None, reason="needs palmerpenguins"
)
def test_a_table_is_measured_beside_scikit_learn():
    _, row = _rows_of("tables.py")
    assert row[0] == "penguins"
    assert float(row[6]) > 0.9 < float(row[7])
    assert row[-1].startswith("69/69")
