"""A trained model is never lost, whatever fails beside it or after it."""

import json
import os
import resource
import subprocess

import numpy as np
import pytest
from support.datasets import make_dataset
from support.marks import slow
from support.process import TFSOFTMAX, TRAIN

from tfsoftmax import Checkpoints, ModelError, PeerError, Recipe, SoftmaxRegression, fit
from tfsoftmax.cli._rescue import rescue_on_failure
from tfsoftmax.report.tensorboard import open_event_log

TRAIN_DIGITS = [TRAIN, "--dataset", "digits", "--l2", "0.0007", "--epochs"]
# Without XLA, which writes files of its own while it compiles.
RECIPE = Recipe(epochs=3, batch_size=10, xla=False)


@pytest.fixture
def full_after():
    """Makes every later write beyond so many bytes fail, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_checkpoint_disk_ends_no_run(tmp_path, made, log, full_after):
    expected = fit(made, RECIPE).model.W.numpy()
    full_after(100)
    model, _ = fit(made, RECIPE, checkpoints=Checkpoints(tmp_path, every_steps=2))
    full_after(resource.RLIM_INFINITY)
    np.testing.assert_array_equal(model.W.numpy(), expected)
    assert f"no checkpoint could be written to {tmp_path} (File too large)" in log.text


def test_a_full_tensorboard_disk_ends_no_run(tmp_path, made, log, full_after):
    expected = fit(made, RECIPE).model.W.numpy()
    with open_event_log(tmp_path) as events:
        full_after(200)
        model, _ = fit(made, RECIPE, on_epoch=events.add_epoch)
        events.add_weights(model, 3)
    full_after(resource.RLIM_INFINITY)
    np.testing.assert_array_equal(model.W.numpy(), expected)
    assert "cannot be written to any more (File too large)" in log.text


def test_an_error_of_the_run_is_not_taken_for_one_of_the_event_file(tmp_path):
    import tensorflow as tf

    with pytest.raises(tf.errors.InternalError), open_event_log(tmp_path):
        raise tf.errors.InternalError(None, None, "of the loop")


def test_a_worker_lost_while_the_last_figures_are_computed_can_be_started_again(tmp_path, made):
    model, _ = fit(made, RECIPE)
    kept = pytest.raises(PeerError, match=r"lost worker 1; the trained model is kept in .*rescued")
    with kept, rescue_on_failure(model, tmp_path, "rescued"):
        raise PeerError("lost worker 1")
    assert list(tmp_path.iterdir())


def command(*arguments, limit=None, **streams):
    def small_files():
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [*map(str, arguments)], text=True, preexec_fn=small_files,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TF_XLA_FLAGS": ""}, **streams,
    )  # fmt: skip


@pytest.mark.slow
def test_a_model_that_cannot_be_exported_is_kept_and_the_command_given_exports_it(tmp_path):
    models = tmp_path / "models"
    training = [*TRAIN_DIGITS, "3", "--tflite", "none", "--output-dir", models]
    assert command(*training, capture_output=True).returncode == 0
    weights = "variables/variables.data-00000-of-00001"
    expected = (models / "digits" / "1" / weights).read_bytes()
    # A disk with room for the weights, and not for a SavedModel.
    failed = command(*training, limit=40_000, capture_output=True)
    assert failed.returncode == 1
    line = failed.stderr.splitlines()[-1]
    assert line.startswith("Error: cannot write to")
    assert "File too large" in line
    assert "standard output" not in line
    kept = models / "digits.rescued"
    assert f"the trained model is kept in {kept}" in line
    _, advice, _ = line.split("'")
    exported = command(
        TFSOFTMAX, *advice.split()[1:-1], tmp_path / "later",
        "--tflite", "none", capture_output=True,
    )  # fmt: skip
    assert exported.returncode == 0, exported.stderr
    version = tmp_path / "later" / "digits" / "1"
    assert (version / weights).read_bytes() == expected
    record = json.loads((version / "tfsoftmax.json").read_bytes())
    assert (record["dataset"]["name"], len(record["history"])) == ("digits", 3)
    assert record["xla"] is True


def test_what_is_rescued_is_read_only_if_it_is_whole(tmp_path):
    from tfsoftmax.export.rescue import RescuedModel, rescue

    model = SoftmaxRegression(make_dataset().spec, np.random.default_rng(0).standard_normal)
    (tmp_path / "file").write_text("")
    paths = [rescue(model, "m", {"a": 1}, [tmp_path / "file", tmp_path]) for _ in range(2)]
    assert [path.name for path in paths] == ["m.rescued", "m-1.rescued"]
    found = RescuedModel(paths[0])
    assert found.description == {"name": "m", "a": 1}
    np.testing.assert_array_equal(found.model().W.numpy(), model.W.numpy())
    assert rescue(model, "m", {}, [tmp_path / "file"]) is None
    content = bytearray(paths[0].read_bytes())
    content[-1] ^= 1
    paths[0].write_bytes(content)
    with pytest.raises(ModelError, match="checksum"):
        RescuedModel(paths[0])


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["full", *(slow(name) for name in ("closed", "pipe"))])
def test_nobody_who_listens_ends_no_run(tmp_path, stream):
    arguments = [*TRAIN_DIGITS, "3", "--tflite", "none", "--output-dir", str(tmp_path)]
    redirected = {
        "full": '"$@" 2>/dev/full >/dev/null',
        "closed": '"$@" 2>&- >/dev/null',
        "pipe": '"$@" 2>&1 | true; exit ${PIPESTATUS[0]}',
    }[stream]
    ended = command("bash", "-c", redirected, "bash", *arguments)
    assert (tmp_path / "digits" / "1" / "saved_model.pb").is_file()
    # Figures that nobody could read are said, by the exit code.
    assert ended.returncode == (1 if stream == "pipe" else 0)
