"""Workers that are killed, stopped, late or asked to stop: all end soon, say why, and go on."""

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.process import TFSOFTMAX, TRAIN
from support.workers import run_workers

from tfsoftmax.distributed.environment import cluster_in
from tfsoftmax.distributed.launch import configs

# What a loaded machine takes to start TensorFlow; a hang is longer.
MOST_SECONDS = 240
NOTICED_SECONDS = 60
RUN = [
    "digits", "--epochs", "40", "--l2", "7e-4", "--batch-size", "32", "--momentum", "0.9",
    "--sync-every", "1", "--tflite", "none",
]  # fmt: skip


MEET = """
import os, sys, time
from pathlib import Path
from tfsoftmax import join_workers
from tfsoftmax.errors import PeerError

workers = join_workers(200)
if workers.is_chief:
    time.sleep(1)
    Path("exported").touch()
workers.meet()
assert Path("exported").exists()
if workers.is_chief:
    os._exit(9)
try:
    workers.meet()
except PeerError as error:
    print(error, flush=True)
    os._exit(75)
"""


class Run:
    """Workers of a run in a folder, which are killed in the end."""

    def __init__(self, folder, count, *options, absent=(), own=()):
        self.folder, self.workers, self.configs = folder, {}, configs(count)
        self.options, self.own = options, dict(own)
        for index in sorted({*range(count)} - {*absent}):
            self.start(index)

    def start(self, index):
        command = [TRAIN, *RUN, "--output-dir", str(self.folder / "models"), *self.options]
        command += self.own.get(index, [])
        environment = {**os.environ, "TF_CONFIG": self.configs[index]}
        with (self.folder / f"{index}.txt").open("w") as said:
            self.workers[index] = subprocess.Popen(
                command,
                env=environment,
                stdout=said,
                stderr=said,
                # A shell's background job, such as a CI may be, ignores interrupts.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for worker in self.workers.values():
            worker.kill()
            worker.wait()

    def said(self, index):
        return (self.folder / f"{index}.txt").read_text()

    def wait_for_epoch(self, epoch):
        deadline = time.monotonic() + MOST_SECONDS
        while not re.search(rf"^ *{epoch}/", self.said(0), re.MULTILINE):
            assert time.monotonic() < deadline, self.said(0)
            time.sleep(0.02)

    def wait_until_it_listens(self, index):
        address = cluster_in({"TF_CONFIG": self.configs[index]}).addresses[index]
        host, _, port = address.partition(":")
        deadline = time.monotonic() + MOST_SECONDS
        while True:
            with suppress(OSError):
                return socket.create_connection((host, int(port))).close()
            assert time.monotonic() < deadline, self.said(index)
            time.sleep(0.05)

    def codes(self, seconds=MOST_SECONDS, without=()):
        deadline = time.monotonic() + seconds
        left = {index: each for index, each in self.workers.items() if index not in without}
        return [each.wait(max(0.1, deadline - time.monotonic())) for each in left.values()]


def assert_one_line(said, pattern):
    lines = [line for line in said.splitlines() if line.startswith("Error")]
    assert len(lines) == 1, said
    assert re.search(pattern, lines[0]), lines[0]
    assert "Traceback" not in said


def weights(folder):
    """W and b of the model that was exported last."""
    latest = max((folder / "models" / "digits").iterdir(), key=lambda path: path.name)
    reader = tf.train.load_checkpoint(str(latest / "variables" / "variables"))
    shapes = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in sorted(shapes) if name.startswith("model/")}


def assert_same_weights(found, expected):
    assert found.keys() == expected.keys()
    assert len(found) == 2
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of the same run in one process, without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    command = [TRAIN, *RUN, "--output-dir", str(folder / "models")]
    subprocess.run(command, check=True, timeout=MOST_SECONDS, capture_output=True)
    return weights(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "resumed_with"), [(1, 3), (0, 2)])
