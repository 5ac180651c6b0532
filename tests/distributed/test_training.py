"""Several processes train the model of one: real ones, on 127.0.0.1, within a time limit."""

import numpy as np
import pytest
from support.workers import assert_same_training, run_workers

from tfsoftmax import Checkpoints, Recipe, fit, load_dataset

TRAIN = """
import json, sys
from pathlib import Path
import numpy as np
from tfsoftmax import join_workers

folder, fields, bounds, saved, last = json.loads(sys.argv[1])
workers = join_workers(200)
from tfsoftmax import Checkpoints, Recipe, fit, load_dataset
from tfsoftmax.errors import PeerError
from tfsoftmax.training import build

if bounds:
    build.shard_of = lambda n_samples, index, count: range(*bounds[index : index + 2])

def stop(metrics):
    if metrics.epoch == last and workers.is_chief:
        raise KeyboardInterrupt

def trained(name, checkpoints):
    model, history = fit(
        load_dataset("digits"),
        Recipe(**fields),
        workers=workers,
        checkpoints=checkpoints,
        on_epoch=stop,
    )
    figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in history.epochs]
    np.savez(f"{folder}/{name}-{workers.index}.npz", W=model.W, b=model.b, figures=figures)

if not last:
    trained("whole", None)
if saved:
    try:
        trained("resumed", Checkpoints(Path(saved), resume=True))
    except (KeyboardInterrupt, PeerError):
        assert last
"""
# What compiles the steps of a run, and how often they were traced.
TRACES = """
import json, sys
from tfsoftmax import join_workers

(fields,) = json.loads(sys.argv[1])
workers = join_workers(200)
from tfsoftmax import Recipe, fit, load_dataset
from tfsoftmax.training.sgd import compiled

made, function = [], compiled._function

def kept(*arguments):
    made.append(function(*arguments))
    return made[-1]

compiled._function = kept
fit(load_dataset("digits"), Recipe(**fields), workers=workers)
print("traces:", [each.experimental_get_tracing_count() for each in made])
"""
PLAIN = {"epochs": 3, "l2": 7e-4, "batch_size": 256, "sync_every": 1}


def run_together(tmp_path, count, fields, bounds=None, saved=None, last=None):
    saved = saved and str(saved)
    codes, said = run_workers(TRAIN, count, tmp_path, str(tmp_path), fields, bounds, saved, last)
    assert codes == [0] * count, said


def assert_trained_as(result, tmp_path, count, name="whole"):
    """Compares what all workers got with what one process did; the weights of the first."""
    found = [np.load(tmp_path / f"{name}-{index}.npz") for index in range(count)]
    assert_same_training(result, found)
    return found[0]["W"]


def assert_trains_as_one(tmp_path, count, fields, bounds=None):
    run_together(tmp_path, count, fields, bounds)
    return assert_trained_as(fit(load_dataset("digits"), Recipe(**fields)), tmp_path, count)


def test_two_workers_train_the_model_of_one_and_go_on_with_its_run(tmp_path):
    def stop(metrics):
        raise KeyboardInterrupt

    saved = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(load_dataset("digits"), Recipe(**PLAIN), checkpoints=Checkpoints(saved), on_epoch=stop)
    run_together(tmp_path, 2, PLAIN, saved=saved)
    result = fit(load_dataset("digits"), Recipe(**PLAIN))
    assert_trained_as(result, tmp_path, 2)
    assert_trained_as(result, tmp_path, 2, "resumed")


@pytest.mark.slow
def test_steps_of_a_run_are_traced_once(tmp_path):
    fields = {**PLAIN, "epochs": 6, "batch_size": 64}
    codes, said = run_workers(TRACES, 2, tmp_path, fields)
    assert codes == [0, 0], said
    assert [each.splitlines()[-1] for each in said] == ["traces: [1]"] * 2


@pytest.mark.slow
def test_four_workers_begin_two_go_on_and_three_end_a_run(tmp_path):
    fields = {**PLAIN, "epochs": 6, "batch_size": 64, "momentum": 0.9, "averaging": 0.5}
    saved = tmp_path / "run"
    run_together(tmp_path, 4, fields, saved=saved, last=2)
    run_together(tmp_path, 2, fields, saved=saved, last=4)
    assert not list(tmp_path.glob("resumed-*"))
    run_together(tmp_path, 3, fields, saved=saved)
    result = fit(load_dataset("digits"), Recipe(**fields))
    assert_trained_as(result, tmp_path, 3, "resumed")
    assert_trained_as(result, tmp_path, 3)


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
