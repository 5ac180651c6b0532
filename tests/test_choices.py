"""Wrong choices from Python: each is one clear error, or works where it can mean one thing."""

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import RECIPES, Recipe, SourceOptions, UsageError, fit, tune


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 50}, r"Recipe has no 'epoch'; did you mean 'epochs'\?"),
        ({"zzz": 50}, r"Recipe has no 'zzz'; it has epochs, solver"),
        ({"learning_rate": "fast"}, "learning_rate must be a number or 'auto', not 'fast'"),
        ({"learning_rate": True}, "learning_rate must be a number or 'auto', not True"),
        ({"epochs": "5"}, "epochs must be a whole number, not '5'"),
        ({"epochs": 2.5}, r"epochs must be a whole number, not 2\.5"),
        ({"epochs": float("nan")}, "epochs must be a whole number, not nan"),
        ({"seed": True}, "seed must be a whole number, not True"),
        ({"l2": "0.1"}, "l2 must be a number or 'auto', not '0.1'"),
        ({"l2": [0.1]}, r"l2 must be a number or 'auto', not \[0\.1\]"),
        ({"l2": float("nan")}, "l2 must be at least 0, not nan"),
        ({"momentum": np.ones(2)}, "momentum must be a number"),
        ({"nesterov": "no"}, "nesterov must be True or False, not 'no'"),
        ({"calibrate": 1}, "calibrate must be True or False, not 1"),
        ({"schedule": 3}, "schedule must be one of constant, cosine, .*, not 3"),
        ({"early_stopping": True}, "early_stopping must be one of log_loss, .*, not True"),
        ({"class_weight": [1, 2]}, "class_weight must be 'balanced' or a dictionary"),
        ({"class_weight": {"a": "2"}}, "class_weight of 'a' must be 0 or more, not '2'"),
        ({"memory_limit": "1GiB"}, "memory_limit must be a whole number, not '1GiB'"),
    ],
)
def test_a_wrong_choice_of_a_recipe_is_one_clear_error(changes, message):
    with pytest.raises(UsageError, match=message):
        Recipe().but(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": "y"}, r"SourceOptions has no 'label'; did you mean 'label_column'\?"),
        ({"label_column": 3}, "label_column must be a text, not 3"),
        ({"features": (1, 2)}, r"features must be a list of names, not \(1, 2\)"),
        ({"features": {"a": 1}}, "features must be a list of names"),
        ({"image_size": 28}, "image_size must be two whole numbers, not 28"),
        ({"image_size": (28, 28, 3)}, "image_size must be two whole numbers"),
        ({"image_size": (28.5, 28)}, "image_size must be two whole numbers"),
        ({"missing": "median?"}, "missing must be one of error, mean"),
        ({"color": "red"}, "color must be one of gray, rgb, not 'red'"),
        ({"header": "no"}, "header must be True or False, not 'no'"),
        ({"test_fraction": "0.2"}, "test_fraction must be a number, not '0.2'"),
        ({"test_fraction": float("nan")}, "test_fraction must be above 0 and below 1, not nan"),
        ({"delimiter": 1}, "delimiter must be a text, not 1"),
    ],
)
def test_a_wrong_choice_of_how_to_read_is_one_clear_error(changes, message):
    with pytest.raises(UsageError, match=message):
        SourceOptions().but(**changes)


def test_what_can_mean_one_thing_only_is_taken():
    recipe = Recipe(epochs=np.int64(3), learning_rate=np.float32(0.5), l2=1)
    assert (type(recipe.epochs), type(recipe.learning_rate)) == (int, float)
    assert recipe == Recipe(epochs=3, learning_rate=0.5, l2=1.0)
    options = SourceOptions(drop="id", features=pd.Index(["a", "b"]), image_size=[8, np.int32(8)])
    assert (options.drop, options.features, options.image_size) == (("id",), ("a", "b"), (8, 8))


def test_every_field_is_checked():
    from tfsoftmax.choices import check_types

    for usual in (Recipe(), SourceOptions()):
        for field in usual.__dataclass_fields__:
            wrong = object.__new__(type(usual))
            wrong.__dict__.update(usual.__dict__, **{field: object()})
            with pytest.raises(UsageError, match=f"^{field} must be "):
                check_types(wrong)


def test_a_recipe_goes_by_its_name(made):
    named = fit(made, "tutorial").model
    np.testing.assert_array_equal(named.W, fit(made, RECIPES["tutorial"]).model.W)
    assert tune(made, "tutorial", l2=[0.1], folds=2).recipe == RECIPES["tutorial"]
    with pytest.raises(UsageError, match=r"'tutorail'; did you mean 'tutorial'\? there are"):
        fit(made, "tutorail")
    with pytest.raises(UsageError, match="a Recipe, .* not a float"):
        fit(made, 0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.eye(4), r"not ndarray: from_arrays\(X, y\) makes one .* holds a fifth of the rows out"),
        (pd.DataFrame(np.eye(4)), r"not DataFrame: .*from_frame\(frame\) makes one"),
        ("csv:flowers.csv", r"load_dataset\('csv:flowers.csv'\) loads it"),
    ],
)
def test_what_is_no_dataset_says_how_one_is_made(given, message):
    for train in (fit, tune):
        with pytest.raises(UsageError, match=message):
            train(given, np.zeros(4, int))