def test_a_killed_worker_ends_all_and_another_number_goes_on(tmp_path, whole, victim, resumed_with):
    saving = ["--checkpoint-dir", str(tmp_path / "run"), "--checkpoint-steps", "9", "--resume"]
    with Run(tmp_path, 2, *saving) as run:
        run.wait_for_epoch(5)
        run.workers[victim].kill()
        assert sorted(run.codes(NOTICED_SECONDS)) == [-signal.SIGKILL, 75]
        assert_one_line(run.said(1 - victim), rf"lost worker {victim}.* \(127\.0\.0\.1:\d+\)")
    assert not (tmp_path / "models").exists()
    with Run(tmp_path, resumed_with, *saving) as run:
        assert run.codes() == [0] * resumed_with, run.said(0)
        assert "resuming from" in run.said(0)
    assert_same_weights(weights(tmp_path), whole)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [1, 0])
def test_a_stopped_worker_is_noticed_and_named(tmp_path, victim):
    with Run(tmp_path, 2, "--epochs", "100000") as run:
        run.wait_for_epoch(1)
        run.workers[victim].send_signal(signal.SIGSTOP)
        assert run.codes(NOTICED_SECONDS, without=[victim]) == [75]
        assert_one_line(run.said(1 - victim), rf"lost worker {victim}")


@pytest.mark.slow
@pytest.mark.parametrize("absent", [1, 0])
def test_a_worker_that_never_comes_is_named(tmp_path, absent):
    with Run(tmp_path, 3, "--join-timeout", "30", absent=[absent]) as run:
        assert run.codes() == [75, 75]
        for index in run.workers:
            assert_one_line(run.said(index), rf"waited 30 s for worker {absent}\b")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_who_waits_for_the_others_ends_at_once_when_asked_to(tmp_path, number, code, said):
    with Run(tmp_path, 2, absent=[1]) as run:
        run.wait_until_it_listens(0)
        time.sleep(2)  # Then it waits.
        run.workers[0].send_signal(number)
        assert run.codes(5) == [code]
        assert_one_line(run.said(0), f"^Error: {said}$")


@pytest.mark.slow
def test_one_that_is_started_again_is_still_waited_for(tmp_path):
    """As schedulers do that start each again by itself; the chief keeps the list of all."""
    with Run(tmp_path, 2, "--epochs", "2", absent=[0]) as run:
        run.start(0)
        run.wait_until_it_listens(0)
        run.workers[0].kill()
        run.workers[0].wait()
        run.start(0)
        assert run.codes() == [0, 0], run.said(1)


@pytest.mark.slow
def test_sigterm_to_one_saves_the_run_and_ends_all(tmp_path, whole):
    saving = ["--checkpoint-dir", str(tmp_path / "run"), "--resume"]
    with Run(tmp_path, 2, *saving) as run:
        run.wait_for_epoch(5)
        run.workers[1].terminate()
        assert run.codes(NOTICED_SECONDS) == [75, 143]
        assert_one_line(run.said(0), "worker 1 of 2 was asked to stop")
        assert_one_line(run.said(1), "^Error: terminated$")
    with Run(tmp_path, 2, *saving) as run:
        assert run.codes() == [0, 0], run.said(0)
    assert_same_weights(weights(tmp_path), whole)


@pytest.mark.slow
def test_a_worker_with_other_data_is_named(tmp_path):
    with Run(tmp_path, 2, own={1: ["--seed", "7"]}) as run:
        assert run.codes() == [1, 1]
        for index in run.workers:
            assert_one_line(run.said(index), "worker 1 of 2 has other rows, other options or")


@pytest.mark.slow
def test_the_launcher_starts_all_again_when_one_is_killed(tmp_path, whole):
    saving = ["--checkpoint-dir", str(tmp_path / "run"), "--checkpoint-steps", "9", "--resume"]
    command = [TFSOFTMAX, "launch", "--workers", "2", "--", TRAIN, *RUN, *saving]
    command += ["--output-dir", str(tmp_path / "models")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as launcher:
        try:
            killed = False
            for line in launcher.stderr:
                if not killed and re.match(" *5/", line):
                    task = Path(f"/proc/{launcher.pid}/task/{launcher.pid}")
                    os.kill(int((task / "children").read_text().split()[-1]), signal.SIGKILL)
                    killed = True
            assert launcher.wait(MOST_SECONDS) == 0
        finally:
            launcher.terminate()
    assert_same_weights(weights(tmp_path), whole)


@pytest.mark.slow
def test_all_wait_for_the_chief_until_it_is_done_or_gone(tmp_path):
    codes, said = run_workers(MEET, 2, tmp_path)
    assert codes == [9, 75], said
    assert re.search("worker 1 of 2 lost worker 0, the chief", said[1])
