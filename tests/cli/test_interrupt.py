import signal

import pytest
from support.process import run_python

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
