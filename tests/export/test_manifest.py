"""Every file of a version is under a checksum, and all agree on the names of the classes."""

import json
import os
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

from tfsoftmax import (
    ExportError,
    ModelError,
    SoftmaxRegression,
    Spec,
    UsageError,
    export_model,
    load_predictor,
)
from tfsoftmax.cli.main import main
from tfsoftmax.export.integrity import problems
from tfsoftmax.export.metadata import description_from_bytes

FORMATS = ("float32", "int8", "onnx")


@pytest.fixture(scope="module")
def version(trained, digits, tmp_path_factory):
    return export_model(
        trained,
        tmp_path_factory.mktemp("models"),
        "digits",
        check_on=digits.test.features,
        calibrate_on=digits.train.features,
        formats=FORMATS,
        record={"dataset": {"name": "digits", "options": {}}},
    ).path


@pytest.fixture
def copy(version, tmp_path):
    shutil.copytree(version, tmp_path / "1")
    return tmp_path / "1"


def without_sums(copy):
    (copy / "SHA256SUMS").unlink()


def swapped(path):
    """The description in a file, with the names of classes 3 and 8 exchanged."""
    description = json.loads(path.read_text())
    names = description["spec"]["class_names"]
    names[3], names[8] = names[8], names[3]
    return description


