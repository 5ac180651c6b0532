"""How much wider standard errors are, against least squares and canonical correlations."""

import numpy as np
import pandas as pd
import pytest
from support.commands import run

from tfsoftmax import SourceOptions, from_frame, statistics
from tfsoftmax.cli.statistics import statistics as command


@pytest.fixture(scope="module")
def people():
    """Weight nearly follows from height, sport tells a little of both, age is apart."""
    generator = np.random.default_rng(0)
    n = 300
    height = generator.normal(170, 10, n)
    frame = pd.DataFrame(
        {
            "height": height,
            "weight": height - 100 + generator.normal(0, 1, n),
            "age": generator.integers(20, 60, n),
            "sport": np.where(height + generator.normal(0, 9, n) > 175, "ball", "run"),
        }
    )
    frame.loc[generator.random(n) < 0.3, "sport"] = "swim"
    frame["label"] = np.where(frame["age"] + generator.normal(0, 9, n) > 40, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def found(people):
    return statistics(from_frame(people, options=SourceOptions(drop=())))


def features_of(people):
    sport = pd.get_dummies(people["sport"], dtype=float).iloc[:, 1:]
    return pd.concat([people[["height", "weight", "age"]], sport], axis=1)


@pytest.mark.parametrize("name", ["height", "weight", "age"])
def test_of_a_number_it_is_the_root_of_the_factor_of_least_squares(people, found, name):
    features = features_of(people)
    others = np.column_stack([np.ones(len(features)), features.drop(columns=name)])
    y = features[name].to_numpy(float)
    residual = y - others @ np.linalg.lstsq(others, y, rcond=None)[0]
    assert found.inflation[name] == pytest.approx(y.std() / residual.std(), rel=1e-4)


def test_of_categories_it_is_that_of_the_canonical_correlations(people, found):
    features = features_of(people)
    centred = features - features.mean()
    own, others = centred[["run", "swim"]], centred[["height", "weight", "age"]]
    bases = [np.linalg.qr(each.to_numpy(float))[0] for each in (own, others)]
    correlations = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    factor = np.prod(1 / (1 - correlations**2))
    assert found.inflation["sport"] == pytest.approx(factor ** (1 / 4), rel=1e-4)


def test_a_standard_error_is_so_many_times_as_wide(people, found):
    """Of a class that no column tells, the information is that of least squares."""
    rng = np.random.default_rng(1)
    random = people.assign(label=rng.permutation(np.resize(["no", "yes"], len(people))))
    both = statistics(from_frame(random[["height", "weight", "label"]]))
    alone = statistics(from_frame(random[["height", "label"]]))
    errors = [each.table.set_index("column")["standard_error"]["height"] for each in (both, alone)]
    assert errors[0] / errors[1] == pytest.approx(both.inflation["height"], rel=0.1)


def test_the_note_names_the_columns(people, found, tmp_path):
    assert found.note.count("times") == 2
    assert "'height' (" in found.note
    assert "'weight' (" in found.note
    people.to_csv(tmp_path / "people.csv", index=False)
    result = run(command, tmp_path / "people.csv", "--drop", "sport")
    assert "Note: columns that nearly follow from others have wide standard" in result.stderr
    quiet = run(command, tmp_path / "people.csv", "--drop", "sport,weight")
    assert "nearly" not in quiet.stderr


def test_a_penalty_has_none(people):
    dataset = from_frame(people[["height", "weight", "label"]])
    found = statistics(dataset, l2=0.1, bootstrap=40)
    assert (found.inflation, found.note) == ({}, None)
