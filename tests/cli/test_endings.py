"""Whatever ends a command is one line and an exit code: machine, streams, signals, surprises."""

import os
import random
import re
import resource
import signal
import subprocess
import time

import numpy as np
import pytest
from support.marks import slow
from support.process import TFSOFTMAX, run_python
from support.runs import RECIPE

from tfsoftmax import export_model, fit, load_dataset

LABELS = ("dog", "ñandú", "蛇")


def tfsoftmax(*arguments, **options):
    command = [TFSOFTMAX, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def shell(line, **environment):
    line = line.replace("tfsoftmax", TFSOFTMAX, 1)
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "table.csv"
    rows = np.random.default_rng(0).normal(size=(300, 3))
    lines = [f"{a},{b},{c},{LABELS[k % 3]}" for k, (a, b, c) in enumerate(rows)]
    path.write_text("\n".join(["a,b,c,label", *lines]), "utf-8")
    return path


def dies_of(error, *arguments):
    script = f"""
        import sys
        import tfsoftmax.data.load
        from tfsoftmax.cli.main import main
        def fail(data_dir):
            {error}
        tfsoftmax.data.load.catalogue = fail
        main()
    """
    return run_python(script, "datasets", *arguments)


def test_what_nobody_foresaw_is_one_line_with_what_to_do():
    result = dies_of("return {}['a\\n\\x1b[2J']")
    assert result.returncode == 1
    assert result.stderr == (
        "Error: not foreseen by tfsoftmax: KeyError: 'a\\n\\x1b[2J'; please report this with the "
        "output of the same command with -v\n"
    )


def test_verbose_shows_the_traceback_before_the_line():
    result = dies_of("return {}['a']", "-v")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("Error: not foreseen by tfsoftmax: KeyError: 'a'")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("raise MemoryError", "not enough memory for this data; use a smaller dataset"),
        ("raise OSError(24, 'Too many open files', '/a')", "/a: Too many open files; .*ulimit -n"),
        ("raise OSError(28, 'No space left on device')", "No space left on device$"),
        ('raise RuntimeError("can\'t start new thread")', "no thread can be started: .*ulimit"),
        ("raise EOFError('cut')", "not foreseen by tfsoftmax: EOFError: cut"),
        ("def f(): f()\n            f()", "not foreseen by tfsoftmax: RecursionError"),
    ],
)
def test_what_the_machine_lacks_is_said(error, line):
    result = dies_of(error)
    assert result.returncode == 1
    (said,) = [line for line in result.stderr.splitlines() if line]
    assert said.startswith("Error: ")
    assert re.match(line, said.removeprefix("Error: ")), said


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("tfsoftmax datasets >/dev/full", b"No space left on device"),
        ("tfsoftmax datasets >&-", b"Bad file descriptor"),
        ("tfsoftmax datasets --help >/dev/full", b"No space left on device"),
    ],
)
def test_standard_output_that_cannot_be_written(line, reason):
    result = shell(line)
    assert result.returncode == 1
    assert result.stderr == b"Error: cannot write to standard output: " + reason + b"\n"


def test_a_reader_that_has_read_enough_ends_the_command_in_silence():
    result = shell("tfsoftmax datasets | true")
    # As of any command that SIGPIPE ended.
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, b"")


def test_nobody_listening_to_notices_changes_nothing(table):
    for stderr in ("2>/dev/full", "2>&-"):
        result = shell(f"tfsoftmax inspect csv:{table} {stderr}")
        assert result.returncode == 0
        assert b"rows      300" in result.stdout
        assert shell(f"tfsoftmax inspect csv:nosuch {stderr}").returncode == 2


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("latin-1", "ñandú".encode("latin-1")), ("cp437:strict", "ñandú".encode("cp437"))],
)
def test_labels_that_the_output_encoding_lacks_are_escaped(table, encoding, expected):
    result = shell(f"tfsoftmax inspect csv:{table}", PYTHONIOENCODING=encoding)
    assert (result.returncode, result.stderr) == (0, b"")
    assert expected in result.stdout
    assert b"\\u86c7" in result.stdout


def test_too_little_address_space_is_said_at_once(table):
    limit = 1_500_000 * 1024

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    result = tfsoftmax("train", "--dataset", f"csv:{table}", preexec_fn=limited)
    assert result.returncode == 1
    assert result.stderr == (
        "Error: TensorFlow needs 4 GiB of address space, most of it only reserved, and this "
        "process may have 1.4 GiB: raise the limit (ulimit -v)\n"
    )


def listening(process):
    """Whether it handles SIGTERM: Python itself does not, so tfsoftmax has begun."""
    with open(f"/proc/{process.pid}/status") as status:
        (caught,) = [line.split()[1] for line in status if line.startswith("SigCgt")]
    return int(caught, 16) >> (signal.SIGTERM - 1) & 1


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), slow(signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_while_a_table_is_read_ends_the_command_at_any_moment(
    tmp_path, number, code, word
):
    path = tmp_path / "table.csv"
    rows = np.random.default_rng(0).normal(size=(8000, 20)).round(3).astype(str)
    path.write_text("\n".join([",".join(f"f{k}" for k in range(20)), *map(",".join, rows)]))
    command = [TFSOFTMAX, "inspect", f"csv:{path}", "--label-column", "f0"]
    generator = random.Random(int(number))
    found = []
    for _ in range(8):
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while not listening(process):
            time.sleep(0.001)
        time.sleep(generator.uniform(0, 0.8))
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        found.append((process.returncode, errors.strip()))
        if process.returncode == 0:
            assert "rows      8,000" in output
    assert set(found) <= {(code, f"Error: {word}"), (0, "")}
    assert found.count((code, f"Error: {word}")) > 2


@pytest.mark.parametrize("kept", ["__del__", "except"])
def test_an_interrupt_that_was_swallowed_is_granted_after_all(kept):
    script = """
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from tfsoftmax.cli import _entry
        import tfsoftmax.data.load
        swallowing = sys.argv.pop()
        class Swallows:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)
        def listed(data_dir):
            if swallowing == "__del__":
                Swallows()
                time.sleep(5)
                print("never here")
            else:
                try:
                    signal.raise_signal(signal.SIGINT)
                except:
                    pass
            return [{"name": "one", "about": "only"}]
        tfsoftmax.data.load.catalogue = listed
        _entry.tfsoftmax()
    """
    result = run_python(script, "datasets", kept)
    assert (result.returncode, result.stderr.strip()) == (130, "Error: interrupted")
    assert "never here" not in result.stdout


@pytest.mark.slow
def test_evaluate_keeps_tensorflows_log_to_itself(table, tmp_path):
    dataset = load_dataset(f"csv:{table}")
    exported = export_model(fit(dataset, RECIPE).model, tmp_path, "m", check_on=dataset.test)
    result = tfsoftmax("evaluate", exported.path, "--dataset", table)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.slow
def test_statistics_of_a_table_of_numbers_keeps_tensorflows_log_to_itself(table):
    result = tfsoftmax("statistics", table)
    assert result.returncode == 0, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("300 rows; log-likelihood")
