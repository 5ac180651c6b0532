"""The card of a converted model says what it was converted from, and where it differs."""

import json

import pytest
import sklearn
from support.commands import run
from support.pipelines import fitted

from tfsoftmax import export_model, from_sklearn
from tfsoftmax.cli.main import main
from tfsoftmax.convert.assemble import rows_of

pytestmark = pytest.mark.filterwarnings("ignore:Found unknown categories")


def exported(model, rows, folder):
    return export_model(model, folder, "x", check_on=rows_of(model.spec, rows), formats=[]).path


def card_of(name, folder, compared=False):
    pipeline, rows = fitted(name)
    model = from_sklearn(pipeline, check_on=rows if compared else None)
    path = exported(model, rows, folder)
    return (path / "README.md").read_text("utf-8"), path


def test_it_names_the_steps_and_what_was_found(tmp_path):
    card, path = card_of("table", tmp_path, compared=True)
    steps = "ColumnTransformer(Pipeline(SimpleImputer, StandardScaler), OneHotEncoder)"
    assert f"scikit-learn {sklearn.__version__}:\n`Pipeline({steps}, LogisticRegression)`" in card
    assert "On 400 rows each probability was within " in card
    assert "compared with the converted model" in card
    assert "train" not in card.split("## Artefacts")[0].replace("rows that was trained", "")
    found = json.loads((path / "tfsoftmax.json").read_text("utf-8"))["converted"]
    assert found["compared_rows"] == 400
    assert 0 <= found["max_difference"] < 1e-5


@pytest.mark.slow
def test_it_says_that_nothing_was_compared_and_what_is_answered_otherwise(tmp_path):
    card, _ = card_of("words", tmp_path)
    assert "They were not compared with each other on any rows." in card
    assert "* Step 'tfidfvectorizer' (TfidfVectorizer) refuses a missing text; " in card


@pytest.mark.slow
def test_constants_that_are_filled_in_are_not_said_to_be_means(tmp_path):
    card, _ = card_of("indicators", tmp_path)
    assert "counts as a number that its feature has for it and has a feature of its own" in card
    assert "training rows" not in card
    card, _ = card_of("table of constants", tmp_path)
    assert "| age | number | 1 | counts as 0, and has a feature of its own |" in card
    assert "training rows" not in card


def test_other_weights_are_not_said_to_be_converted(tmp_path, caplog):
    pipeline, rows = fitted("standard of arrays")
    model = from_sklearn(pipeline)
    model.b.assign_add([1.0, 0.0, 0.0])
    path = exported(model, rows, tmp_path)
    assert "W or b has changed since the model was made" in caplog.text
    assert "converted" not in (path / "README.md").read_text("utf-8")


def test_what_it_was_converted_from_is_kept_by_the_next_export(tmp_path):
    pipeline, rows = fitted("standard")
    path = exported(from_sklearn(pipeline), rows, tmp_path)
    table = rows.assign(label=fitted("standard")[0].predict(rows))
    table.to_csv(tmp_path / "wine.csv", index=False)
    options = "--dataset", tmp_path / "wine.csv", "--output-dir", tmp_path / "again"
    result = run(main, "export", path, *options, "--tflite", "none")
    assert result.exit_code == 0, result.stderr
    (again,) = (tmp_path / "again").glob("*/1/README.md")
    assert "`Pipeline(StandardScaler, LogisticRegression)`" in again.read_text("utf-8")
