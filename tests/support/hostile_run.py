"""Runs hostile cases one by one, each in a process of its own, and says what must not happen.

    python tests/support/hostile_run.py SEED FIRST LAST [FOLDER]   # cases FIRST to LAST - 1

Most cases are forks of this process, which has the commands imported, and end where TensorFlow
would start: that takes longer than all else together.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy  # noqa: F401  # in every fork
import pandas  # noqa: F401
import scipy.sparse  # noqa: F401
from hostile_cases import Case, Maker, make_sources
from PIL import Image  # noqa: F401
from process import TFSOFTMAX

_CODES = {0, 1, 2, 130, 143}
_AT_TENSORFLOW = 77
_SECONDS = 60
_WARNING = re.compile(
    r"^\S*:\d+: \w*Warning: |Exception ignored|Traceback|core dumped|terminate called"
)


def prepare(work: Path) -> None:
    """Sources and a trained model, for cases to copy."""
    make_sources(work / "sources")
    command = [
        TFSOFTMAX, "train", "-q", "--dataset",
        f"csv:{work / 'sources' / 'good.csv'}", "--epochs", "2", "--tflite", "float32,int8",
        "--output-dir", str(work / "models"),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class _NoTensorFlow:
    """Ends the process where TensorFlow would be imported."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name in ("tensorflow", "tensorflow_datasets"):
            os._exit(_AT_TENSORFLOW)


def _circumstances(case: Case) -> None:
    for name, value in case.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.chdir(case.folder)
    if case.folder.endswith("gone"):
        os.rmdir(case.folder)
    elif case.folder.endswith("ro"):
        os.chmod(case.folder, 0o500)
    for number, how in case.streams.items():
        if how == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _limited(case: Case) -> None:
    for name, value in case.limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    for number, how in case.streams.items():
        if how == "closed":
            os.close(number)


