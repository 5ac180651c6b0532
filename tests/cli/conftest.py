"""A model that the command itself trained, and pictures to ask it about."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.commands import SHORT, run

from tfsoftmax import Recipe, SourceOptions, export_model, fit, load_dataset
from tfsoftmax.cli.train import main as train_command

BIRDS = Recipe(epochs=20, batch_size=32, l2=0.001)


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


@pytest.fixture(scope="session")
def birds(tmp_path_factory):
    """A folder with a table of several kinds of columns, and a model that does not know them all.

    The table is ``birds.csv``, the models are ``models/all`` and ``models/age``.
    """
    folder = tmp_path_factory.mktemp("birds")
    frame_of_birds(400, seed=0).to_csv(folder / "birds.csv", index=False)
    for name, features in (("all", ("island", "age", "note")), ("age", ("age",))):
        options = SourceOptions(features=features, missing="indicator")
        dataset = load_dataset(folder / "birds.csv", options=options)
        export_model(fit(dataset, BIRDS).model, folder / "models", name, check_on=dataset.test)
    return folder


def frame_of_birds(n_rows, seed):
    """Birds whose age and island tell their class, which the team that saw them does not."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "island": generator.choice(["Biscoe", "Dream", "Rare"], n_rows, p=[0.55, 0.42, 0.03]),
            "age": generator.normal(40, 10, n_rows).round(1),
            "note": generator.choice(["a good big one", "very small", "so so"], n_rows),
            "team": generator.choice(["A", "B"], n_rows),
        }
    )
    old = frame["age"] + 12 * (frame["island"] == "Dream") > 45
    frame["label"] = np.where(old ^ (generator.random(n_rows) < 0.05), "old", "young")
    frame.loc[::9, "age"] = np.nan
    return frame
