"""Paths as people type them: homes that there are not, and what is no file of a known end."""

import os

import numpy as np
import pytest
from support.commands import assert_one_line, run
from support.tfrecord import example, framed

from tfsoftmax import DataError, ModelError, Spec, UsageError, load_dataset, load_predictor
from tfsoftmax.cli.main import main as group
from tfsoftmax.data.images import read_image
from tfsoftmax.data.kinds import KINDS
from tfsoftmax.data.load import catalogue
from tfsoftmax.data.readers.unlabelled import read_unlabelled

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


@pytest.fixture(autouse=True)
def no_hang():
    """Opening a pipe waits for a writer; what waits is a failure, not a hang."""
    import signal

    def hung(*_):
        raise BaseException("it hangs")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize("kind", KINDS)
def test_no_source_is_a_pipe_a_device_or_made_up(tmp_path, pipe, kind):
    places = {pipe: "a pipe", "/dev/zero": "a device", "/proc/kmsg": "a file"}
    for place, what in places.items():
        with pytest.raises(DataError, match=f"expected a .*, found {what}"):
            load_dataset(f"{kind}:{place}", data_dir=tmp_path / "kept")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("npy", "features.npy"),
        ("tfrecord", "a.tfrecord"),
        ("parquet", "a.parquet"),
        ("csv", "a.csv"),
    ],
)
def test_no_file_in_a_folder_is_a_pipe(tmp_path, kind, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=f"{name}: expected a file, found a pipe"):
        load_dataset(f"{kind}:{tmp_path}", data_dir=tmp_path / "kept")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.npy"])
def test_rows_to_predict_come_from_no_pipe(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="expected a file.*, found a pipe"):
        list(read_unlabelled(tmp_path / name, Spec((2,), "float32", ("a", "b"))))


@pytest.mark.parametrize("place", ["pipe", "/dev/zero", "/proc/kmsg"])
def test_no_picture_is_a_pipe_a_device_or_made_up(tmp_path, pipe, place):
    with pytest.raises(DataError, match="only regular files and folders are read"):
        read_image(tmp_path / place, Spec((2, 2), "uint8", ("a", "b"), (0, 255)))


@pytest.mark.parametrize("place", ["pipe", "/dev/zero", "/proc/kmsg"])
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_no_model_is_a_pipe_a_device_or_made_up(tmp_path, pipe, command, place):
    with pytest.raises(ModelError, match="only regular files and folders are read"):
        load_predictor(tmp_path / place)
    rest = ["x.csv"] if command == "predict" else ["--dataset", "digits"]
    result = run(group, command, tmp_path / place, *rest)
    assert_one_line(result, 1, "only regular files and folders are read")


@pytest.mark.parametrize("file", ["tfsoftmax.json", "variables/variables.index"])
def test_no_file_of_a_model_is_a_pipe(tmp_path, file):
    folder = tmp_path / "model/1"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    os.mkfifo(folder / file)
    with pytest.raises(ModelError, match=f"{file}: it is a pipe"):
        load_predictor(tmp_path / "model")


def test_folders_of_records_follow_no_link_that_leads_out(tmp_path):
    for place in ("inside", "outside"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.tfrecord").write_bytes(framed(example(features=[1.0], label=[0])))
    (tmp_path / "inside/b.tfrecord").symlink_to(tmp_path / "outside/a.tfrecord")
    with pytest.raises(DataError, match=r"b\.tfrecord is a link that leads out of the folder"):
        load_dataset(f"tfrecord:{tmp_path / 'inside'}", data_dir=tmp_path / "kept")


def test_a_user_that_there_is_not_is_named(tmp_path):
    for name, how in (("csv:~nosuch/x.csv", {}), ("digits", {"data_dir": "~nosuch/x"})):
        with pytest.raises(UsageError, match="there is no user 'nosuch'.*write ./~nosuch"):
            load_dataset(name, **how)
    result = run(group, "inspect", "csv:~nosuch/x.csv")
    assert_one_line(result, 2, "there is no user 'nosuch'")


def test_a_user_without_a_home_is_told_so(tmp_path, monkeypatch):
    """As in a container whose user is a number only."""
    import pwd

    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for variable in ("HOME", "TFDS_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UsageError, match="no home folder is known; set HOME"):
        load_dataset("digits")
    with pytest.raises(UsageError, match="no home folder is known; set HOME"):
        catalogue()
    np.savez(tmp_path / "x.npz", features=np.eye(10), labels=[0, 1] * 5)
    assert len(load_dataset(f"npz:{tmp_path / 'x.npz'}", data_dir=tmp_path).train) == 8
