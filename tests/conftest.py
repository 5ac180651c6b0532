"""What several test modules need."""

import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A core for each test process: on data this small, threads cost more time than they save.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import pytest
from hypothesis import settings
from support.datasets import make_dataset
from support.once import make_once

from tfsoftmax import load_dataset
from tfsoftmax.messages import Message
from tfsoftmax.system import compile_cache

# How long an example takes depends on what else the machine does.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
SHARED_MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist"


def pytest_addoption(parser):
    parser.addoption(
        "--minutes", type=float, help="begin no test after so many minutes, but skip the rest"
    )


def pytest_configure(config):
    config.began = time.monotonic()
    if config.pluginmanager.hasplugin("cacheprovider"):
        with suppress(OSError):  # of a checkout that cannot be written to
            keep_compiled_loops(config.cache.mkdir("home"))


def keep_compiled_loops(folder):
    """All processes of the tests, and the next run of them, use what XLA compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile_cache, "_MAX_ENTRIES", 1000)
        patch.setenv("XDG_CACHE_HOME", str(folder))
        compile_cache.enable()


def pytest_runtest_setup(item):
    minutes = item.config.getoption("minutes")
    if minutes is not None and time.monotonic() - item.config.began > 60 * minutes:
        pytest.skip(f"no time left of {minutes:g} minutes")


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory):
    """Folders of the tests' own for data and caches, where they do not name others."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def messages_keep_their_parts():
    """Fails where the library puts a message into an f-string, which forgets its options."""

    def refused(message, spec):
        if sys._getframe(1).f_globals["__name__"].startswith("tfsoftmax."):
            raise AssertionError(f"join it with +, for the command's spelling: {message!s}")
        return str.__format__(message, spec)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Message, "__format__", refused)
        yield


@pytest.fixture(scope="session")
def mnist_dir():
    """The four official MNIST files, where the checkout has them beside it."""
    if not SHARED_MNIST.is_dir():
        pytest.skip("needs the official MNIST files in ../shared/data/mnist")
    return SHARED_MNIST


@pytest.fixture(scope="session")
def prepared_mnist(mnist_dir, tmp_path_factory):
    """A data folder in which TensorFlow Datasets' mnist is prepared, from those files."""
    return make_once(
        tmp_path_factory,
        "prepared_mnist",
        lambda folder: load_dataset("mnist", data_dir=folder, manual_dir=mnist_dir),
    )


@pytest.fixture(scope="session")
def digits(data_dir):
    return load_dataset("digits")


@pytest.fixture
def made():
    return make_dataset()


@pytest.fixture(autouse=True)
def own_log():
    """The package's log as it is at first; a command that ran in this process took it over."""
    logger = logging.getLogger("tfsoftmax")
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def log(caplog):
    """The package's own log; a command that ran in this process may have taken it over."""
    logger = logging.getLogger("tfsoftmax")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "tfsoftmax")
    yield caplog
    logger.removeHandler(caplog.handler)