def _fork(case: Case, output: int, errors: int) -> tuple[int, int]:
    """Starts the case in a fork; returns its id, and a pipe that ends when it listens."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        for stream, number in (("stdout", 1), ("stderr", 2)):
            again = open(number, "w", closefd=False, encoding="utf-8", errors="strict")  # noqa: SIM115
            if case.streams.get(number) == "closed":
                again = None
            setattr(sys, stream, again)
            setattr(sys, f"__{stream}__", again)
        _circumstances(case)
        sys.meta_path.insert(0, _NoTensorFlow())
        sys.argv = ["tfsoftmax", *case.arguments]
        from tfsoftmax.cli import _entry

        os.close(writing)
        os.closerange(3, 256)
        _limited(case)
        _entry.tfsoftmax()
        os._exit(0)
    except SystemExit as end:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        with contextlib.suppress(Exception):
            traceback.print_exc()
        os._exit(99)


def _spawn(case: Case, output: int, errors: int) -> tuple[int, None]:
    command = [TFSOFTMAX, *case.arguments]

    def begin() -> None:
        _circumstances(case)
        _limited(case)

    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, preexec_fn=begin,
        start_new_session=True,
        env={k: v for k, v in {**os.environ, **case.environment}.items() if v is not None},
    )  # fmt: skip
    while process.poll() is None and not _listening(process.pid):
        time.sleep(0.002)
    return process.pid, None


def _listening(process: int) -> bool:
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{process}/status") as status:
        (caught,) = [line.split()[1] for line in status if line.startswith("SigCgt")]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
    return True


def _wait(child: int, case: Case, pipe: int | None) -> int | None:
    """Its exit code; None if it hangs."""
    if pipe is not None:
        select.select([pipe], [], [], 20)
        os.close(pipe)
    started, due = time.monotonic(), case.signal
    while time.monotonic() - started < (_SECONDS if pipe is not None else 3 * _SECONDS):
        with contextlib.suppress(ChildProcessError):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
        if due and time.monotonic() - started >= due[0]:
            os.kill(child, due[1])
            due = None
        time.sleep(0.003)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def run_case(seed: int, number: int, work: Path) -> tuple[Case, int | None, list[str], str]:
    """Runs a case; returns it, its exit code, what is wrong, and what it said."""
    with tempfile.TemporaryDirectory(prefix=f"hostile-{number}-", dir=work) as place:
        folder = Path(place) / "here"
        folder.mkdir()
        case = Maker(seed, number, work, folder).case()
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            start = _spawn if case.own_process else _fork
            child, pipe = start(case, output.fileno(), errors.fileno())
            code = _wait(child, case, pipe)
            texts = []
            for file in (output, errors):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace"))
        wrong = list(_wrong(case, code, *texts))
        if code is not None and code != _AT_TENSORFLOW:
            wrong += _left(case, folder)
        return case, code, wrong, texts[1][-1500:]


def _wrong(case: Case, code: int | None, output: str, errors: str) -> Any:
    if code is None:
        yield "hangs"
        return
    if code == _AT_TENSORFLOW:
        return
    if code not in _CODES:
        yield f"exit code {code}"
    verbose = {"-v", "--verbose"} & set(case.arguments)
    if not verbose and (found := _WARNING.search(errors)):
        yield f"stderr holds {found[0]!r}"
    if "not foreseen" in errors:
        yield "not foreseen"
    if case.streams.get(2) or "--json" not in case.arguments:
        pass
    elif code == 0 and "--help" not in case.arguments and not case.streams:
        try:
            json.loads(output, parse_constant=lambda name: 1 / 0)
        except (ValueError, ZeroDivisionError):
            if "--version" not in case.arguments and "-h" not in case.arguments:
                yield "no JSON"
    if case.streams.get(2):
        return
    lines = [line for line in errors.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("Error:")]
    if code == 0 and said:
        yield "an error, but exit code 0"
    many = case.arguments[0] in ("predict", "verify")
    if code and not many and len(said) != 1:
        yield f"{len(said)} lines of errors"
    if code and said and not many and lines[-1] != said[-1]:
        yield "the error is not the last line"
    if code in (130, 143) and not case.signal:
        yield "interrupted by nobody"


def _left(case: Case, folder: Path) -> list[str]:
    wrong = []
    for place, folders, names in os.walk(folder):
        here = os.path.relpath(place, folder)
        wrong += [f"left {here}/{name}" for name in folders if name.startswith(".staging-")]
        if here.startswith("tmp"):
            wrong += [f"left {here}/{name}" for name in names]
        for name in names:
            if name.endswith(".json") and here.startswith("out"):
                try:
                    json.loads(Path(place, name).read_bytes())
                except ValueError:
                    wrong.append(f"{here}/{name} is no JSON")
        version = here.startswith("out") and Path(place).name.isdigit() and names
        if version and not {"saved_model.pb", "tfsoftmax.json"} <= set(names):
            wrong.append(f"{here} is half there")
    return wrong


def main(seed: int, first: int, last: int, work: Path) -> int:
    """Runs cases, prints what is wrong with them and a count; returns how many are."""
    codes: Counter[Any] = Counter()
    failed = 0
    for number in range(first, last):
        case, code, wrong, errors = run_case(seed, number, work)
        codes["at TensorFlow" if code == _AT_TENSORFLOW else code] += 1
        if wrong:
            failed += 1
            click.echo(f"\n{seed}:{number} {'; '.join(wrong)}", err=True)
            click.echo(f"  {case._replace(folder='')}", err=True)
            click.echo(f"  exit code {code}; stderr: {errors}", err=True)
    click.echo(json.dumps({"seed": seed, "cases": last - first, "failed": failed,
                      "codes": {str(k): v for k, v in codes.items()}}))  # fmt: skip
    return failed


if __name__ == "__main__":
    _seed, _first, _last = map(int, sys.argv[1:4])
    with tempfile.TemporaryDirectory() as _own:
        _work = Path(sys.argv[4]).resolve() if len(sys.argv) > 4 else Path(_own, "work")
        if not _work.exists():
            prepare(_work)
        sys.exit(bool(main(_seed, _first, _last, _work)))
