"""Processes that train one model together on this machine; none outlives the test."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

from tfsoftmax.distributed.launch import configs

# A loaded machine takes most of it to import TensorFlow.
MOST_SECONDS = 400


class Worker:
    """A worker's process, and where its output goes."""

    def __init__(self, script, arguments, config, output):
        self.output = output
        with output.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script, *arguments],
                env={**os.environ, "TF_CONFIG": config, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=output.parent,
            )

    def end(self, deadline):
        """Its exit code, once it has ended."""
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    @property
    def said(self):
        return self.output.read_text()


@contextmanager
def workers(script, count, folder, *arguments):
    """Starts a script as several workers, and kills what is left of them."""
    started = []
    try:
        for index, config in enumerate(configs(count)):
            output = folder / f"worker-{index}.txt"
            started.append(Worker(script, [json.dumps(arguments)], config, output))
        yield started
    finally:
        for worker in started:
            worker.process.kill()
            worker.process.wait()


def run_workers(script, count, folder, *arguments):
    """Runs a script as several workers to their end: exit codes and what they said."""
    deadline = time.monotonic() + MOST_SECONDS
    with workers(script, count, folder, *arguments) as started:
        codes = [worker.end(deadline) for worker in started]
        return codes, [worker.said for worker in started]
