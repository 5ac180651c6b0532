"""Every sentence of advice that the convergence report gives is followed here, and helps."""

import ast
import re
from dataclasses import replace

import click
import numpy as np
import pytest
from support.datasets import make_dataset
from support.marks import slow

from tfsoftmax import Dataset, Recipe, Spec, Split, diagnose, fit, tune
from tfsoftmax.cli._flags import render
from tfsoftmax.cli._options import pop_given
from tfsoftmax.cli._recipe import recipe_options


def noise(n_train=60, n_features=40, signal=1.0):
    """Many features, of which one means something."""
    generator = np.random.default_rng(0)

    def split(n_samples):
        features = generator.normal(size=(n_samples, n_features)).astype(np.float32)
        own = signal * features[:, 0] + generator.normal(scale=0.7, size=n_samples)
        return Split(features, (own > 0).astype(np.int32))

    spec = Spec((n_features,), "float32", ("no", "yes"))
    return Dataset("noise", spec, split(n_train), split(400))


def uneven():
    dataset = make_dataset(n_train=400, n_test=200)
    for split in dataset.splits().values():
        split.features[:] *= np.float32([1e-3, 1, 1, 1, 1, 1e3])
    return dataset


def apart():
    """Classes that a plane separates."""
    dataset = make_dataset(n_train=60, n_test=60, n_features=4, n_classes=2)

    def spread(split):
        shift = np.where(split.labels[:, None] == 1, 4.0, -4.0).astype(np.float32)
        return replace(split, features=split.features + shift)

    return replace(dataset, train=spread(dataset.train), test=spread(dataset.test))


PLAIN = {"n_train": 400, "n_test": 200}
# Of rows so few compiling would take most of the time.
QUICK = Recipe(xla=False)
CASES = {
    "a learning rate too small": (
        lambda: make_dataset(**PLAIN),
        Recipe(epochs=5, learning_rate=1e-4, l2=1 / 400),
        "larger_learning_rate",
    ),
    "a learning rate too large": (
        lambda: make_dataset(**PLAIN),
        Recipe(epochs=5, learning_rate=1e3, l2=1 / 400),
        "smaller_learning_rate",
    ),
    "a constant rate": (
        lambda: make_dataset(**PLAIN),
        Recipe(epochs=40, learning_rate=0.6, schedule="constant", batch_size=4),
        "smaller_learning_rate",
    ),
    "too few epochs": (lambda: make_dataset(**PLAIN), Recipe(epochs=1), "more_epochs"),
    "scales": (uneven, Recipe(epochs=20, standardize="off"), "scale"),
    "overfitting": (
        lambda: noise(n_features=12, signal=3.0),
        Recipe(epochs=300, l2=0.0),
        "overfitting",
    ),
    "nothing but noise": (
        lambda: noise(signal=0.3),
        Recipe(epochs=100, l2=1 / 60),
        "worse_than_guessing",
    ),
    "separable rows": (apart, Recipe(epochs=50, l2=0.0), "separable"),
}
CASES = {name: (make, recipe.but(xla=False), said) for name, (make, recipe, said) in CASES.items()}


def followed(sentence, dataset, recipe):
    """The recipe that the sentence says to try."""
    if "tfsoftmax.tune" in sentence:
        return tune(dataset, recipe).best
    name, value = re.search(r"(\w+)=(\S+?)\)?\.$", sentence).groups()
    return recipe.but(**{name: ast.literal_eval(value)})


def followed_as_typed(sentence, recipe, tuned):
    """The same, from the sentence as the command prints it; `tuned` is what tuning found."""
    if "'tfsoftmax tune'" in sentence:
        return tuned
    flag, value = re.search(r"(--[a-z-]+) ([\w.]+?)\)?\.$", sentence).groups()
    options = []
    command = click.command()(recipe_options(lambda **given: options.append(given)))
    command.main([flag, value], standalone_mode=False)
    return recipe.but(**pop_given(Recipe, options[0]))


