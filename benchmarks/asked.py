"""A program in a process of its own that answers each line it is sent with one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import click

_END_SECONDS = 30


class Asked:
    """The program, running; it is told to end at the end of a block.

    Attributes:
      name: what to call it in an error.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ):
        self.name = name
        self._process = subprocess.Popen(
            list(command),
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: str) -> Any:
        """What it answers to a line."""
        self.send(request)
        return self.answer()

    def send(self, request: str) -> None:
        """Sends it a line, and does not wait."""
        assert self._process.stdin
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """The next of its answers.

        Raises:
          click.ClickException: if it has ended.
        """
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException(f"{self.name} ended with code {self._process.wait()}")
        return json.loads(line)

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        # Told to end rather than killed: what is kept for the next run is kept at the end.
        try:
            self._process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
