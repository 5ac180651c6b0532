"""Many models in one process, as in a notebook or a loop over settings."""

import logging

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfsoftmax import Recipe, SourceOptions, fit, from_frame


@pytest.mark.slow
def test_tensorflow_does_not_warn_of_traces_when_many_models_are_trained(caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    generator = np.random.default_rng(0)
    recipe = Recipe(epochs=1, l2=0.1, xla=False)
    for number in range(6):  # It warns at the fifth function from one place in the code.
        frame = pd.DataFrame(
            {
                f"kind {number}": generator.choice(["p", "q"], 40),
                "size": generator.normal(size=40),
                "label": generator.choice(["u", "v"], 40),
            }
        )
        fit(from_frame(frame, options=SourceOptions(label_column="label")), recipe)
    warned = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [each for each in warned if each.name == "tensorflow"] == []
