"""Labelled rows that a model is only measured on: what training needs, they may lack."""

import numpy as np
import pytest
from PIL import Image

from tfsoftmax import RECIPES, DataError, SourceOptions, Spec, UsageError, fit, load_dataset

_MODEL = Spec((3,), "float32", ("no", "yes"), feature_names=("a", "b", "c"))


def measured(name, folder, model=_MODEL, **how):
    return load_dataset(name, data_dir=folder, options=SourceOptions(**how), model=model)


def test_a_table_of_one_class_is_all_test_rows(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a,b,c,label\n1,2,3,yes\n4,5,6,yes\n")
    with pytest.raises(DataError, match="of one class"):
        load_dataset(f"csv:{path}", data_dir=tmp_path)
    found = measured(f"csv:{path}", tmp_path)
    assert (found.spec.class_names, len(found.train)) == (("yes",), 0)
    assert found.test.features.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_single_row_will_do_and_so_do_classes_of_one_row(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("a,b,c,label\n1,2,3,yes\n")
    assert len(measured(f"csv:{path}", tmp_path).test) == 1
    path.write_text("a,b,c,label\n1,2,3,yes\n4,5,6,no\n7,8,9,no\n")
    found = measured(f"csv:{path}", tmp_path)
    assert found.test.labels.tolist() == [1, 0, 0]


def test_rows_beyond_the_memory_limit_are_read_the_same(tmp_path):
    path = tmp_path / "many.csv"
    path.write_text("a,b,c,label\n" + "1,2,3,yes\n" * 100)
    found = measured(f"csv:{path}", tmp_path, memory_limit=64)
    assert (len(found.train), len(found.test)) == (0, 100)


def test_rows_that_could_be_trained_on_are_split_as_for_training(tmp_path):
    """So that a model's own data has the same checksum."""
    path = tmp_path / "own.csv"
    path.write_text("a,b,c,label\n" + "".join(f"{n},2,3,{'yn'[n % 2]}\n" for n in range(20)))
    trained = load_dataset(f"csv:{path}", data_dir=tmp_path)
    assert measured(f"csv:{path}", tmp_path).sha256() == trained.sha256()


def test_nothing_is_trained_on_them(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a,b,c,label\n1,2,3,yes\n")
    with pytest.raises(UsageError, match="to measure a model on; load it without `model`"):
        fit(measured(f"csv:{path}", tmp_path), RECIPES["default"])


def test_svmlight_rows_may_leave_out_the_last_features(tmp_path):
    path = tmp_path / "short.svm"
    path.write_text("1 1:5\n1 2:7\n")
    spec = Spec((4,), "float32", ("0", "1"))
    found = measured(f"svmlight:{path}", tmp_path, spec)
    assert found.test.features.tolist() == [[5, 0, 0, 0], [0, 7, 0, 0]]
    wide = Spec((300_000,), "float32", ("0", "1"))
    assert measured(f"svmlight:{path}", tmp_path, wide).spec.n_features == 300_000


def test_pictures_of_one_class_with_test_rows_of_another(tmp_path):
    for place in ("train/cat", "test/dog"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("L", (3, 3)).save(tmp_path / place / "one.png")
    spec = Spec((3, 3), "uint8", ("cat", "dog"), (0, 255))
    found = measured(f"images:{tmp_path}", tmp_path / "kept", spec)
    assert found.train.labels.tolist() == [0]
    assert found.test.labels.tolist() == [1]


def test_mnists_files_may_hold_one_class(tmp_path):
    for prefix in ("train", "t10k"):
        head = np.array([0x803, 2, 3, 3], ">u4").tobytes()
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(head + bytes(18))
        head = np.array([0x801, 2], ">u4").tobytes()
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(head + bytes(2))
    spec = Spec((3, 3), "uint8", tuple("0123456789"), (0, 255))
    assert measured(f"idx:{tmp_path}", tmp_path, spec).spec.class_names == ("0",)


def test_a_missing_value_asks_for_another_model_not_for_an_option(tmp_path):
    """--missing mean changes nothing about a model that does not fill in values."""
    (tmp_path / "gap.csv").write_text("a,b,label\n1,2,x\n,3,y\n4,5,x\n")
    spec = Spec((2,), "float32", ("x", "y"), feature_names=("a", "b"))
    advice = "row 2, column 'a': the value is missing; fill it in, or train the model again with"
    with pytest.raises(DataError, match=advice):
        load_dataset(f"csv:{tmp_path / 'gap.csv'}", model=spec)
