"""Several processes train the model of one: real ones, on 127.0.0.1, within a time limit."""

import numpy as np
import pytest
from support.workers import run_workers

from tfsoftmax import Recipe, fit, load_dataset

TRAIN = """
import json, sys
import numpy as np
from tfsoftmax import join_workers

folder, fields, bounds = json.loads(sys.argv[1])
workers = join_workers(200)
from tfsoftmax import Recipe, fit, load_dataset
from tfsoftmax.training import build

if bounds:
    build.shard_of = lambda n_samples, index, count: range(*bounds[index : index + 2])
model, history = fit(load_dataset("digits"), Recipe(**fields), workers=workers)
figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in history.epochs]
np.savez(f"{folder}/{workers.index}.npz", W=model.W, b=model.b, figures=figures)
"""
PLAIN = {"epochs": 3, "l2": 7e-4, "batch_size": 256}


def assert_trains_as_one(tmp_path, count, fields, bounds=None):
    model, history = fit(load_dataset("digits"), Recipe(**fields))
    codes, said = run_workers(TRAIN, count, tmp_path, str(tmp_path), fields, bounds)
    assert codes == [0] * count, said
    found = [np.load(tmp_path / f"{index}.npz") for index in range(count)]
    np.testing.assert_allclose(found[0]["W"], model.W, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[0]["b"], model.b, rtol=0, atol=1e-5)
    figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in history.epochs]
    np.testing.assert_allclose(found[0]["figures"], figures, rtol=0, atol=1e-5)
    for other in found[1:]:
        assert other["W"].tobytes() == found[0]["W"].tobytes()
        assert other["b"].tobytes() == found[0]["b"].tobytes()
    return found[0]["W"]


def test_two_workers_train_the_model_of_one(tmp_path):
    assert_trains_as_one(tmp_path, 2, PLAIN)


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4])
def test_more_workers_do_so_too_and_give_the_same_bytes_twice(tmp_path, count):
    first, second = (assert_trains_as_one(tmp_path, count, PLAIN) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("bounds", [[0, 1000, 1437], [0, 1437, 1437], [0, 0, 100, 1437]])
def test_shards_may_be_uneven_or_empty(tmp_path, bounds):
    assert_trains_as_one(tmp_path, len(bounds) - 1, PLAIN, bounds)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"momentum": 0.9, "averaging": 0.5, "label_smoothing": 0.1, "class_weight": "balanced"},
        {"optimizer": "ftrl", "l1": 1e-4},
        {"loss_reduction": "sum", "learning_rate": 0.001, "clip_norm": 1.0},
        {"early_stopping": "log_loss", "validation_fraction": 0.2, "calibrate": True},
    ],
)
def test_every_rule_does_so(tmp_path, fields):
    assert_trains_as_one(tmp_path, 2, {**PLAIN, **fields})
