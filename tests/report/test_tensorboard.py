import json

import numpy as np
import pytest
import tensorflow as tf
from support.commands import QUICK, assert_one_line, run

from tfsoftmax.cli.train import main as train_command
from tfsoftmax.export.load import load_saved_model


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logged")
    result = run(
        train_command, *QUICK, "-q", "--json", "--tflite", "none", "--validation-fraction", "0.2",
        "--output-dir", folder, "--tensorboard", folder / "events",
    )  # fmt: skip
    (path,) = (folder / "events").iterdir()
    return folder, path, json.loads(result.stdout)


def test_events_hold_every_epochs_figures_and_the_weights(logged):
    folder, path, document = logged
    first, *events = tf.compat.v1.train.summary_iterator(str(path))
    assert first.file_version == "brain.Event:2"
    for event, epoch in zip(events, document["history"], strict=False):
        found = {value.tag: value.simple_value for value in event.summary.value}
        assert event.step == epoch["epoch"]
        assert found["loss/validation"] == pytest.approx(epoch["validation_log_loss"])
        assert found["accuracy/test"] == pytest.approx(epoch["test_accuracy"])
        assert found["learning_rate"] == pytest.approx(epoch["learning_rate"])
    W = load_saved_model(folder / "digits" / "1").model().W.numpy()
    pictures = events[-1].summary.value
    assert [picture.tag for picture in pictures] == [f"weights/{digit}" for digit in range(10)]
    for column, picture in zip(W.T, pictures, strict=True):
        pixels = tf.io.decode_png(picture.image.encoded_image_string).numpy()
        np.testing.assert_allclose(
            pixels[..., 0].ravel() / 127.5 - 1, column / np.abs(W).max(), atol=1 / 127
        )


def test_tensorboard_itself_reads_them(logged):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
    )
    _, path, document = logged
    events = accumulator.EventAccumulator(str(path)).Reload()
    found = [scalar.value for scalar in events.Scalars("loss/test")]
    assert found == pytest.approx([epoch["test_log_loss"] for epoch in document["history"]])
    assert len(events.Tags()["images"]) == 10


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    result = run(
        train_command, *QUICK, "-q", "--output-dir", tmp_path / "m", "--tensorboard", "/proc/none"
    )
    assert_one_line(result, 1, "/proc/none")
    assert not (tmp_path / "m").exists()
