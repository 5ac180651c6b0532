"""The launcher, with programs that end as they are told to; those that train are elsewhere."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from support.commands import assert_one_line, run
from support.process import TFSOFTMAX

from tfsoftmax.cli.launch import launch as command
from tfsoftmax.distributed.environment import cluster_in
from tfsoftmax.distributed.launch import Ended, launch

# What each worker does, by its number; "once" names a file that the first to come makes.
PROGRAM = """
import json, os, signal, sys, time
from tfsoftmax.distributed.environment import cluster_in

index = cluster_in(os.environ).index
what, folder = json.loads(sys.argv[1])[index], sys.argv[2]
again = os.path.exists(f"{folder}/{index}")
with open(f"{folder}/{index}", "a") as file:
    file.write("x")
if what.startswith("once ") and again:
    what = "0"
what = what.removeprefix("once ")
# Else one that ends at once may end another before that has begun.
names = [f"{folder}/{other}" for other in range(len(json.loads(sys.argv[1])))]
while not all(map(os.path.exists, names)):
    time.sleep(0.01)
if what == "sleep":
    time.sleep(60)
if what == "stop":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    open(f"{folder}/ready-{index}", "w").close()
    time.sleep(60)
if what == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(what))
"""


def program(folder, *what):
    return [sys.executable, "-c", PROGRAM, json.dumps(what), str(folder)]


def starts(folder, index):
    return len((folder / str(index)).read_text())


@pytest.mark.parametrize(
    ("what", "restarts", "ended"),
    [
        (["0", "0", "0"], 3, Ended(0, None, 0, 0)),
        # What lost another, or was killed, is tried again; both workers are.
        (["once 75", "once kill"], 3, Ended(0, None, 0, 1)),
        (["75", "kill"], 1, Ended(75, 1, 9, 1)),
        (["75", "75"], 0, Ended(75, 0, 0, 0)),
        # A failure of its own is not, and ends those who wait for it.
        (["sleep", "2"], 3, Ended(2, 1, 0, 0)),
        (["75", "1"], 3, Ended(1, 1, 0, 0)),
    ],
)
def test_how_workers_end_says_what_is_done(tmp_path, what, restarts, ended):
    started = time.monotonic()
    found = launch(program(tmp_path, *what), len(what), restarts)
    # Which of two lost ones is seen first is chance.
    assert found == ended or (what == ["75", "75"] and found.code == 75)
    assert [starts(tmp_path, index) for index in range(len(what))] == [ended.restarts + 1] * len(
        what
    )
    assert time.monotonic() - started < 30


def test_each_worker_has_its_own_number_and_all_have_the_same_addresses(tmp_path):
    script = "import os; print(os.environ['TF_CONFIG'], file=open('config', 'a'))"
    os.chdir(tmp_path)
    assert launch([sys.executable, "-c", script], 3).code == 0
    lines = (tmp_path / "config").read_text().splitlines()
    clusters = [cluster_in({"TF_CONFIG": line}) for line in lines]
    assert sorted(cluster.index for cluster in clusters) == [0, 1, 2]
    assert len({cluster.addresses for cluster in clusters}) == 1


def test_a_signal_goes_to_all_and_all_end_by_it(tmp_path):
    def interrupt():
        ready = [tmp_path / f"ready-{index}" for index in range(2)]
        while not all(path.exists() for path in ready):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=interrupt, daemon=True).start()
    ended = launch(program(tmp_path, "stop", "stop"), 2)
    assert (ended.code, ended.restarts) == (143, 0)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_command_prints_the_chiefs_output_and_the_others_after_their_number(tmp_path):
    script = (
        "import json, os; print('number', json.loads(os.environ['TF_CONFIG'])['task']['index'])"
    )
    result = subprocess.run(
        [TFSOFTMAX, "launch", "--workers", "3", "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stdout) == (0, "number 0\n")
    assert sorted(result.stderr.splitlines()) == ["worker 1: number 1", "worker 2: number 2"]


def test_a_worker_that_is_killed_too_often_is_named(tmp_path):
    killed = program(tmp_path, "0", "kill")
    result = run(command, "--workers", 2, "--restarts", 1, "--", *killed)
    assert_one_line(result, 75, "worker 1 of 2 was ended by signal 9, .* after 1 of 1 restarts")


def test_a_program_that_does_not_exist_is_a_usage_error():
    result = run(command, "--workers", 2, "--", "tfsoftmax-trian")
    assert_one_line(result, 2, "there is no command 'tfsoftmax-trian'")