def with_entries(path, change):
    """Rewrites what is attached to a .tflite file, as a zip program would."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
        start = min(info.header_offset for info in archive.infolist())
    path.write_bytes(path.read_bytes()[:start])
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in change(entries).items():
            archive.writestr(name, content)


def test_sha256sum_reads_the_sums_and_they_are_of_every_file(version):
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(command, cwd=version, check=True)
    listed = {line.split("  ")[1] for line in (version / "SHA256SUMS").read_text().splitlines()}
    files = {p.relative_to(version).as_posix() for p in version.rglob("*") if p.is_file()}
    assert files - listed == {"SHA256SUMS"}


@pytest.mark.parametrize(
    ("file", "loaded"),
    [
        ("tfsoftmax.json", ""),
        ("saved_model.pb", ""),
        ("variables/variables.data-00000-of-00001", ""),
        ("assets/labels.txt", ""),
        ("model.tflite", "model.tflite"),
        ("model-int8.tflite", "model-int8.tflite"),
        ("model.onnx", "model.onnx"),
    ],
)
def test_a_changed_file_is_not_loaded(copy, file, loaded):
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(ModelError, match=f"{file} was changed: its SHA-256 is not") as caught:
        load_predictor(copy / loaded)
    assert "\n" not in str(caught.value)
    (copy / file).unlink()
    with pytest.raises(ModelError, match="is missing|no model here|no such file"):
        load_predictor(copy / loaded)


@pytest.mark.parametrize("line", ["no sum", f"{'0' * 64}  ../../etc/passwd", f"{'0' * 64}  /etc"])
def test_sums_that_are_none(copy, line):
    with (copy / "SHA256SUMS").open("a") as sums:
        sums.write(line + "\n")
    for path in (copy, copy / "model.tflite"):
        with pytest.raises(ModelError, match="SHA256SUMS: damaged"):
            load_predictor(path)


def test_files_that_nobody_loads_are_checked_by_verify(copy):
    (copy / "README.md").write_text("The best model of all.")
    (copy / "requests" / "curl.sh").unlink()
    assert problems(load_predictor(copy)) == {
        "README.md": "was changed: its SHA-256 is not the one in SHA256SUMS",
        "requests/curl.sh": "is missing",
    }
    result = CliRunner().invoke(main, ["verify", str(copy), "-q"])
    assert result.exit_code == 1
    assert "Error: README.md: was changed" in result.stderr
    assert "Error: requests/curl.sh: is missing" in result.stderr


def test_folders_of_before_still_load(copy):
    without_sums(copy)
    assert problems(load_predictor(copy)) == {}


def test_class_names_that_disagree_are_named(copy):
    """With no sums in the way, as in folders of before."""
    without_sums(copy)
    description = swapped(copy / "tfsoftmax.json")
    original = (copy / "tfsoftmax.json").read_text()
    (copy / "tfsoftmax.json").write_text(json.dumps(description))
    found = problems(load_predictor(copy))
    says = "calls class 3 '3', tfsoftmax.json '8'"
    files = [
        "saved_model.pb",
        "assets/labels.txt",
        "model.tflite",
        "model-int8.tflite",
        "model.onnx",
    ]
    assert found == dict.fromkeys(files, says)
    (copy / "tfsoftmax.json").write_text(original)
    labels = (copy / "assets" / "labels.txt").read_text()
    (copy / "assets" / "labels.txt").write_text(labels.replace("3\n4\n", "4\n3\n"))
    assert list(problems(load_predictor(copy))) == ["assets/labels.txt"]


def test_the_entries_of_a_lone_tflite_file_are_under_its_checksum(version, tmp_path):
    lone = tmp_path / "lone.tflite"

    def change_labels(entries):
        return {**entries, "labels.txt": entries["labels.txt"].replace(b"3\n4\n", b"4\n3\n")}

    def change_both(entries):
        (tmp_path / "json").write_bytes(entries["tfsoftmax.json"])
        entries = {**entries, "tfsoftmax.json": json.dumps(swapped(tmp_path / "json")).encode()}
        names = json.loads(entries["tfsoftmax.json"])["spec"]["class_names"]
        return {**entries, "labels.txt": "".join(f"{name}\n" for name in names).encode()}

    def drop_labels(entries):
        return {"tfsoftmax.json": entries["tfsoftmax.json"]}

    for change, message in (
        (change_labels, "labels.txt has other class names than tfsoftmax.json"),
        (change_both, "tfsoftmax.json was changed: its checksum does not match"),
        (drop_labels, "attached files are damaged"),
    ):
        shutil.copy(version / "model.tflite", lone)
        with_entries(lone, change)
        with pytest.raises(ModelError, match=message):
            load_predictor(lone)
    shutil.copy(version / "model.tflite", lone)
    with_entries(lone, dict)  # packed anew, and nothing changed
    assert load_predictor(lone).spec.n_classes == 10


def test_no_changed_byte_of_a_lone_onnx_file_changes_answers(version, tmp_path, digits):
    content = (version / "model.onnx").read_bytes()
    generator, loaded = np.random.default_rng(0), 0
    images = digits.test.features[:20].reshape(-1, 8, 8)
    path = tmp_path / "lone.onnx"
    path.write_bytes(content)
    expected = load_predictor(path).probabilities(images)
    for position in generator.integers(len(content), size=250):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            predictor = load_predictor(path)
        except ModelError as error:
            assert "\n" not in str(error)
            continue
        loaded += 1  # the checksum's own name was hit
        np.testing.assert_array_equal(predictor.probabilities(images), expected)
        assert predictor.spec == digits.spec
    assert loaded < 5


def test_damaged_descriptions_are_one_line(copy):
    without_sums(copy)
    path = copy / "tfsoftmax.json"
    content, generator = path.read_bytes(), np.random.default_rng(1)
    good = json.loads(content)
    odd = (None, 7, "text", [], {}, [None], {"name": 3}, {"options": 1}, -1.5, True)
    variants = [json.dumps({**good, key: value}).encode() for key in good for value in odd]
    spec = good["spec"]
    variants += [
        json.dumps({**good, "spec": {**spec, key: value}}).encode() for key in spec for value in odd
    ]
    variants += [json.dumps({k: v for k, v in good.items() if k != key}).encode() for key in good]
    for _ in range(100):
        damaged = bytearray(content)
        damaged[generator.integers(len(content))] ^= 1 << int(generator.integers(8))
        variants.append(bytes(damaged))
    variants += [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000]
    refused, loaded = 0, 0
    for variant in variants:
        try:
            description = description_from_bytes(variant)
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error)
            continue
        if description["spec"] == spec:
            continue
        loaded += 1
        if loaded % 5:
            continue  # loading takes a second
        path.write_bytes(variant)
        try:
            assert load_predictor(copy).spec.example_shape == (8, 8)
        except ModelError as error:
            assert "\n" not in str(error)
    assert refused > 100
    assert loaded >= 10


def test_damaged_entries_of_a_tflite_file_are_one_line(version, tmp_path, digits):
    """Flips in what is attached: no error but ours, and nothing else is read from it."""
    path, content = tmp_path / "lone.tflite", (version / "model.tflite").read_bytes()
    with zipfile.ZipFile(version / "model.tflite") as archive:
        start = min(info.header_offset for info in archive.infolist())
    generator, refused = np.random.default_rng(2), 0
    for position in generator.integers(start, len(content), size=250):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            assert load_predictor(path).spec == digits.spec
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 150


def test_class_names_of_several_lines_agree_with_themselves(tmp_path):
    spec = Spec((4,), "float32", ("one\nline", "two\r\n", ""))
    rows = np.zeros((3, 4), np.float32)
    result = export_model(SoftmaxRegression(spec), tmp_path, "m", check_on=rows)
    assert problems(load_predictor(result.path)) == {}
    assert load_predictor(result.tflite).spec == spec


def test_names_that_are_no_text_are_refused_before_anything_is_written(tmp_path):
    rows = np.zeros((3, 4), np.float32)
    model = SoftmaxRegression(Spec((4,), "float32", ("a", "b")))
    with pytest.raises(UsageError, match="bytes in its name that are no text"):
        export_model(model, tmp_path / os.fsdecode(b"x\xff"), "m", check_on=rows)
    model = SoftmaxRegression(Spec((4,), "float32", ("a", "\ud800")))
    with pytest.raises(ExportError, match="is no text that UTF-8 can write"):
        export_model(model, tmp_path, "m", check_on=rows)
    assert not list(tmp_path.iterdir())


def test_a_record_of_another_kind_is_refused(tmp_path):
    rows = np.zeros((3, 4), np.float32)
    model = SoftmaxRegression(Spec((4,), "float32", ("a", "b")))
    record = {"dataset": {"name": "x"}, "recipe": 3, "history": [], "test": None}
    with pytest.raises(ModelError, match="record of how the model was made is damaged"):
        export_model(model, tmp_path, "m", check_on=rows, record=record)
    assert not list(tmp_path.iterdir())
