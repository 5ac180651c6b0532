"""Which loop ran, XLA's or TensorFlow's own: never another one without a word."""

import subprocess

import pytest
import tensorflow as tf
from support.process import run_python
from support.runs import RECIPE, bytes_of

from tfsoftmax import CheckpointError, Checkpoints, fit
from tfsoftmax.scaler import scaler
from tfsoftmax.training import objective
from tfsoftmax.training.checkpoint import Snapshot, saved_checkpoints

TRAIN = """
    import resource, sys
    if sys.argv[1] == "small files only":
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    from tfsoftmax.system.startup import import_tensorflow
    import_tensorflow()
    if sys.argv[1] == "small files later":
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    import hashlib
    from tfsoftmax import Recipe, fit, load_dataset
    model, history = fit(load_dataset("digits"), Recipe(epochs=2))
    print(hashlib.sha256(model.W.numpy().tobytes()).hexdigest(), getattr(history, "xla", None))
"""


def train(cache, limit="none"):
    # Flags that an earlier test's own TensorFlow was started with would have the say.
    return run_python(TRAIN, limit, XDG_CACHE_HOME=str(cache), TF_XLA_FLAGS="")


@pytest.fixture
def full_disk(tmp_path):
    """A disk of its own that is full."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to be allowed to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path):
    expected = train(tmp_path / "well").stdout
    assert expected.endswith(" True\n")
    assert train(tmp_path / "limited", "small files only").stdout == expected
    late = train(tmp_path / "late", "small files later")
    assert late.returncode == 1
    assert f"{tmp_path / 'late'}" in late.stderr.splitlines()[-1]
    assert "cannot write compiled training loops here (File too large)" in late.stderr


@pytest.mark.slow
def test_a_full_cache_disk_changes_nothing(tmp_path, full_disk):
    assert train(full_disk).stdout == train(tmp_path).stdout != ""


@pytest.fixture
def no_xla(monkeypatch):
    """A scaling with an operation that XLA cannot compile, so that it is as if there was none."""

    def opaque(spec):
        def scaled(features):
            same = tf.numpy_function(lambda rows: rows, [features], features.dtype, stateful=False)
            return scaler(spec)(tf.ensure_shape(same, features.shape))

        return scaled

    return lambda: monkeypatch.setattr(objective, "scaler", opaque)


def test_a_device_without_xla_is_said_and_recorded(made, no_xla, log):
    assert fit(made, RECIPE).history.xla is True
    assert fit(made, RECIPE.but(xla=False)).history.xla is False
    assert "no XLA" not in log.text
    no_xla()
    assert fit(made, RECIPE).history.xla is False
    assert "this device has no XLA" in log.text


@pytest.mark.slow
def test_a_run_is_resumed_with_the_loop_it_began_with(tmp_path, made, no_xla, monkeypatch):
    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(made, RECIPE, checkpoints=Checkpoints(tmp_path / "xla"), on_progress=stop)
    no_xla()
    with pytest.raises(KeyboardInterrupt):
        fit(made, RECIPE, checkpoints=Checkpoints(tmp_path / "plain"), on_progress=stop)
    with pytest.raises(CheckpointError, match="trained with XLA, which this device lacks"):
        fit(made, RECIPE, checkpoints=Checkpoints(tmp_path / "xla", resume=True))
    whole = fit(made, RECIPE)
    monkeypatch.undo()
    resumed = fit(made, RECIPE, checkpoints=Checkpoints(tmp_path / "plain", resume=True))
    assert resumed.history.xla is False
    assert bytes_of(resumed) == bytes_of(whole)
    facts = Snapshot.from_bytes(saved_checkpoints(tmp_path / "plain")[0].read_bytes()).facts
    assert facts["xla"] is False
