"""A run that would trace the loop as an earlier one did takes that one's."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from support.datasets import make_dataset
from support.runs import bytes_of
from support.sparse import sparse_dataset

from tfsoftmax import Recipe, fit
from tfsoftmax.data.dataset import Split
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.training.build import build_loop
from tfsoftmax.training.learning_rate import center_of
from tfsoftmax.training.prepare import prepare
from tfsoftmax.training.sgd import compiled
from tfsoftmax.training.sgd.step import Step

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.1, l2=1e-3, xla=False)
OTHERS = {
    "smoothing": RECIPE.but(label_smoothing=0.1),
    "sum": RECIPE.but(loss_reduction="sum"),
    "scaling": RECIPE.but(standardize="off"),
    "momentum": RECIPE.but(momentum=0.5),
    "nesterov": RECIPE.but(momentum=0.5, nesterov=True),
    "clipped": RECIPE.but(clip_norm=0.01),
    "averaged": RECIPE.but(averaging=0.5),
    "batch": RECIPE.but(batch_size=10),
    "adagrad": RECIPE.but(optimizer="adagrad"),
    "ftrl": RECIPE.but(optimizer="ftrl"),
    "xla": RECIPE.but(xla=True),
}


@pytest.fixture
def traced(monkeypatch):
    """The steps that are traced."""
    seen, slopes = [], Step.slopes

    def counted(self, *arguments):
        seen.append(self)
        return slopes(self, *arguments)

    monkeypatch.setattr(Step, "slopes", counted)
    compiled._kept_function.cache_clear()
    return seen


def fitted(dataset, recipe=RECIPE):
    return bytes_of(fit(dataset, recipe))


def loop_of(dataset, recipe=RECIPE):
    dataset, resolved = prepare(dataset, recipe)
    model, rows = SoftmaxRegression(dataset.spec), dataset.train
    return build_loop(model, rows, [resolved], center_of(model, rows, resolved))


def test_a_second_run_traces_nothing(made, traced):
    first = fitted(made)
    assert traced
    traced.clear()
    assert fitted(make_dataset()) == first
    # These are told in each call.
    assert fitted(made, RECIPE.but(learning_rate=0.2)) != first
    assert fitted(made, RECIPE.but(l2=2e-3)) != first
    assert not traced


def test_a_second_run_on_sparse_rows_traces_nothing(traced):
    first = fitted(sparse_dataset())
    assert traced
    traced.clear()
    assert fitted(sparse_dataset()) == first
    assert not traced


def test_runs_of_another_kind_share_no_trace(made):
    recipes = [RECIPE, *OTHERS.values()]
    assert len({loop_of(made, recipe)._run_steps for recipe in recipes}) == len(recipes)
    assert loop_of(made, RECIPE.but(learning_rate=0.2))._run_steps is loop_of(made)._run_steps


def test_rows_of_another_kind_share_no_trace(made):
    plain, rows = loop_of(made), made.train
    weighted = Split(rows.features, rows.labels, np.ones(len(rows), np.float32))
    others = [
        make_dataset(n_train=51),
        make_dataset(n_features=7),
        make_dataset(dtype="float64"),
        replace(made, train=weighted),
    ]
    assert plain._run_steps not in {loop_of(other)._run_steps for other in others}


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [OTHERS["momentum"], RECIPE.but(l2=0.0), RECIPE.but(l1=1e-3), RECIPE.but(l2=0.1)]
)
def test_a_run_after_another_is_what_it_is_alone(made, recipe):
    compiled._kept_function.cache_clear()
    alone = fitted(made, recipe)
    compiled._kept_function.cache_clear()
    assert fitted(made) != alone == fitted(made, recipe)


def test_other_rows_of_the_same_shape_trace_nothing_and_train_as_alone(traced):
    """As in cross-validation: their means, which training is centred on, are others, too."""
    first, other, unscaled = make_dataset(), make_dataset(seed=1), RECIPE.but(standardize="off")
    alone = fitted(other, unscaled)
    compiled._kept_function.cache_clear()
    assert fitted(first, unscaled) != alone
    traced.clear()
    assert fitted(other, unscaled) == alone
    assert not traced


def test_neither_rows_nor_weights_are_kept(made):
    loop = loop_of(made)
    list(loop.run_epoch())
    held = [loop, *loop._kept.parameters, loop.feed, loop.feed.rows.features, loop._run_steps]
    *gone, kept = map(weakref.ref, held)
    del loop, held
    gc.collect()
    assert [each() for each in gone] == [None] * len(gone)
    assert kept() is not None


def test_few_functions_are_kept(made):
    for number in range(compiled._KEPT + 1):
        loop_of(made, RECIPE.but(label_smoothing=number / 100))
    assert compiled._kept_function.cache_info().currsize == compiled._KEPT


def test_threads_share_it(made):
    alone = fitted(made)
    compiled._kept_function.cache_clear()
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(fitted, [made] * 8)) == {alone}