def most_are_quick(*names):
    """The cases, of which these are slow."""
    return [slow(name) if name in names else name for name in CASES]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    most_are_quick("overfitting", "a learning rate too small", "a constant rate", "too few epochs"),
)
def test_what_is_advised_makes_a_model_that_is_no_worse(name):
    make, recipe, verdict = CASES[name]
    dataset = make()
    model, history = fit(dataset, recipe)
    found = diagnose(model, dataset, history)
    assert found.verdict == verdict, found.sentence
    advised = followed(found.sentence, dataset, recipe)
    assert followed_as_typed(render(found.sentence), recipe, advised) == advised
    before = history.last.test_log_loss
    after = fit(dataset, advised).history.last.test_log_loss
    assert after <= before * 1.001, found.sentence


def test_what_was_tuned_is_not_to_be_tuned_again():
    dataset = apart()
    tuning = tune(dataset, QUICK.but(epochs=50), l2=[0.0, 1.0], folds=2)
    assert tuning.best.l2 == 0
    model, history = fit(dataset, tuning.best)
    model.record = replace(model.record, tuning=tuning.to_json())
    found = diagnose(model, dataset, history)
    assert found.verdict == "separable"
    said = "cross-validation found no stronger penalty better, of those it tried."
    assert found.sentence.endswith(f"grow forever; {said}")


@pytest.mark.slow
def test_a_choice_at_the_edge_of_the_grid_says_how_to_widen_it_and_that_helps():
    dataset = noise(n_features=12)
    tuning = tune(dataset, QUICK.but(epochs=30), l2=[1e-4, 1e-3], folds=2)
    model, history = fit(dataset, tuning.best)
    model.record = replace(model.record, tuning=tuning.to_json())
    sentence = diagnose(model, dataset, history).sentence
    assert "The l2 that was chosen, 0.001, is the largest that was tried" in sentence
    assert sentence.endswith(f" {tuning.beyond}")
    advised = ast.literal_eval(re.search(r"try l2=(.*)\.$", sentence)[1])
    typed = re.search(r"try --l2 (.*)\.$", render(tuning.beyond))[1]
    assert list(map(float, typed.split(","))) == advised
    wider = tune(dataset, QUICK.but(epochs=30), l2=advised, folds=2)
    assert wider.winner.log_loss < tuning.winner.log_loss
    within = tune(dataset, QUICK.but(epochs=30), l2=[1e-4, *advised, 10], folds=2)
    assert within.beyond is None


@pytest.mark.parametrize(("losses", "advised"), [((0.4, 0.4001), False), ((0.4, 0.5), True)])
def test_smaller_penalties_that_make_no_difference_are_not_advised(losses, advised):
    tuning = tune(noise(n_features=2), QUICK.but(epochs=2), l2=[1e-6, 1e-5], folds=2)
    candidates = tuple(
        replace(candidate, log_losses=(loss - 0.01, loss + 0.01))
        for candidate, loss in zip(tuning.candidates, losses, strict=True)
    )
    tuning = replace(tuning, candidates=candidates)
    assert tuning.winner.recipe.l2 == 1e-6
    assert bool(tuning.beyond) == advised


def guessing(dataset):
    shares = np.bincount(dataset.train.labels) / len(dataset.train)
    return -np.log(shares[dataset.test.labels]).mean()


@pytest.mark.parametrize(
    "name",
    most_are_quick(
        "a learning rate too small",
        "a learning rate too large",
        "a constant rate",
        "scales",
        "overfitting",
        "too few epochs",
    ),
)
def test_worse_than_guessing_is_said_first_and_never_called_converged(name):
    make, recipe, _ = CASES[name]
    dataset = make()
    # Labels that have nothing to do with the features: what is learnt is wrong.
    shuffled = np.random.default_rng(1).permutation(dataset.train.labels)
    dataset = replace(dataset, train=replace(dataset.train, labels=shuffled))
    for one in (recipe, Recipe(epochs=100, xla=False)):
        model, history = fit(dataset, one)
        found = diagnose(model, dataset, history)
        worse = history.last.test_log_loss > guessing(dataset)
        assert found.sentence.startswith("Worse than guessing") == worse
        assert not (worse and found.verdict == "converged")
