"""kill -9, SIGTERM and Ctrl-C at moments nobody chose: the run goes on to the same bytes."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from support.commands import run
from support.marks import slow
from support.process import TRAIN

from tfsoftmax.cli.train import main as train

RUN = [
    TRAIN, "--dataset", "digits", "--epochs", "60", "--momentum", "0.9", "--averaging", "0.5",
    "--l2", "1e-4", "--tflite", "none",
]  # fmt: skip


def start(folder, *arguments):
    return subprocess.Popen(
        [*RUN, "--output-dir", str(folder / "models"), *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # A shell's background job, such as a CI may be, ignores interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def weights(folder):
    (version,) = (folder / "models" / "digits").iterdir()
    return (version / "variables" / "variables.data-00000-of-00001").read_bytes()


def finish(process):
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def kill_and_resume(tmp_path, kills, seed):
    finish(start(tmp_path / "whole"))
    expected = weights(tmp_path / "whole")
    generator = random.Random(seed)
    saving = ["--checkpoint-dir", str(tmp_path / "run"), "--checkpoint-steps", "7", "--resume"]
    done = 0
    while done < kills:
        process = start(tmp_path / "killed", *saving)
        # From before TensorFlow is there to the middle of training and exporting.
        time.sleep(generator.uniform(0.5, 5.0))
        process.kill()
        process.communicate()
        if process.returncode == 0:  # It was faster: begin a run that can be killed.
            shutil.rmtree(tmp_path / "run")
        else:
            done += 1
    finish(start(tmp_path / "killed", *saving))
    versions = sorted((tmp_path / "killed" / "models" / "digits").iterdir())
    for version in versions:
        if version.name.isdigit():
            found = (version / "variables" / "variables.data-00000-of-00001").read_bytes()
            assert found == expected
    # Whatever the kills left half-written went with the run that ended.
    assert not list(tmp_path.rglob(".staging-*"))
    assert {path.suffix for path in (tmp_path / "run").iterdir()} == {".ckpt"}


@pytest.mark.slow
def test_a_run_killed_twice_ends_in_the_same_bytes(tmp_path):
    kill_and_resume(tmp_path, 2, seed=0)


@pytest.mark.slow
def test_a_run_killed_inside_the_loop_ends_in_the_same_bytes(tmp_path):
    long = ["--epochs", "400"]
    finish(start(tmp_path / "whole", *long))
    saving = ["--checkpoint-dir", str(tmp_path / "run"), "--checkpoint-steps", "5", "--resume"]
    generator, kills = random.Random(0), 0
    while kills < 2:
        process = start(tmp_path / "killed", *saving, *long)
        epoch = f"{generator.randrange(16, 200, 16)}/400"
        for line in process.stderr:
            if line.startswith(epoch):
                break
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        # It was in the loop: what is saved is not the run's end, and nothing is exported.
        assert not list((tmp_path / "killed").rglob("saved_model.pb"))
    finish(start(tmp_path / "killed", *saving, *long))
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


@pytest.mark.slow
def test_runs_killed_fifty_times_end_in_the_same_bytes(tmp_path):
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        kill_and_resume(folder, 5, seed)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        slow(signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
    ],
)
def test_a_signal_saves_the_run_and_says_so(tmp_path, number, code, word):
    saving = ["--checkpoint-dir", str(tmp_path / "run"), "--checkpoint-seconds", "1000"]
    # So many epochs that it cannot end by itself.
    process = start(tmp_path, *saving, "--epochs", "1000000")
    for line in process.stderr:
        if line.lstrip().startswith("1/"):
            break
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    lines = [line for line in errors.splitlines() if line]
    assert (process.returncode, lines[-1]) == (code, f"Error: {word}")
    assert lines[-2].startswith(f"saved in {tmp_path / 'run'} after step ")
    assert lines[-2].endswith("; the same with --resume goes on from there")
    assert not (tmp_path / "models").exists()
    resumed = [*RUN[1:], "--output-dir", tmp_path / "models", *saving, "--resume", "--epochs", "5"]
    assert run(train, *resumed).exit_code == 0
