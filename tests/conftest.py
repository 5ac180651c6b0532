"""What several test modules need."""

import logging
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from tfsoftmax import Dataset, Spec, Split, load_dataset

SHARED_MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist"


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory):
    """Folders of the tests' own for data and caches, where they do not name others."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="session")
def mnist_dir():
    """The four official MNIST files, where the checkout has them beside it."""
    if not SHARED_MNIST.is_dir():
        pytest.skip("needs the official MNIST files in ../shared/data/mnist")
    return SHARED_MNIST


@pytest.fixture(scope="session")
def prepared_mnist(mnist_dir, tmp_path_factory):
    """A data folder in which TensorFlow Datasets' mnist is prepared, from those files."""
    folder = tmp_path_factory.mktemp("prepared")
    load_dataset("mnist", data_dir=folder, manual_dir=mnist_dir)
    return folder


@pytest.fixture(scope="session")
def digits(data_dir):
    return load_dataset("digits")


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


def make_dataset(n_train=50, n_test=20, n_features=6, n_classes=3, seed=0, dtype="float32"):
    """Rows of overlapping Gaussian classes."""
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(n_classes, n_features))

    def split(n_samples):
        labels = generator.integers(n_classes, size=n_samples).astype(np.int32)
        features = centers[labels] + generator.normal(size=(n_samples, n_features))
        return Split(features.astype(dtype), labels)

    names = tuple(f"class {index}" for index in range(n_classes))
    spec = Spec((n_features,), dtype, names)
    return Dataset("made", spec, split(n_train), split(n_test))


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
