"""tfsoftmax explain: a row of a table, and a picture."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, refuse, run

from tfsoftmax import load_predictor
from tfsoftmax.cli.main import main as group


@pytest.mark.parametrize("form", ["all", "all/1/model.tflite"])
def test_a_row_is_explained_by_its_columns_and_words(birds, form):
    arguments = ["explain", birds / "models" / form, birds / "birds.csv", "--row", "3"]
    document = json.loads(run(group, *arguments, "--json").stdout, parse_constant=refuse)
    frame = pd.read_csv(birds / "birds.csv")
    predictor = load_predictor(birds / "models/all")
    (predicted,) = predictor.predict(frame[2:3])
    assert document["predicted"] == document["class"] == predicted
    added = sum(line["contribution"] for line in document["contributions"])
    total = document["baseline"][predicted] + added
    assert total == pytest.approx(document["logits"][predicted], abs=1e-6)
    values = {line["column"]: line["value"] for line in document["contributions"]}
    assert values["island"] == frame["island"][2]
    assert float(values["age"]) == pytest.approx(frame["age"][2])
    odds = np.exp(document["logits"][predicted]) / sum(map(np.exp, document["logits"].values()))
    assert odds == pytest.approx(predictor.predict_proba(frame[2:3]).max(), abs=1e-5)
    lines = run(group, *arguments).stdout.splitlines()
    assert lines[:2] == ["row        3 of 400", f"predicted  {predicted}"]
    assert any(line.startswith("island: ") and line[-1] in "+-" for line in lines)


def test_which_row_is_explained_is_said_where_there_are_more(birds, tmp_path, monkeypatch):
    known, table = birds / "models/all", birds / "birds.csv"
    lines = run(group, "explain", known, table).stdout.splitlines()
    assert lines[0] == "row        1 of 400; --row N explains another"
    # Three cells in a row; the second part of the file is looked at, and no other.
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", 300)
    lines = run(group, "explain", known, table, "--row", "2").stdout.splitlines()
    assert re.fullmatch(r"row        2 of more than \d+", lines[0])
    assert 2 <= int(lines[0].split()[-1]) < 400
    pd.read_csv(table)[:1].to_csv(tmp_path / "one.csv", index=False)
    lines = run(group, "explain", known, tmp_path / "one.csv").stdout.splitlines()
    assert lines[0].startswith("predicted")


def test_a_picture_gets_a_heat_map(model, pictures, tmp_path):
    hint = "heat map   -o FILE.png draws what each pixel adds"
    bare = run(group, "explain", model[0], pictures[0]).stdout
    assert bare.splitlines()[-1] == hint
    logit, added, baseline = map(float, re.findall(r"(?:logit|add|baseline) +([-+.0-9]+)", bare))
    assert logit == pytest.approx(added + baseline, abs=2e-4)
    result = run(group, "explain", model[0], pictures[0], "-o", tmp_path / "heat.png")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")


def test_what_explain_refuses_is_one_line(birds, model, pictures, tmp_path):
    known, table = birds / "models/all", birds / "birds.csv"
    assert_one_line(run(group, "explain", known, table, "--row", "401"), 1, "has 400 rows, so the")
    assert_one_line(run(group, "explain", known, table, "--class", "yung"), 2, "did you mean 'youn")
    assert_one_line(run(group, "explain", known, tmp_path / "x.csv"), 2, "files, found nothing")
    heat = tmp_path / "heat.png"
    assert_one_line(run(group, "explain", known, table, "-o", heat), 2, "takes none")
    assert_one_line(
        run(group, "explain", model[0], pictures[0], "-o", "heat.gif"), 2, "must end in"
    )
    assert_one_line(run(group, "explain", model[0], pictures[0], "--row", "2"), 2, "is one picture")
    assert not heat.exists()
