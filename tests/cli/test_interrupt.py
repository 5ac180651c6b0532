import random
import signal
import subprocess
import time

import pytest
from support.process import TFSOFTMAX, run_python

from tfsoftmax.cli._interrupt import Terminated, defer_interrupts


@pytest.fixture(autouse=True)
def as_from_a_terminal():
    """A shell's background job, such as a CI may be, ignores interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Swallows:
    """What TensorFlow's objects may do: run code in a destructor, as Ctrl-C arrives."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_a_destructor_would_swallow_is_granted():
    with defer_interrupts() as check:
        check()
        Swallows()
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_ends_the_process_at_once():
    script = """
        import signal
        from tfsoftmax.cli._interrupt import defer_interrupts
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with defer_interrupts():
            signal.raise_signal(signal.SIGINT)
            print("still here", flush=True)
            signal.raise_signal(signal.SIGTERM)
            print("never here")
    """
    result = run_python(script)
    assert (result.returncode, result.stdout) == (-signal.SIGTERM, "still here\n")


def test_sigterm_asks_too_and_is_told_apart():
    with defer_interrupts() as check:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            check()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_process_that_ignores_interrupts_keeps_ignoring_them():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with defer_interrupts() as check:
        signal.raise_signal(signal.SIGINT)
        check()


def test_nothing_is_imported_before_interrupts_are_handled():
    script = """
        import re, sys  # as pip's scripts do
        before = set(sys.modules)
        import tfsoftmax.cli._entry
        print(*sorted(set(sys.modules) - before))
    """
    ours = {f"tfsoftmax{rest}" for rest in ("", ".cli", ".cli._early_signals", ".cli._entry")}
    assert set(run_python(script).stdout.split()) <= {*ours, "__future__", "signal"}


@pytest.mark.slow
def test_an_interrupt_at_any_early_moment_is_one_line():
    """Unless Python itself is still starting, or has only begun to read the package."""
    draw, said = random.Random(0), []
    for _ in range(60):
        process = subprocess.Popen(
            [TFSOFTMAX, "datasets"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        time.sleep(draw.uniform(0, 0.4))
        process.send_signal(signal.SIGINT)
        said.append(process.communicate()[1])
    assert said.count("Error: interrupted\n") > 10
    assert sum("tfsoftmax/" in each and "Traceback" in each for each in said) <= 1
