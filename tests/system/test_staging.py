"""What killed processes leave is removed by the next one; what is not theirs never is."""

import signal
import subprocess
import sys

import pytest

import tfsoftmax.system.files
from tfsoftmax import Checkpoints
from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.export.versions import check_output
from tfsoftmax.system.files import staging_folder, write_atomically
from tfsoftmax.training.checkpoint import Saver

WRITE_FOREVER = """
import sys, time
from pathlib import Path
from tfsoftmax.system.files import staging_folder
with staging_folder(Path(sys.argv[1])) as staging:
    (staging / "half").write_bytes(b"written")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writing():
    """Starts processes that write into a folder until they are killed."""
    started = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOREVER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        kill(process)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def halves(folder):
    return list(folder.rglob("half"))


ROOMS = {
    "checkpoints": lambda folder: (
        folder / "run", lambda: Saver(Checkpoints(folder / "run")).close()
    ),
    "models": lambda folder: (
        folder / "models" / "m", lambda: check_output(folder / "models" / "m")
    ),
    "cache": lambda folder: (DatasetCache(folder).folder, lambda: DatasetCache(folder)),
    "files": lambda folder: (
        folder / "plots", lambda: write_atomically(folder / "plots" / "history.csv", b"epoch\n")
    ),
}  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_the_next_run_removes_what_a_killed_one_left_and_no_more(tmp_path, writing, room):
    folder, next_run = ROOMS[room](tmp_path)
    killed, alive = writing(folder), writing(folder)
    (folder / ".staging-area").mkdir()
    (folder / ".staging-area" / "notes.txt").write_text("a person's own")
    (folder / ".staging-area" / ".tfsoftmax-staging").write_text("a person's own, too")
    kill(killed)
    assert len(halves(folder)) == 2
    next_run()
    assert len(halves(folder)) == 1
    assert (folder / ".staging-area" / "notes.txt").read_text() == "a person's own"
    kill(alive)
    next_run()
    assert not halves(folder)
    assert {path.name for path in folder.iterdir()} <= {".staging-area", "history.csv"}
    assert (folder / ".staging-area" / "notes.txt").exists()


def test_what_a_link_leads_to_is_left_alone(tmp_path, writing):
    kill(writing(tmp_path / "elsewhere"))
    (left,) = (tmp_path / "elsewhere").iterdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / ".staging-link").symlink_to(left)
    check_output(tmp_path / "models")
    assert (tmp_path / "models" / ".staging-link").is_symlink()
    assert halves(left)


def test_what_a_kill_left_empty_is_removed_and_nothing_else(tmp_path):
    empty, full, other = (
        tmp_path / f".staging-{name}" for name in ("ab12_xyz", "cd34_xyz", "mine")
    )
    for folder in (empty, full, other):
        folder.mkdir()
    (full / "work").write_text("a user's")
    with staging_folder(tmp_path):
        pass
    assert (empty.exists(), full.exists(), other.exists()) == (False, True, True)


# A process stopped at each call with which it makes a staging folder, or removes it again.
STOP_AT = """
import os, signal, sys
from pathlib import Path
from tfsoftmax.system.files import staging_folder
number, signal_number = int(sys.argv[2]), int(sys.argv[3])
calls = 0

def counted(call):
    def stop_before(*arguments, **options):
        global calls
        if calls == number:
            print("stopped", flush=True)
            os.kill(os.getpid(), signal_number)
        calls += 1
        return call(*arguments, **options)
    return stop_before

for name in ("mkdir", "open", "ftruncate", "write", "unlink", "rmdir", "close"):
    setattr(os, name, counted(getattr(os, name)))
with staging_folder(Path(sys.argv[1])):
    pass
print(calls, flush=True)
"""


def stop_at(folder, number, signal_number):
    return subprocess.Popen(
        [sys.executable, "-c", STOP_AT, str(folder), str(number), str(signal_number)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_kill_at_any_moment_leaves_nothing_that_the_next_run_does_not_remove(tmp_path):
    whole = stop_at(tmp_path, -1, signal.SIGKILL)
    calls = int(whole.communicate(timeout=60)[0])
    assert calls > 5
    left = 0
    for number in range(calls):
        killed = stop_at(tmp_path, number, signal.SIGKILL)
        killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL
        left += len(list(tmp_path.iterdir()))
        with staging_folder(tmp_path):
            pass
        assert not list(tmp_path.iterdir()), f"killed before call {number}"
    assert left > 3


def test_a_run_that_pauses_at_any_moment_is_not_disturbed_by_another(tmp_path):
    calls = int(stop_at(tmp_path, -1, signal.SIGKILL).communicate(timeout=60)[0])
    for number in range(calls):
        paused = stop_at(tmp_path, number, signal.SIGSTOP)
        assert paused.stdout.readline() == "stopped\n"
        with staging_folder(tmp_path):
            pass
        paused.send_signal(signal.SIGCONT)
        paused.communicate(timeout=60)
        assert paused.returncode == 0, f"paused before call {number}"
        assert not list(tmp_path.iterdir())


def test_a_folder_taken_for_a_dead_ones_is_made_again(tmp_path, monkeypatch):
    real, removed = tfsoftmax.system.files.acquire, []

    def removed_meanwhile(marker):
        if not removed:
            marker.parent.rmdir()
            removed.append(marker)
        return real(marker)

    monkeypatch.setattr(tfsoftmax.system.files, "acquire", removed_meanwhile)
    with staging_folder(tmp_path) as folder:
        (folder / "file").write_text("there")
    assert len(removed) == 1
    assert not list(tmp_path.iterdir())
