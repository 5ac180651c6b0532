"""The randomised driver of the command line: no traceback, no hang, nothing half there.

One case again, by its seed and number:
TFSOFTMAX_HOSTILE=3:1417 pytest -m slow tests/cli/test_hostile.py
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).parents[1] / "support" / "hostile_run.py"
SEED, CASES, SLICE = 12, 2000, 100
OURS = ("TF_CPP_MIN_LOG_LEVEL", "TF_XLA_FLAGS")  # set for the tests' sake
ONE = os.environ.get("TFSOFTMAX_HOSTILE")


def drive(seed, first, last, work):
    command = [sys.executable, str(DRIVER), *map(str, (seed, first, last, work))]
    environment = {k: v for k, v in os.environ.items() if k not in OURS}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "work"


def slices():
    if ONE:
        seed, number = map(int, ONE.split(":"))
        return [(seed, number, number + 1)]
    return [(SEED, first, first + SLICE) for first in range(0, CASES, SLICE)]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "first", "last"), slices())
def test_hostile_command_lines_end_in_one_line(work, seed, first, last):
    drive(seed, first, last, work)


@pytest.mark.slow
def test_a_sample_of_hostile_command_lines(work):
    drive(SEED, CASES, CASES + 15, work)
