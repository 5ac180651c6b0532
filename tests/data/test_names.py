"""What a name stands for: a dataset, a path whose kind it tells, or an error that says the ways."""

import gzip
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.data_files import NUMBERS, WHOLE, csv, npy, npz, parquet_parts, svmlight, tfrecord
from support.idx import write_folder

from tfsoftmax import SourceOptions, UnknownDatasetError, UsageError, from_arrays, load_dataset
from tfsoftmax.data.kinds import KINDS
from tfsoftmax.data.names import kinds_by_name, locate

PROSE = "Nobody knows,\nwhat this is\n"
COMMAS = "width,height,label\n1,2,a\n3,4,b\n"
SPARSE = "# of whom\n1 3:0.5 7:1\n-1\n+1 qid:2 1:1e-3 # so much\n"


def pictures(folder):
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        for shade in range(5):
            Image.new("L", (2, 2), shade).save(folder / name / f"{shade}.PNG")
    return f"images:{folder}"


def idx(folder):
    write_folder(folder)
    return f"idx:{folder}"


def texts(folder):
    (folder / "texts").write_text("__label__a good, fine\n__label__b bad; poor\n" * 9)
    return f"text:{folder / 'texts'}"


MAKERS = {
    "text": texts,
    "csv": csv,
    "parquet": parquet_parts,
    "npz": lambda folder: npz(folder, features=NUMBERS, labels=WHOLE),
    "npy": lambda folder: npy(folder, features=NUMBERS, labels=WHOLE),
    "svmlight": svmlight,
    "images": pictures,
    "tfrecord": tfrecord,
    "idx": idx,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_is_enough_where_it_tells_its_kind(tmp_path, kind):
    folder = tmp_path / "it"
    folder.mkdir()
    name = MAKERS[kind](folder)
    dataset = load_dataset(name.partition(":")[2], data_dir=tmp_path / "kept")
    assert dataset.name == name
    assert dataset.sha256() == load_dataset(name, data_dir=tmp_path / "kept").sha256()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("flowers.csv", "csv"),
        ("FLOWERS.TSV.gz", "csv"),
        ("a.parquet", "parquet"),
        ("x.npy", "npy"),
        ("x.npz", "npz"),
        ("rows.libsvm", "svmlight"),
        ("rows.svm.bz2", "svmlight"),
        ("reviews.ft.txt.gz", "text"),
        ("mnist-train.tfrecord-00000-of-00010", "tfrecord"),
        ("a.tfrecords.gz", "tfrecord"),
        ("a.png", None),
        ("train-images-idx3-ubyte", None),
        ("a.csv.bz2", None),
        ("a.txt", None),
    ],
)
def test_suffixes(name, kind):
    assert [one.name for one in kinds_by_name(name)] == ([kind] if kind else [])


