"""What new users met on real tables, each silent before."""

import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tfsoftmax import DataError, Recipe, SourceOptions, fit, from_frame, load_dataset
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.data.readers.unlabelled import read_unlabelled


def table(n_samples=30):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        generator.normal(size=(n_samples, 3)).round(2), columns=["hp", "wt", "acc"]
    )
    return frame.assign(label=np.where(frame["hp"] > 0, "Driver", "None"))


def load(path, **options):
    return load_dataset(f"csv:{path}", options=SourceOptions(**options))


@pytest.mark.parametrize("word", ["None", "NA", "null"])
def test_a_class_may_be_called_as_what_is_missing_is_and_a_note_says_so(tmp_path, word, caplog):
    frame = table().replace("None", word)
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert set(load(tmp_path / "t.csv").spec.class_names) == {"Driver", word}
    rows = (frame["label"] == word).sum()
    assert f"{rows} rows have the label {word!r}" in caplog.text
    assert set(from_frame(frame).spec.class_names) == {"Driver", word}
    with pytest.raises(DataError, match="label is missing"):
        load(tmp_path / "t.csv", na_values=(word,))


def test_classes_that_differ_in_case_are_noted(tmp_path, caplog):
    frame = table()
    frame.loc[:3, "label"] = "driver "
    frame.to_csv(tmp_path / "t.csv", index=False)
    load(tmp_path / "t.csv")
    assert "are two classes" in caplog.text


@pytest.mark.parametrize("missing", ["error", "mean", "indicator"])
def test_a_row_that_is_cut_short_is_never_filled_in(tmp_path, missing):
    text = table().to_csv(index=False) + "1,3\n"
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match="row 31"):
        load(tmp_path / "t.csv", missing=missing)
    kept = load(tmp_path / "t.csv", missing=missing, bad_rows="skip")
    assert len(kept.train) + len(kept.test) == 30
    (tmp_path / "t.csv").write_text(table().to_csv(index=False))
    spec = fit(load(tmp_path / "t.csv", missing=missing), Recipe(epochs=1, l2=1e-3)).model.spec
    (tmp_path / "new.csv").write_text("hp,wt,acc\n1,2,3\n1,2\n")
    with pytest.raises(DataError, match="row 2"):
        list(read_unlabelled(tmp_path / "new.csv", spec))


def test_a_frame_with_percent_signs_is_read_as_it_was_trained_on():
    frame = table()
    frame["hp"] = [f"{value}%" for value in frame["hp"]]
    model = fit(from_frame(frame), Recipe(epochs=3, l2=1e-3)).model
    plain = frame.assign(hp=[float(text[:-1]) for text in frame["hp"]])
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(plain))


def test_the_label_is_no_feature():
    with pytest.raises(DataError, match="both the label and a feature"):
        from_frame(table(), options=SourceOptions(features=("hp", "label")))


def test_columns_without_a_name_do_not_matter_to_a_model_that_does_not_take_them(tmp_path):
    frame = table()
    model = fit(from_frame(frame), Recipe(epochs=1, l2=1e-3)).model
    frame.assign(**{"": range(30)}).to_csv(tmp_path / "new.csv", index=False)
    (rows,) = read_unlabelled(tmp_path / "new.csv", model.spec)
    np.testing.assert_array_equal(rows, frame[["hp", "wt", "acc"]].to_numpy(np.float32))


@pytest.mark.slow
def test_another_task_in_the_same_folder_is_noted(tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    arguments = [
        "--dataset",
        f"csv:{tmp_path / 't.csv'}",
        "--epochs",
        "1",
        "--l2",
        "1",
        "--tflite",
        "none",
    ]
    arguments += ["--output-dir", str(tmp_path / "out")]
    first = CliRunner().invoke(train_command, arguments)
    again = CliRunner().invoke(train_command, arguments)
    assert first.exit_code == again.exit_code == 0, first.output
    assert "--name" not in first.stderr + again.stderr
    other = CliRunner().invoke(train_command, [*arguments, "--drop", "acc"])
    assert "other examples and features than these data" in other.stderr


@pytest.mark.parametrize("word", ["?", "-", "missing", "#DIV/0!"])
def test_what_stands_for_a_missing_value_can_be_said_as_advised(tmp_path, word):
    frame = table().astype({"hp": str})
    frame.loc[4, "hp"] = word
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="say na_values=") as caught:
        load(tmp_path / "t.csv")
    advised = re.search(r'na_values="(.*?)";', str(caught.value))[1]
    dataset = load(tmp_path / "t.csv", na_values=(advised,), missing="mean")
    features = np.concatenate([dataset.train.features, dataset.test.features])
    assert np.isnan(features).sum() == 1
