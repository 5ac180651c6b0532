"""A terminal, Ctrl-C, and streams that are closed or full."""

import os
import pty
import re
import signal
import subprocess
import time

import pytest
from support.marks import slow
from support.process import TFSOFTMAX, TRAIN


@pytest.fixture
def endless(tmp_path):
    """A training that takes minutes, in a process of its own, once its first epoch ended."""
    command = [TRAIN, "--dataset", "digits", "--epochs", "100000", "--l2", "0"]
    process = subprocess.Popen(
        [*command, "--output-dir", tmp_path / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As from a terminal; a shell's background job, such as a CI may be, ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stderr:
        if line.lstrip().startswith("1/"):
            break
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("presses", [1, slow(2)])
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(endless, tmp_path, presses):
    started = time.monotonic()
    for _ in range(presses):
        endless.send_signal(signal.SIGINT)
    stdout, stderr = endless.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert endless.returncode == 130
    assert stderr.splitlines()[-1] == "Error: interrupted"
    assert "Traceback" not in stderr
    assert stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_terminal_gets_a_live_bar_and_no_native_chatter(tmp_path):
    ours, theirs = pty.openpty()
    # Its categories are encoded by TensorFlow before anything is trained.
    table = tmp_path / "shops.csv"
    rows = (f"{'red' if n % 3 else 'blue'},{n % 7},{'yes' if n % 3 else 'no'}\n" for n in range(60))
    table.write_text("colour,size,label\n" + "".join(rows))
    command = [TRAIN, table, "--epochs", "2", "--l2", "0.1", "--output-dir", tmp_path / "out"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    assert process.wait() == 0
    process.stdout.close()
    text = seen.decode()
    assert "loss " in text
    assert "test accuracy " in text
    assert "\x1b[" in text  # drawn live
    assert not re.search(r"oneDNN|cuda|XNNPACK|absl|WARNING", text)
    assert "[progress" not in text


def test_streams_that_are_closed_or_full(model, pictures):
    command = f"{TFSOFTMAX} predict {model[0] / 'model.tflite'} {pictures[0]}"
    without = subprocess.run(f"{command} 2>&-", shell=True, capture_output=True, text=True)
    assert without.returncode == 0
    assert without.stdout.startswith(str(pictures[0]))
    full = subprocess.run(f"{command} >/dev/full", shell=True, capture_output=True, text=True)
    assert full.returncode == 1
    assert full.stderr == "Error: cannot write to standard output: No space left on device\n"
