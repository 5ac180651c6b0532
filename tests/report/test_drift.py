"""New rows beside those a model was trained on: against hand-computed values and SciPy."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from support.raw_tables import frame_of_penguins, model_of_penguins
from support.runs import RECIPE

from tfsoftmax import (
    DataError,
    ModelError,
    SoftmaxRegression,
    SourceOptions,
    Spec,
    drift,
    fit,
    from_arrays,
    from_frame,
)
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.profile import MOST_COLUMNS, Profile
from tfsoftmax.report.drift import profile_of, psi
from tfsoftmax.training.record import RunRecord


def frame_of(n_rows, seed):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": generator.normal(40, 10, n_rows),
            "size": generator.normal(0, 1, n_rows).clip(0),
            "island": generator.choice(["Biscoe", "Dream"], n_rows),
        }
    )
    frame.loc[::10, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def trained():
    frame = frame_of(600, 0)
    frame["label"] = np.where(frame["size"] + (frame["island"] == "Dream") > 0.7, "big", "small")
    dataset = from_frame(frame, options=SourceOptions(missing="mean"))
    result = fit(dataset, RECIPE)
    return result.model, result.dataset


def by_name(found):
    return {column.name: column for column in found.columns}


def test_the_training_rows_themselves_do_not_differ(trained):
    model, dataset = trained
    found = drift(model, dataset.train)
    assert found.n_samples == (len(dataset.train), len(dataset.train))
    assert [column.psi for column in (*found.columns, found.predicted)] == [0] * 4
    assert all(column.p == pytest.approx(1) for column in found.columns)
    assert found.verdict.startswith("No drift that these 480 rows show")
    counts = pd.Series(model.predict(dataset.train.features)).value_counts(normalize=True)
    assert {each.name: each.now for each in found.predicted.bins if each.now} == pytest.approx(
        dict(counts)
    )


def test_other_rows_of_the_same_kind_do_not_differ(trained):
    for seed in range(1, 6):
        assert drift(trained[0], frame_of(500, seed)).verdict.startswith("No drift")


def test_a_shifted_column_comes_first(trained):
    frame = frame_of(500, 1)
    frame["age"] += 15
    found = drift(trained[0], frame)
    assert [found.differs(column) for column in found.columns] == [True, False, False]
    assert found.columns[0].name == "age"
    assert found.columns[0].p < 1e-10
    assert found.verdict.startswith(
        "Drift: 1 of 3 columns differ from the training rows, 1 of them with a PSI of 0.25 or "
        "more; age differs most"
    )
    assert found.verdict.endswith("the predicted classes do not differ.")


def test_missing_cells_and_unknown_categories_are_counted(trained):
    frame = frame_of(500, 1)
    frame.loc[:249, "age"] = np.nan
    frame.loc[100:299, "island"] = "Atlantis"
    found = by_name(drift(trained[0], frame))
    assert found["age"].missing == pytest.approx((0.1, (250 + 25) / 500), abs=0.02)
    assert found["island"].unknown == (0, 0.4)
    assert found["island"].psi > 1
    assert found["age"].psi > 0.25


def test_psi_is_that_of_the_definition():
    by_hand = (0.5 - 0.2) * np.log(0.5 / 0.2) + (0.5 - 0.8) * np.log(0.5 / 0.8)
    assert psi(np.array([20, 80]), np.array([5, 5])) == pytest.approx(by_hand)
    empty = (0.5 - 1e-4) * np.log(0.5 / 1e-4) + (0.5 - 1) * np.log(0.5)
    assert psi(np.array([0, 80]), np.array([5, 5])) == pytest.approx(empty)


def test_psi_and_p_of_a_column_are_those_of_its_deciles(trained):
    model, dataset = trained
    frame = frame_of(500, 1)
    frame["age"] += 3
    known = np.asarray(dataset.train.features)[:, 0]
    cuts = np.unique(np.quantile(known[~np.isnan(known)], np.arange(1, 10) / 10,
                                 method="inverted_cdf"))  # fmt: skip
    edges = [-np.inf, *cuts, np.inf]

    def counts(numbers):
        return np.array([np.isnan(numbers).sum(), *np.histogram(numbers, edges)[0]])

    then, now = counts(known), counts(frame["age"].to_numpy(np.float32))
    found = by_name(drift(model, frame))["age"]
    p, q = then / then.sum(), now / now.sum()
    assert found.psi == pytest.approx(np.sum((q - p) * np.log(q / p)))
    assert found.p == pytest.approx(scipy.stats.chi2_contingency([then, now], False).pvalue)


def test_a_number_that_many_rows_have_is_counted_by_itself(trained):
    (zero,) = (each for each in by_name(drift(trained[0], trained[1].train))["size"].bins
               if each.name == "0")  # fmt: skip
    assert zero.then == pytest.approx(0.5, abs=0.1)
    frame = frame_of(500, 1)
    frame["size"] += 1e-3
    found = drift(trained[0], frame)
    assert found.columns[0].name == "size"
    assert [each.now for each in found.columns[0].bins if each.name == "0"] == [0]


def test_a_few_rows_say_nothing(trained):
    frame = frame_of(3, 1)
    assert drift(trained[0], frame).verdict.startswith("No drift that these 3 rows show")
    assert drift(trained[0], frame[:1]).verdict.startswith("No drift that this one row shows")
    with pytest.raises(DataError, match="there are no rows to compare"):
        drift(trained[0], frame[:0])


@pytest.mark.parametrize("size", [30, 2000])
def test_columns_of_every_kind_count_as_the_table_has_them(size):
    model = model_of_penguins(size)
    frame = frame_of_penguins()
    rows = rows_for(model.spec, frame)
    profile = Profile.of(model.spec, rows, np.zeros(len(frame), np.int64))
    found = {column.name: column for column in profile.columns}
    assert list(found) == [column.name for column in model.spec.encoding.columns]
    kinds = dict(zip(found["class"].bins, found["class"].counts, strict=True))
    counts = frame["class"].value_counts()
    assert {name: kinds[name] for name in ("Biscoe", "Dream", 'Ø, "x"')} == {
        name: counts[name] for name in ("Biscoe", "Dream", 'Ø, "x"')
    }
    assert found["class"].unknown == counts["Torgersen"]
    assert found["class"].missing == frame["class"].isna().sum()
    assert found["bill depth (mm)"].missing == frame["bill depth (mm)"].isna().sum()
    assert found["depths"].missing == found["bill depth (mm)"].missing
    assert found["seen"].missing == frame["seen"].isna().sum()
    assert found["notes"].missing == (frame["notes"] == "").sum()
    assert found["a/b"].missing == (frame["a/b"] == "").sum()
    for column in profile.columns:
        assert sum(column.counts) + column.missing + column.unknown == len(frame)
    again = profile.count(model.spec, rows, np.zeros(len(frame), np.int64))
    assert again == profile
    halves = [
        profile.count(model.spec, rows_for(model.spec, part), np.zeros(len(part), np.int64))
        for part in (frame[:50], frame[50:])
    ]
    assert halves[0] + halves[1] == profile
    assert Profile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


def test_pictures_and_wide_rows_are_compared_by_their_means():
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 200, (300, 4, 4)).astype(np.uint8)
    dataset = from_arrays(pictures, generator.integers(0, 2, 300))
    model, _ = fit(dataset, RECIPE)
    found = drift(model, pictures + np.uint8(30))
    assert [column.name for column in found.columns] == ["brightness"]
    assert found.columns[0].psi > 0.25
    wide = scipy.sparse.random_array((50, 5000), density=0.01, rng=generator, format="csr")
    spec = Spec((5000,), "float32", ("no", "yes"), sparse_rows=True)
    profiles = [
        Profile.of(spec, rows_for(spec, rows), np.zeros(50, np.int64))
        for rows in (wide, wide.toarray())
    ]
    for profile in profiles:
        (column,) = profile.columns
        assert column.name == "mean of all features"
        means = np.float32(wide.toarray()).mean(axis=1, dtype=np.float64)
        expected = np.quantile(means, np.arange(1, 10) / 10, method="inverted_cdf")
        assert column.cuts == pytest.approx(expected, rel=1e-5)


def test_what_is_kept_of_a_model_is_bounded():
    generator = np.random.default_rng(0)
    names = [f"c{index}" for index in range(MOST_COLUMNS + 5)]
    encoding = Encoding(
        (*(Input(name, "float32") for name in names), Input("kind", "string")),
        (
            *(Column(name, "number", (name,)) for name in names),
            Column("kind", "category", ("kind",), vocabulary=("a", "b")),
        ),
    )
    wide = Spec((encoding.n_features,), "float32", ("no", "yes"), encoding=encoding)
    rows = np.float32(generator.normal(size=(40, encoding.n_features)))
    profile = Profile.of(wide, rows, np.zeros(40, np.int64))
    assert [column.name for column in profile.columns] == names[:MOST_COLUMNS]
    assert profile.left_out == 6
    many = Spec((1,), "float32", tuple(map(str, range(1000))))
    profile = Profile.of(many, np.zeros((2000, 1), np.float32), np.arange(2000) % 1000)
    assert len(profile.predicted.counts) == 31
    assert profile.predicted.counts[-1] == 2 * 970


def test_at_most_ten_thousand_training_rows_are_counted(trained):
    generator = np.random.default_rng(0)
    dataset = from_arrays(np.float32(generator.normal(size=(15_000, 2))), np.arange(15_000) % 2)
    record = fit(dataset, RECIPE).record
    assert record.profile["n_samples"] == 10_000
    assert record.profile == fit(dataset, RECIPE).record.profile


def test_models_without_a_profile_say_what_to_do(trained):
    model, dataset = trained
    with pytest.raises(ModelError, match="no counts of its training rows .* train it with"):
        drift(SoftmaxRegression(model.spec), dataset.train)
    older = {key: value for key, value in model.record.to_json().items() if key != "profile"}
    assert RunRecord.from_json(older).profile is None
    assert RunRecord.from_json(model.record.to_json()).profile == model.record.profile
    with pytest.raises(ModelError, match=r"the counts .* are damaged \(KeyError"):
        profile_of({"profile": {"columns": []}}, "x")
