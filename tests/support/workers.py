"""Processes that train one model together on this machine; none outlives the test."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from tfsoftmax.distributed.launch import configs
from tfsoftmax.distributed.workers import _Joined
from tfsoftmax.errors import PeerError
from tfsoftmax.system.threads import one_thread

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


def assert_same_training(result, found):
    """Compares what several workers got, and saved, with what one process did.

    Args:
      result: what `fit` returned to the one.
      found: ``W``, ``b`` and ``figures`` of each worker.
    """
    model, history = result
    np.testing.assert_allclose(found[0]["W"], model.W, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[0]["b"], model.b, rtol=0, atol=1e-5)
    figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in history.epochs]
    np.testing.assert_allclose(found[0]["figures"], figures, rtol=0, atol=1e-5)
    for other in found[1:]:
        assert other["W"].tobytes() == found[0]["W"].tobytes()
        assert other["b"].tobytes() == found[0]["b"].tobytes()


class _Meeting:
    """Where threads add up what each has brought."""

    def __init__(self, count):
        self.count, self.brought = count, [None] * count
        self.barrier = threading.Barrier(count, timeout=MOST_SECONDS)

    def sum(self, index, tensors):
        """As for `Workers`; a mismatch is an error where processes would wait for ever."""
        self.brought[index] = tensors
        self.barrier.wait()
        of_all = list(zip(*self.brought, strict=True))
        for same in of_all:
            assert len({(each.dtype, tuple(each.shape)) for each in same}) == 1, same
        totals = [tf.add_n(same) for same in of_all]
        self.barrier.wait()
        return totals


class ThreadedWorkers(_Joined):
    """Workers that are threads of the test: they meet without a network, and are there at once."""

    def __init__(self, index, meeting):
        self.index, self.count, self._meeting = index, meeting.count, meeting

    def sum(self, tensors):
        return self._meeting.sum(self.index, [tf.convert_to_tensor(each) for each in tensors])

    def check_peers(self):
        pass

    @contextmanager
    def peer_errors(self):
        yield


def in_threads(count, task):
    """What a task returns to each of several workers, or the error that it raised."""
    meeting = _Meeting(count)

    def of(index):
        try:
            return task(ThreadedWorkers(index, meeting))
        except (KeyboardInterrupt, PeerError) as error:
            return error  # All end at the same place.
        except Exception as error:
            time.sleep(1)  # Others with the same error may still be on their way out of a sum.
            meeting.barrier.abort()
            return error

    # What each of them does to BLAS is undone in the end, in whatever order they end.
    with one_thread(), ThreadPoolExecutor(count) as pool:
        return list(pool.map(of, range(count)))
