"""A model that the command itself trained, and pictures to ask it about."""

import numpy as np
import pytest
from PIL import Image
from support.commands import SHORT, run

from tfsoftmax import load_dataset
from tfsoftmax.cli.train import main as train_command


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The version folder that a run of the command wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("models")
    result = run(train_command, *SHORT, "--output-dir", folder)
    assert result.exit_code == 0
    return folder / "digits" / "1", result


@pytest.fixture
def pictures(tmp_path):
    dataset = load_dataset("digits")
    paths = []
    for index in range(3):
        path = tmp_path / f"{index}.png"
        pixels = dataset.test.features[index].reshape(8, 8) * (255 / 16)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        paths.append(path)
    return paths
