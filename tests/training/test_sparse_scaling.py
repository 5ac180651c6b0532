"""How sparse rows and encoded tables are scaled, and what is filled in for missing values."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tfsoftmax import Dataset, Scaling, Spec, Split
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.errors import DataError
from tfsoftmax.report.verdict import Scales
from tfsoftmax.training.prepare import with_scaling

LABELS = np.arange(60, dtype=np.int32) % 2
# A number, a category, a date and another number.
ENCODING = Encoding(
    (
        Input("age", "float32"),
        Input("sex", "string"),
        Input("when", "string"),
        Input("x", "float32"),
    ),
    (
        Column("age", "number", ("age",)),
        Column("sex", "category", ("sex",), ("f", "m")),
        Column("when", "date", ("when",)),
        Column("x", "number", ("x",)),
    ),
)


def words(n_columns=600):
    generator = np.random.default_rng(0)
    size = (len(LABELS), n_columns)
    matrix = scipy.sparse.random_array(size, density=0.1, rng=generator, format="csr")
    matrix.data += 1
    return matrix.astype(np.float32)


def dataset_of(matrix, **spec):
    rows = Split(SparseRows(scipy.sparse.csr_array(matrix)), LABELS)
    return Dataset("made", Spec((matrix.shape[1],), "float32", ("no", "yes"), **spec), rows, rows)


def table(sparse=False, **spec):
    """Encoded rows; numbers are entries even if they are 0."""
    generator = np.random.default_rng(1)
    numbers = np.exp(generator.normal(size=(60, 7))) * [40, 1, 1, 1, 1, 1, 3]
    numbers[::5, 0] = np.nan
    numbers[::7, 1:6] = np.nan
    sexes = np.eye(4)[generator.integers(4, size=60)]
    rows = np.float32(np.column_stack([numbers[:, :1], sexes, numbers[:, 1:]]))
    features = SparseRows(scipy.sparse.csr_array(rows)) if sparse else rows
    split = Split(features, LABELS)
    spec = {"missing": "indicator", "encoding": ENCODING, **spec}
    return Dataset("made", Spec((11,), "float32", ("no", "yes"), **spec), split, split)


def test_words_are_left_as_they_are():
    assert with_scaling(dataset_of(words()), "auto").spec.scaling == Scaling()


def test_a_column_of_another_unit_gets_the_size_of_the_others():
    matrix = words().toarray()
    matrix[:, 3] *= 1e5
    scaling = with_scaling(dataset_of(matrix), "auto").spec.scaling
    entries = matrix[matrix[:, 3] != 0, 3].astype(np.float64)
    scaled = np.sqrt(np.square(entries).mean()) * scaling.scale[3]
    others = (column[column != 0] for column in words().toarray().T)
    sizes = [np.sqrt(np.square(entries).mean()) for entries in others if len(entries)]
    assert scaled == pytest.approx(np.median(sizes), rel=0.01)
    assert {*scaling.offset} == {0.0}
    assert {*scaling.scale[:3], *scaling.scale[4:]} == {1.0}


def test_on_gives_deviation_1_as_scikit_learn_without_mean(caplog):
    dataset = dataset_of(words())
    scaling = with_scaling(dataset, "on").spec.scaling
    expected = StandardScaler(with_mean=False).fit(words().astype(np.float64))
    np.testing.assert_allclose(scaling.scale, 1 / expected.scale_, rtol=1e-6)
    assert {*scaling.offset} == {0.0}
    assert "sparse rows keep their zeros" in caplog.text


def test_missing_values_of_sparse_rows_are_filled_in_with_means_over_the_zeros():
    matrix = words()
    matrix.data[:30] = np.nan
    spec = with_scaling(dataset_of(matrix, missing="mean"), "auto").spec
    np.testing.assert_allclose(spec.scaling.fill, np.nanmean(matrix.toarray(), axis=0), rtol=1e-5)
    assert spec.keeps_zeros
    for fill in ("median", "most_frequent"):
        found = with_scaling(dataset_of(matrix, missing=fill), "auto").spec.scaling.fill
        expected = SimpleImputer(strategy=fill).fit(matrix.toarray()).statistics_
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_only_the_numbers_of_a_table_are_scaled(sparse):
    dataset = table(sparse)
    spec = with_scaling(dataset, "on").spec
    numbers = [0, 5, 6, 7, 8, 9, 10]
    expected = ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers)],
        remainder="passthrough",
        sparse_threshold=0,
    )
    rows = table().train.features
    # scikit-learn fills in before it measures the deviation; ours is that of what is there.
    whole = rows[~np.isnan(rows).any(axis=1)]
    complete = replace(dataset.train, features=whole, labels=LABELS[: len(whole)])
    plain = with_scaling(replace(dataset, train=complete), "on").spec
    order = np.argsort([*numbers, 1, 2, 3, 4])
    np.testing.assert_allclose(
        plain.scaling.apply(whole), expected.fit_transform(np.float64(whole))[:, order], atol=1e-5
    )
    fill = np.array(spec.scaling.fill)[numbers]
    np.testing.assert_allclose(fill, np.nanmean(rows, axis=0)[numbers], rtol=1e-6)
    assert [spec.scaling.offset[column] for column in (1, 2, 3, 4)] == [0] * 4
    assert [spec.scaling.scale[column] for column in (1, 2, 3, 4)] == [1] * 4
    assert spec.keeps_zeros


@pytest.mark.parametrize("sparse", [False, True])
def test_a_date_has_one_indicator(sparse):
    spec = with_scaling(table(sparse), "auto").spec
    assert spec.scaling.indicators == (0, 5)
    names = [spec.feature_name(index) for index in range(spec.n_features, spec.n_inputs)]
    assert names == ["age is missing", "when is missing"]


def test_a_table_without_numbers_is_not_scaled():
    encoding = Encoding((ENCODING.inputs[1],), (ENCODING.columns[1],))
    rows = Split(np.float32(np.eye(4))[[0, 1, 2, 3] * 15], LABELS)
    spec = Spec((4,), "float32", ("no", "yes"), missing="indicator", encoding=encoding)
    scaling = with_scaling(Dataset("made", spec, rows, rows), "auto").spec.scaling
    assert scaling == Scaling(fill=(0.0,) * 4)


def test_a_column_without_values_is_named_as_the_table_has_it():
    dataset = table()
    dataset.train.features[:, 5:10] = np.nan
    with pytest.raises(DataError, match=r"'when' has no value.*drop.*when"):
        with_scaling(dataset, "auto")


def test_a_wide_scaling_is_written_small_and_read_again():
    wide = Scaling((1.0, 2.0), 0.5, (3.0, 4.0), (1,), 5.0).spread([7, 100], 262_144)
    assert len(str(wide.to_json())) < 400
    assert Scaling.from_json(wide.to_json()) == wide
    narrow = Scaling((1.0, 2.0), 0.5).spread([7, 100], 512)
    assert narrow.to_json()["offset"] == narrow.offset
    assert Scaling.from_json(narrow.to_json()) == narrow


def test_a_rare_category_is_no_column_of_another_scale():
    spec = table().spec
    rows = np.random.default_rng(0).normal(size=(4000, 11))
    rows[:, 3] = np.arange(4000) == 0
    assert Scales.of(spec, rows, None) is None
    rows[:, 6] *= 0.01
    assert Scales.of(spec, rows, None).smallest == "when, month"
