"""Scripts and installed commands in a process of their own."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

# As they are installed: this folder's own sources lack tfsoftmax.cli.
TFSOFTMAX = str(Path(sys.executable).with_name("tfsoftmax"))
TRAIN = str(Path(sys.executable).with_name("tfsoftmax-train"))


def run_python(script, *arguments, **environment):
    """Runs a script in a process of its own, away from this folder's sources."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
