"""Candidates whose models do not fit into memory side by side are trained group by group."""

import numpy as np
import pytest
from support.marks import slow
from support.sparse import sparse_dataset

from tfsoftmax import Recipe, tune
from tfsoftmax.training import cross_validation

RECIPE = Recipe(epochs=2, batch_size=32, learning_rate=0.2, xla=False)
L2 = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def trained_with(monkeypatch, dataset, room):
    """What tune finds if so many weights fit, how many models it trained at once, the progress."""
    sizes, progress = [], []
    train = cross_validation.train

    def counted(dataset, recipes, weights, on_progress):
        parameters, finite = train(dataset, recipes, weights, on_progress)
        sizes.append(int(np.prod(parameters[0].shape[:2])))
        assert np.size(parameters[0]) <= room or len(recipes) == 1
        return parameters, finite

    monkeypatch.setattr(cross_validation, "_WEIGHTS", room)
    with monkeypatch.context() as patch:
        patch.setattr(cross_validation, "train", counted)
        tuning = tune(dataset, RECIPE, l2=L2, folds=2, on_progress=lambda *at: progress.append(at))
    return tuning, sizes, progress


@pytest.mark.parametrize("sparse", [slow(False), True])
def test_groups_find_what_all_at_once_find(monkeypatch, made, sparse):
    dataset = sparse_dataset(n_train=120, n_test=10, n_features=600) if sparse else made
    once, (all_models,), whole = trained_with(monkeypatch, dataset, 2**26)
    n_weights = 2 * dataset.spec.n_inputs * dataset.spec.n_classes
    grouped, sizes, progress = trained_with(monkeypatch, dataset, 2 * n_weights)
    assert all_models == 2 * len(L2)
    assert sum(sizes) == all_models
    assert len(sizes) > 1
    for ours, theirs in zip(grouped.candidates, once.candidates, strict=True):
        assert ours.recipe == theirs.recipe
        assert ours.log_losses == pytest.approx(theirs.log_losses, rel=1e-6)
        assert ours.accuracies == theirs.accuracies
    steps = [step for step, _ in progress]
    assert steps == sorted(set(steps))
    assert progress[-1] == (len(sizes) * whole[-1][0],) * 2


def test_what_never_occurs_takes_no_room(monkeypatch):
    """2^18 buckets of a text, of which a small table has a few hundred."""
    dataset = sparse_dataset(n_train=120, n_test=10, n_features=2**18)
    occurring = len(np.unique(dataset.train.features.read_sparse([slice(None)]).indices))
    _, sizes, _ = trained_with(monkeypatch, dataset, 2 * 3 * len(L2) * occurring)
    assert sizes == [2 * len(L2)]
