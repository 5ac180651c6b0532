"""A worker is lost while the others work by themselves: they read, or find the last figures."""

import signal
import time

import numpy as np
import pandas as pd
import pytest
from support.workers import run_workers, workers

MOST_SECONDS = 240
N_FILES = 60

# Each reads half of the files, a second each; the second worker is lost in its third.
READ = """
import json, os, signal, sys, time
from tfsoftmax import PeerError, join_workers, load_dataset

name, lost_by = json.loads(sys.argv[1])
workers = join_workers(200)
from tfsoftmax.data.collector import Collector
add, blocks = Collector.add, []

def slowly(*arguments, **options):
    blocks.append(time.monotonic())
    if workers.index == 1 and len(blocks) == 3:
        os.kill(os.getpid(), lost_by)
    time.sleep(1)
    add(*arguments, **options)

Collector.add = slowly
try:
    load_dataset(name, workers=workers)
except PeerError as error:
    print(len(blocks), error, flush=True)
    os._exit(75)
"""

# The second is busy by itself when the third ends; the first ends long before it is done.
BUSY = """
import os, sys, time
from tfsoftmax import PeerError, join_workers

workers = join_workers(200)
import numpy as np

def meet():
    with workers.peer_errors():
        workers.sum([np.ones(3, np.float32)])

meet()
if workers.index == 2:
    os._exit(9)
if workers.index == 1:
    time.sleep(8)
try:
    meet()
except PeerError as error:
    print(error, flush=True)
    os._exit(75)
"""

# In Python, where the second worker ends before the last pass over all rows.
DIAGNOSE = """
import json, os, sys
from tfsoftmax import PeerError, Recipe, diagnose, fit, join_workers, load_dataset

(name,) = json.loads(sys.argv[1])
workers = join_workers(200)
dataset = load_dataset(name, workers=workers)
model, history = fit(dataset, Recipe(epochs=1, l2=0.01), workers=workers)
if workers.index == 1:
    os._exit(9)
try:
    diagnose(model, dataset, history)
except PeerError as error:
    print(error, flush=True)
    os._exit(75)
"""

# The command, of which the second worker ends where it is told to.
TRAIN = """
import json, os, sys

name, place, attribute, folder = json.loads(sys.argv[1])
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
sys.argv = ["tfsoftmax-train", name, "--epochs", "2", "--tflite", "none", "--output-dir", folder]
if index == 1:
    from tfsoftmax.distributed import workers
    connected = workers._connected

    def lost_there(*arguments):
        from importlib import import_module
        runtime = connected(*arguments)
        owner = import_module(place)
        for part in attribute.split(".")[:-1]:
            owner = getattr(owner, part)
        setattr(owner, attribute.split(".")[-1], lambda *_, **__: os._exit(9))
        return runtime

    workers._connected = lost_there
from tfsoftmax.cli._entry import train
train()
"""


@pytest.fixture(scope="module")
def name(tmp_path_factory):
    """Rows of two classes, in many files."""
    numbers = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)
    frame = pd.DataFrame(numbers, columns=["a", "b", "c"])
    frame["label"] = numbers[:, 0] > 0
    folder = tmp_path_factory.mktemp("rows")
    for number in range(N_FILES):
        frame[number::N_FILES].to_parquet(folder / f"{number}.parquet")
    return f"parquet:{folder}"


@pytest.mark.slow
@pytest.mark.parametrize("lost_by", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_one_that_reads_notices_before_it_has_read_all(tmp_path, name, lost_by):
    with workers(READ, 2, tmp_path, name, int(lost_by)) as (reader, lost):
        assert reader.end(time.monotonic() + MOST_SECONDS) == 75, reader.said
        blocks, _, error = reader.said.partition(" ")
        # Killed: at the next look around; stopped: when it has not answered for some seconds.
        most = 16 if lost_by == signal.SIGSTOP else 8
        # The two need not have begun at the same moment.
        assert 1 <= int(blocks) <= most
        assert error.startswith("worker 0 of 2 lost worker 1 (127.0.0.1:")
        assert lost.process.poll() == (None if lost_by == signal.SIGSTOP else -lost_by)


@pytest.mark.slow
def test_one_that_is_busy_names_the_one_that_the_others_have_lost(tmp_path):
    codes, said = run_workers(BUSY, 3, tmp_path)
    assert codes == [75, 75, 9], said
    for index in range(2):
        lost = said[index].partition(f"worker {index} of 3 lost ")[2].partition(";")[0]
        assert lost.startswith("worker 2 (127.0.0.1:"), said
        assert " and " not in lost


@pytest.mark.slow
def test_diagnose_names_one_that_is_lost(tmp_path, name):
    codes, said = run_workers(DIAGNOSE, 2, tmp_path, name)
    assert codes == [75, 9], said
    assert "\nworker 0 of 2 lost worker 1 (127.0.0.1:" in "\n" + said[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "attribute"),
    [
        ("tfsoftmax.training.run", "Run._measure_training"),
        ("tfsoftmax", "diagnose"),
        ("tfsoftmax.cli._training", "rows_to_calibrate_on"),
    ],
)
def test_one_lost_while_figures_are_found_ends_all_for_another_try(
    tmp_path, name, place, attribute
):
    folder = str(tmp_path / "models")
    codes, (said, _) = run_workers(TRAIN, 2, tmp_path, name, place, attribute, folder)
    assert codes == [75, 9], said
    errors = [line for line in said.splitlines() if line.startswith("Error")]
    assert len(errors) == 1, said
    assert "worker 0 of 2 lost worker 1 (127.0.0.1:" in errors[0]
    assert "Traceback" not in said
