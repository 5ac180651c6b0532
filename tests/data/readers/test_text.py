"""Text files: a label and a text a line, learned from and asked as texts."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bad_input import assert_one_line_and_nothing_left, cases, file

from tfsoftmax import DataError, ModelError, Recipe, SourceOptions, fit, load_dataset
from tfsoftmax.cli.main import main as group
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.encoded import features_of_cells
from tfsoftmax.data.kinds import KINDS
from tfsoftmax.data.readers.unlabelled import locate_rows, read_unlabelled

WORDS = {"good": ("great", "lovely", "fine"), "bad": ("awful", "poor", "sad")}
ROWS = [
    (label, f"{words[n % 3]} film, {words[(n + 1) % 3]} {n}")
    for n in range(30)
    for label, words in WORDS.items()
]
SMALL = SourceOptions(column=("text=text:1024",))


def written(folder, form="__label__{} {}", rows=ROWS, name="reviews.txt", pack=bytes):
    content = "".join(form.format(*row) + "\n" for row in rows)
    (folder / name).write_bytes(pack(content.encode()))
    return f"text:{folder / name}"


def asked(model_or_spec, path, options=None):
    spec = getattr(model_or_spec, "spec", model_or_spec)
    return list(read_unlabelled(locate_rows(f"text:{path}"), spec, options))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    dataset = load_dataset(written(tmp_path_factory.mktemp("text")), options=SMALL)
    return fit(dataset, Recipe(epochs=10, l2=0.01)).model


@pytest.mark.parametrize("form", ["__label__{} {}", "__label__{}\t{}", "{}\t{}", "\n{}\t{}"])
@pytest.mark.parametrize("limit", [1, 2**30])
def test_each_form_is_one_column_of_texts(tmp_path, form, limit):
    name = written(tmp_path, form, name="r.txt.gz", pack=gzip.compress)
    dataset = load_dataset(name, data_dir=tmp_path / "kept", options=SMALL.but(memory_limit=limit))
    encoding = Encoding((Input("text", "string"),), (Column("text", "text", ("text",), size=1024),))
    assert dataset.spec.encoding == encoding
    assert dataset.spec.class_names == ("bad", "good")
    expected = features_of_cells(encoding, {"text": np.array([text for _, text in ROWS], object)})
    rows = np.concatenate([np.asarray(part.features) for part in (dataset.train, dataset.test)])
    names = np.array(dataset.spec.class_names)
    labels = names[np.concatenate([dataset.train.labels, dataset.test.labels])]
    found = sorted((label, row.tobytes()) for label, row in zip(labels, rows, strict=True))
    truth = zip((label for label, _ in ROWS), expected[:], strict=True)
    assert found == sorted((label, row.tobytes()) for label, row in truth)
    assert set(dataset.test.raw["text"]) <= {text for _, text in ROWS}


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1), min_size=4
    )
)
def test_any_text_is_read_as_it_is(tmp_path_factory, texts):
    texts = [text for text in texts if text.strip() and not text.startswith("__label__")]
    folder = tmp_path_factory.mktemp("any")
    rows = [("ab"[n % 2], text) for n, text in enumerate([*texts, "x", "y", "z", "w"] * 3)]
    dataset = load_dataset(written(folder, rows=rows), options=SMALL)
    kept = set(dataset.train.raw["text"]) | set(dataset.test.raw["text"])
    assert {text.strip() for text in kept} == {text.strip() for _, text in rows}


def test_files_without_labels_are_asked(model, tmp_path):
    texts = ["a lovely day", "poor, sad", "fine film"] * 5
    expected = model.predict({"text": texts})
    assert set(expected) == {"good", "bad"}
    forms = {
        "plain.txt": "{1}\n",
        "marked.txt": "__label__other {1}\n",
        "tabs.txt": "bad\t{1}\n",
    }
    for name, form in forms.items():
        (tmp_path / name).write_text("".join(form.format("", text) for text in texts))
        (rows,) = asked(model, tmp_path / name)
        np.testing.assert_array_equal(model.predict(rows), expected)
    (tmp_path / "latin.txt").write_bytes("fine é\n".encode("latin-1"))
    assert asked(model, tmp_path / "latin.txt", SourceOptions(encoding="latin-1"))


def written_lines(folder, *lines):
    (folder / "lines.txt").write_text("".join(line + "\n" for line in lines))
    return folder / "lines.txt"


def test_what_is_not_certain_is_refused(model, tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("a title\tits text\n")
    with pytest.raises(DataError, match="line 1: 'a title' before the tab is no class"):
        asked(model, path)
    # Whatever the first line is, and a label that is known is left out.
    path.write_text("fine\nbad\tpoor\n")
    (rows,) = asked(model, path)
    np.testing.assert_array_equal(
        rows[:], asked(model, written_lines(tmp_path, "fine", "poor"))[0][:]
    )
    path.write_text("fine\nfoo\tpoor\n")
    with pytest.raises(DataError, match="line 2: 'foo' before the tab is no class"):
        asked(model, path)
    path.write_text("a text\n__label__good fine\n")
    with pytest.raises(DataError, match="line 2: starts with __label__, but the first line"):
        asked(model, path)
    spec = load_dataset("digits").spec
    with pytest.raises(ModelError, match="does not take one column of texts"):
        asked(spec, path)


def test_the_commands_train_on_it_inspect_it_and_predict(tmp_path):
    name = written(tmp_path)
    assert CliRunner().invoke(group, ["inspect", name]).exit_code == 0
    out = [
        "--output-dir",
        str(tmp_path / "out"),
        "--epochs",
        "3",
        "--l2",
        "0.1",
        "--column",
        "text=text:700",
    ]
    arguments = ["train", name.removeprefix("text:"), *out, "--json", "-q"]
    trained = CliRunner().invoke(group, arguments)
    assert trained.exit_code == 0, trained.output
    place = str(tmp_path / "out" / "reviews")
    measured = CliRunner().invoke(group, ["evaluate", place, "--dataset", name, "--json"])
    accuracy = json.loads(trained.stdout)["test"]["accuracy"]
    assert json.loads(measured.stdout)["accuracy"] == accuracy == 1
    (tmp_path / "new.txt").write_text("awful film\nlovely\n")
    found = CliRunner().invoke(group, ["predict", place, f"text:{tmp_path / 'new.txt'}"])
    assert [line.split("\t")[1] for line in found.stdout.splitlines()] == ["bad", "good"]


def test_bad_lines_can_be_left_out(tmp_path):
    rows = [*ROWS[:5], ("x __label__y", "twice"), *ROWS[5:]]
    name = written(tmp_path, rows=rows)
    dataset = load_dataset(name, options=SMALL.but(bad_rows="skip"))
    assert len(dataset.train) + len(dataset.test) == len(ROWS)
    assert dataset.notes.skipped[0].first.startswith("line 6: it has several labels")


def text(content, *options):
    return file("text", "rows.txt", content, *options)


BAD = {
    "no bytes": ("no lines; expected a label and a text", text("")),
    "no labels": ("its first line has no label; expected __label__NAME", text("good day\nbad\n")),
    "a line of another form": ("line 3: expected __label__NAME", text("__label__a b\n\nc\td\n")),
    "no tab": ("line 2: 0 tabs, expected a label, one tab and a text", text("a\tb\nc\n")),
    "more tabs": ("line 1: 2 tabs, .*is read as csv:FILE.tsv", text("a\tb\tc\n")),
    "several labels": ("line 1: it has several labels", text("__label__a __label__b c\n")),
    "no label": ("row 2: the label is missing", text("a\tb\n\tc\n" * 3)),
    "one class": ("one class, 'a'", text("__label__a b\n" * 9)),
    "texts before labels": ("class 'text 1' has one row only", text("text 1\ta\ntext 2\tb\n")),
    "invalid UTF-8": (r"not utf-8 text \(byte 0xff", text(b"__label__a \xff\n")),
    "zero bytes": ("holds zero bytes", text(b"__label__a \0\n")),
    "a text of 10 MB": (
        "row 2, column 'text'",
        text("__label__a b\n__label__b " + "c " * 5_000_000),
    ),
}


@pytest.mark.parametrize("case", cases("text", BAD))
def test_bad_text(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)


def test_the_kind_says_what_the_text_is_unless_an_option_does(tmp_path, monkeypatch):
    row = replace(KINDS["text"], columns=("text=text:32",))
    monkeypatch.setitem(KINDS, "text", row)
    name = written(tmp_path)
    assert load_dataset(name).spec.n_features == 33
    asked_for = load_dataset(name, options=SourceOptions(column="text=text:16"))
    assert asked_for.spec.n_features == 17
