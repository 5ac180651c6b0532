"""Other numbers of workers round a scaling otherwise: a run goes on with the one it began with."""

import json
from importlib import import_module

import numpy as np
import pytest
from support.workers import in_threads

from tfsoftmax import Checkpoints, Recipe, UsageError, fit, from_arrays
from tfsoftmax.data.sharded_rows import Sharing, sharded
from tfsoftmax.data.statistics import ColumnStatistics
from tfsoftmax.training import prepare
from tfsoftmax.training.resume import identity_of
from tfsoftmax.training.scaling import scaling_of

fit_module = import_module("tfsoftmax.training.fit")

RECIPE = Recipe(epochs=3, batch_size=32, l2=0.01, sync_every=1)


@pytest.fixture
def awkward():
    """Large numbers that almost cancel in the mean of each column."""
    generator = np.random.default_rng(0)
    half = generator.normal(size=(150, 40)) * 1e6
    rows = np.concatenate([half, -half]) + generator.normal(size=(300, 40)) / 10
    rows = generator.permutation(rows).astype(np.float32)
    return dataset_of(rows)


def dataset_of(rows):
    labels = (rows[:, 0] > 0).astype(int)
    return from_arrays(rows, labels, test=(rows[:50], labels[:50]))


def found_by(count, rows, folder):
    """The scaling that workers find, each of whom has some of the rows."""

    def found(workers):
        own = np.array_split(rows, count)[workers.index]
        features = sharded(own, Sharing(workers, folder, 2**30))
        return scaling_of(features, ColumnStatistics.of(features), "auto")

    first, *others = in_threads(count, found)
    assert others == [first] * (count - 1)
    return first


def test_a_run_goes_on_where_others_would_find_another_scaling(tmp_path, awkward, monkeypatch):
    expected = fit(awkward, RECIPE)
    scaling = expected.dataset.spec.scaling
    other = found_by(2, awkward.train.features, tmp_path)
    assert other != scaling
    np.testing.assert_allclose(other.scale, scaling.scale, rtol=1e-6)

    def stop(metrics):
        raise KeyboardInterrupt

    saved = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(awkward, RECIPE, checkpoints=Checkpoints(saved), on_epoch=stop)
    monkeypatch.setattr(prepare, "scaling_of", lambda *_: other)
    resumed = fit(awkward, RECIPE, checkpoints=Checkpoints(saved, resume=True))
    assert resumed.dataset.spec.scaling == resumed.model.spec.scaling == scaling
    assert resumed.model.W.numpy().tobytes() == expected.model.W.numpy().tobytes()


def test_a_saved_scaling_is_not_taken_for_other_data(tmp_path, awkward):
    fit(awkward, RECIPE, checkpoints=Checkpoints(tmp_path))
    rows = awkward.train.features.copy()
    rows[0, 0] += 1e6
    with pytest.raises(UsageError, match="was made on other data"):
        fit(dataset_of(rows), RECIPE, checkpoints=Checkpoints(tmp_path, resume=True))


def test_what_workers_compare_is_the_same_once_they_are_told_it(tmp_path, awkward, monkeypatch):
    found = []

    def kept(*args):
        found.append(identity_of(*args))
        return found[0]

    monkeypatch.setattr(fit_module, "identity_of", kept)
    fit(awkward, RECIPE, checkpoints=Checkpoints(tmp_path / "run"))
    assert found[0]["scaling"]["offset"]
    assert json.loads(json.dumps(found[0])) == found[0]
