"""Commands run in this process, and what is asked of their errors."""

import re

from click.testing import CliRunner

from tfsoftmax import Recipe, SourceOptions
from tfsoftmax.choices import options_of

SPELLED_FOR_PYTHON = re.compile(
    rf"\b({'|'.join([*options_of(Recipe), *options_of(SourceOptions)])})="
)
SHORT = ["--dataset", "digits", "--epochs", "3"]
# Choosing an l2 takes longer than these epochs.
QUICK = [*SHORT, "--l2", "0.0007"]


def run(command, *arguments):
    """Runs a command in this process; anything but a plain exit is a bug."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def assert_one_line(result, code, message):
    assert result.exit_code == code
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert len(lines) == 1, result.stderr
    assert re.search(message, lines[0]), lines[0]
    assert not SPELLED_FOR_PYTHON.search(lines[0]), lines[0]
    assert result.stderr.rstrip().endswith(lines[0])
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")