@pytest.mark.parametrize("name", ["rows", "rows.txt", "rows.dat", "a.t"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(("text", "kind"), [(COMMAS, "csv"), (SPARSE, "svmlight")])
def test_the_first_lines_tell_where_the_name_does_not(tmp_path, name, text, kind, pack):
    (tmp_path / name).write_bytes(pack(text.encode()))
    assert locate(str(tmp_path / name)).name == f"{kind}:{tmp_path / name}"


@pytest.mark.parametrize(
    "text",
    [PROSE, "", COMMAS + "no delimiter\n", SPARSE + "1 2\n", "a b c\n1 2 3\n", "\0\1,\2\n"],
    ids=["prose", "empty", "one line not", "one row not", "blanks", "bytes"],
)
def test_lines_that_do_not_all_fit_are_no_answer(tmp_path, text):
    (tmp_path / "it").write_text(text)
    where = str(tmp_path / "it")
    with pytest.raises(UnknownDatasetError, match="say which: ") as caught:
        load_dataset(where)
    for kind, row in KINDS.items():
        assert (f"{kind}:{where}" in str(caught.value)) is (row.takes != "DIR")


def test_several_readings_are_listed_and_none_is_guessed(tmp_path):
    (tmp_path / "text").write_text("1\t3:4 5:6\n")
    np.save(tmp_path / "x.npy", np.eye(3))
    (tmp_path / "a.parquet").touch()
    for place, first, second in ((tmp_path / "text", "csv", "svmlight"),
                                 (tmp_path, "parquet", "npy")):  # fmt: skip
        with pytest.raises(UnknownDatasetError, match=f"which: {first}:{place} or {second}:.*"):
            load_dataset(str(place))


def test_a_folder_of_nothing_known_says_what_folders_can_be(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.npy").touch()
    with pytest.raises(UnknownDatasetError, match="the files in it tell") as caught:
        load_dataset(str(tmp_path))
    assert "svmlight:" not in str(caught.value)
    assert f"images:{tmp_path}" in str(caught.value)


def test_a_picture_alone_is_told_what_pictures_need(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "one.PNG", "PNG")
    with pytest.raises(UnknownDatasetError, match="expected a folder that has a folder of pict"):
        locate(str(tmp_path / "one.PNG"))


def test_a_dataset_comes_before_a_file_of_its_name_and_that_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "cars196", "photos"):
        (tmp_path / name).mkdir()
        npy(tmp_path / name, features=NUMBERS, labels=WHOLE)
    with caplog.at_level(logging.WARNING, "tfsoftmax"):
        assert len(load_dataset("digits").train) == 1437
    assert "Note: digits is the dataset of that name; the file or folder is ./digits" in caplog.text
    assert locate("./digits").name == "npy:./digits"
    assert locate("digits/").kind.name == "npy"
    # TensorFlow Datasets has many that no list of ours holds.
    assert locate("cars196").path is None
    assert locate("photos").name == "npy:photos"


def test_a_file_that_is_not_there_suggests_one_that_is(tmp_path):
    (tmp_path / "flowers.csv").write_text(COMMAS)
    with pytest.raises(UnknownDatasetError, match=r"no such file.* did you mean .*/flowers\.csv\?"):
        load_dataset(str(tmp_path / "flower.csv"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_alone_asks_for_a_path(kind):
    for name in (kind, f"{kind}:"):
        with pytest.raises(UsageError, match=f"{kind}: needs a path, as in {kind}:"):
            load_dataset(name)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("rows.libsvm", "rows"),
        ("svmlight:rows.svm.bz2", "rows"),
        ("csv:data/my flowers.csv.gz", "my-flowers"),
        ("csv:new.dat", "new"),
        ("tfrecord:a.tfrecord-00000-of-00010", "a"),
        ("idx:data/mnist", "idx-mnist"),
        ("images:photos.old", "photos.old"),
        ("emnist/letters", "emnist-letters"),
    ],
)
def test_models_are_called_as_their_data_is(tmp_path, monkeypatch, name, model):
    monkeypatch.chdir(tmp_path)
    Path("rows.libsvm").write_text(SPARSE)
    assert locate(name).model_name == model


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        ({"delimiter": ";"}, "npz:x.npz", "delimiter does not apply to npz; it is for csv"),
        ({"label_column": "y"}, "digits", "label_column does not apply to digits; .*csv, parquet"),
        ({"color": "rgb"}, "csv:x.csv", "color does not apply to csv; it is for images, tfrecord"),
        ({"test_fraction": 0.5}, "idx:x", "test_fraction does not apply to idx"),
        ({"missing": "mean"}, "mnist", "missing does not apply to TensorFlow Datasets"),
    ],
)
def test_an_option_that_has_no_meaning_is_an_error(options, name, message):
    with pytest.raises(UsageError, match=message):
        load_dataset(name, options=SourceOptions(**options))


def test_what_is_in_memory_has_no_column_for_the_label():
    with pytest.raises(UsageError, match="drop does not apply to arrays; it is for csv, parquet"):
        from_arrays(NUMBERS, WHOLE, options=SourceOptions(drop="a"))


def test_defaults_may_be_said_of_any_kind():
    options = SourceOptions(header=True, missing="error", memory_limit=10**6)
    assert len(load_dataset("digits", options=options).train) == 1437


def test_every_option_is_understood_by_some_kind_and_no_other_is():
    understood = {name for kind in KINDS.values() for name in kind.options}
    assert understood == set(SourceOptions.__dataclass_fields__)


def test_a_path_object_is_a_path(tmp_path):
    (tmp_path / "flowers.csv").write_text(COMMAS + "5,6,a\n7,8,b\n" * 5)
    by_object = load_dataset(tmp_path / "flowers.csv")
    assert by_object.sha256() == load_dataset(str(tmp_path / "flowers.csv")).sha256()


def test_what_is_not_a_name_says_what_makes_a_dataset_of_it():
    with pytest.raises(UsageError, match=r"not DataFrame: from_frame\(frame\) makes"):
        load_dataset(pd.DataFrame({"a": [1.0]}))
