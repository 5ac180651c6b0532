"""One run a checkpoint folder, and a lock that does not outlive its process."""

import os
import signal
import subprocess
import sys

import pytest

from tfsoftmax import CheckpointError, Checkpoints, Recipe, UsageError, fit
from tfsoftmax.training import checkpoint
from tfsoftmax.training.checkpoint import Saver

KEEP_FOREVER = """
import sys, time
from pathlib import Path
from tfsoftmax import Checkpoints
from tfsoftmax.training.checkpoint import Saver
saver = Saver(Checkpoints(Path(sys.argv[1]), resume=True))
print("keeping", flush=True)
time.sleep(60)
"""
RECIPE = Recipe(epochs=2, batch_size=10, l2=1e-3)


@pytest.fixture
def other(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KEEP_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "keeping\n"
    yield process
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_second_run_is_refused_and_told_which_is_the_first(tmp_path, made, other):
    for resume in (False, True):
        checkpoints = Checkpoints(tmp_path, resume=resume)
        for begin in (
            lambda ours: fit(made, RECIPE, checkpoints=ours),
            checkpoint.check_checkpoints,
        ):
            with pytest.raises(CheckpointError) as raised:
                begin(checkpoints)
            assert str(raised.value).startswith(f"{tmp_path}: another run is saving there now")
            assert f"(process {other.pid})" in str(raised.value)
    other.send_signal(signal.SIGKILL)
    other.wait()
    # The dead one's lock is nobody's.
    fit(made, RECIPE, checkpoints=Checkpoints(tmp_path))
    assert [path.suffix for path in tmp_path.iterdir()] == [".ckpt"]


def test_a_run_in_this_process_counts_as_any_other(tmp_path):
    saver = Saver(Checkpoints(tmp_path))
    with pytest.raises(CheckpointError, match=f"process {os.getpid()}"):
        Saver(Checkpoints(tmp_path))
    saver.close()
    Saver(Checkpoints(tmp_path)).close()


def test_a_refused_run_lets_go_and_a_check_leaves_nothing(tmp_path, made):
    checkpoint.check_checkpoints(Checkpoints(tmp_path / "new" / "run"))
    assert not list(tmp_path.iterdir())
    fit(made, RECIPE, checkpoints=Checkpoints(tmp_path / "run"))
    for _ in range(2):
        with pytest.raises(UsageError, match="add resume=True"):
            fit(made, RECIPE, checkpoints=Checkpoints(tmp_path / "run"))
    checkpoint.check_checkpoints(Checkpoints(tmp_path / "run", resume=True))
