"""What `fit` says of how a model was made."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.datasets import make_dataset

from tfsoftmax import RECIPES, Recipe, evaluate, fit, from_arrays, warm_start
from tfsoftmax.data.split import with_validation
from tfsoftmax.training.record import RunRecord

RECIPE = Recipe(epochs=8, batch_size=10, early_stopping="log_loss", calibrate=True)


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(n_train=60)


@pytest.fixture(scope="module")
def result(dataset):
    return fit(dataset, RECIPE)


def test_a_result_is_two_of_a_tuple_and_more(dataset, result):
    model, history = result
    assert (model, history) == (result.model, result.history) == (result[0], result[1])
    assert len(result) == 2
    assert result.record is model.record
    prepared = result.dataset
    assert len(prepared.train) + len(prepared.validation) == len(dataset.train)
    assert prepared.spec == model.spec


def test_it_says_what_was_trained_on_and_how(dataset, result):
    record = result.record
    assert record.dataset.name == "made"
    assert record.dataset.sha256 == dataset.sha256()
    assert (record.dataset.train_samples, record.dataset.test_samples) == (60, 20)
    assert record.dataset.shared_samples == 0
    assert record.asked == RECIPE.to_json()
    assert record.recipe == {"name": "default", **result.history.recipe.to_json()}
    assert record.asked["l2"] is None
    assert record.test == evaluate(result.model, dataset.test).figures()
    assert record.best_epoch == result.history.best_epoch is not None
    assert record.temperature == result.history.temperature is not None
    assert record.trained_with["tfsoftmax"]


def test_it_is_json_and_back(result):
    document = json.loads(json.dumps(result.record.to_json()))
    assert "command" not in document
    assert document["resumed"] is None
    found = RunRecord.from_json(document)
    assert found.to_json() == result.record.to_json()
    assert found.history == result.record.history
    assert RunRecord.from_json({key: document[key] for key in ("dataset", "recipe")}) is None


def test_it_knows_the_parameters_it_is_of(dataset):
    model, _ = fit(dataset, Recipe(epochs=1, l2=1e-3))
    assert model.record.is_of(model)
    model.W.assign_add(np.full(model.W.shape, 1e-3, np.float32))
    assert not model.record.is_of(model)


def test_data_are_described_as_they_were_before_rows_or_classes_were_chosen(dataset):
    before, _ = fit(dataset, Recipe(epochs=1, l2=1e-3))
    rows = np.asarray(dataset.train.features[:])
    names = np.array([*"abc"])[dataset.train.labels]
    table = from_arrays(rows, np.where(names == "a", "class 0", names), name="more")
    start, aligned = warm_start(before, table, "add")
    assert len(aligned.spec.class_names) == 5
    record = fit(aligned, Recipe(epochs=1, l2=1e-3), start=start).record
    assert record.dataset.sha256 == table.sha256() != aligned.sha256()
    described = replace(dataset, origin=record.dataset)
    assert (
        fit(with_validation(described, 0.2), Recipe(epochs=1, l2=1e-3)).record.dataset
        == record.dataset
    )


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_is_called_by_the_name_it_differs_least_from(dataset, name):
    recipe = RECIPES[name].but(epochs=1, seed=3, batch_size=5)
    assert fit(dataset, recipe).record.recipe["name"] == name
