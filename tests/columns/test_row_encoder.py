"""Rows encoded without TensorFlow, in Python and JavaScript, are those that graphs encode."""

import json
import math
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from tfsoftmax import Spec
from tfsoftmax.columns import row_encoder
from tfsoftmax.columns.column import Column, Encoding, Input, Terms
from tfsoftmax.columns.row_encoder import encode_row
from tfsoftmax.data.encoded import features_of_cells

SCRIPT = Path(row_encoder.__file__).with_suffix(".js")
PAGE = Path(__file__).parents[2] / "docs/encoding.md"
TERMS = ("zürich", "a1", "a a", "1", "ας")
ENCODING = Encoding(
    (
        Input("x", "float32"),
        Input("flag", "float32"),
        Input("word", "string"),
        Input("name", "string"),
        Input("zip", "int64"),
        Input("day", "string"),
        Input("said", "string"),
    ),
    (
        Column("x", "number", ("x",)),
        Column("flag", "boolean", ("flag",)),
        Column("word", "boolean", ("word",)),
        Column("day", "date", ("day",), time_zone="+02:00"),
        Column("swiss day", "date", ("day",), date_format="%d.%m.%Y (%H:%M)"),
        Column("plain day", "date", ("day",), date_format="%Y%m%d"),
        Column("name", "category", ("name",), vocabulary=("a", "Zürich", "1")),
        Column("zip", "category", ("zip",), vocabulary=("8001", "-7")),
        Column("x", "buckets", ("x",), boundaries=(-1.0, 0.1, 3.0)),
        Column("name hashed", "hashed", ("name",), size=50),
        Column("zip hashed", "hashed", ("zip",), size=50),
        Column("name:zip:flag", "cross", ("name", "zip", "flag"), size=70),
        Column("said", "text", ("said",), size=300),
        Column("said", "terms", ("said",), TERMS, terms=Terms(weights=(2.0, 0.5, 1.5, 1.0, 3.0))),
        Column(
            "terms",
            "terms",
            ("said",),
            TERMS,
            terms=Terms(False, 1, (1, 2), binary=True, norm="l1"),
        ),
        Column(
            "more terms",
            "terms",
            ("said",),
            TERMS,
            terms=Terms(True, 1, (2, 3), sublinear=True, norm=None),
        ),
    ),
)
# What all versions of Unicode agree on.
settled = st.characters(exclude_categories=["Cs", "Cn"]).filter(
    lambda character: unicodedata.ucd_3_2_0.category(character) != "Cn"
)
floats = st.floats(width=32, allow_infinity=False) | st.sampled_from([0.1, -1.0, 3.0, 1e-40])
names = st.sampled_from(["a", " a\t", "Zürich", "1", "", "A", "a1:b"]) | st.text(settled)
days = (
    st.datetimes().map(lambda moment: moment.isoformat())
    | st.datetimes(timezones=st.timezones()).map(lambda m: m.isoformat(timespec="minutes"))
    | st.datetimes().map(lambda moment: f"{moment:%d.%m}.{moment.year} ({moment:%H:%M})")
    | st.dates().map(lambda day: f"{day.year:04}{day:%m%d}")
    | st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-9]{2}(Z|\+23:59)?)?\Z")
    | st.from_regex(r"\A[0-3]?[0-9]\.1?[0-9]\.[0-9]{4} \([0-9]{1,2}:[0-9]{1,2}\)\Z")
    | st.sampled_from(["", "0001-01-01T00:00+12:00", "9999-12-31T23:30Z", "2024-01-01T12:00,5"])
)
rows = st.fixed_dictionaries(
    {
        "x": floats,
        "flag": st.sampled_from([0.0, 1.0, math.nan]),
        "word": st.sampled_from(["Yes", " no ", "TRUE", "false", "1", "0", "", "constructor"]),
        "name": names,
        "zip": st.sampled_from([8001, -7, 0, 2**63 - 1, -(2**63)]),
        "day": days,
        "said": st.text(settled) | st.lists(names | st.sampled_from("ΑΣ, İI!")).map(" ".join),
    }
)


def by_tensorflow(found):
    frame = pd.DataFrame(found)
    cells = {
        each.name: frame[each.name].to_numpy(object if each.dtype == "string" else each.dtype)
        for each in ENCODING.inputs
    }
    return features_of_cells(ENCODING, cells)[:]


def dense(entries):
    row = np.zeros(ENCODING.n_features)
    row[list(entries)] = list(entries.values())
    return row


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(st.lists(rows, min_size=1, max_size=20))
def test_the_graph_encodes_as_plain_python_does(found):
    expected = [dense(encode_row(ENCODING.to_json(), row)) for row in found]
    np.testing.assert_allclose(by_tensorflow(found), expected, rtol=3e-6, atol=1e-7)


def test_missing_cells_in_plain_python_are_those_of_the_graph():
    given = {"zip": 8001}
    cells = {"x": math.nan, "flag": math.nan, "word": "", "name": "", "day": "", "said": ""}
    expected = dense(encode_row(ENCODING.to_json(), given))
    np.testing.assert_array_equal(by_tensorflow([{**cells, **given}])[0], expected)
    assert np.isnan(expected).sum() == 1 + 1 + 1 + 3 * 5


def in_json(row):
    """JSON has no NaN, and JavaScript no whole numbers of 64 bits but BigInt, made from a text."""
    cells = {key: None if value != value else value for key, value in row.items()}
    return {**cells, "zip": str(row["zip"])}


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


@pytest.mark.slow
@needs_node
def test_javascript_encodes_as_python_does(tmp_path):
    found = []

    @hypothesis.settings(max_examples=200, deadline=None, database=None)
    @hypothesis.given(rows)
    def collect(row):
        found.append(row)

    collect()
    encoding = ENCODING.to_json()
    given = {"encoding": encoding, "rows": [in_json(row) for row in found]}
    (tmp_path / "given.json").write_text(json.dumps(given))
    program = (
        f"const {{encodeRow}} = require({json.dumps(str(SCRIPT))});"
        "const given = JSON.parse(require('fs').readFileSync('given.json'));"
        "const all = given.rows.map((row) => [...encodeRow(given.encoding, row)]);"
        "console.log(JSON.stringify(all));"
    )
    result = subprocess.run(
        ["node", "-e", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    for row, entries in zip(found, json.loads(result.stdout), strict=True):
        nan = {index: math.nan if value is None else value for index, value in entries}
        np.testing.assert_allclose(dense(nan), dense(encode_row(encoding, row)), rtol=1e-6)


@pytest.mark.parametrize(
    ("language", "program"),
    [
        pytest.param("python", [sys.executable, "-c"]),
        pytest.param("js", ["node", "-e"], marks=needs_node),
    ],
)
def test_the_programs_in_the_docs_run(language, program, tmp_path):
    (shown,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    encoding = Encoding(
        (Input("island", "string"), Input("body_mass_g", "float32"), Input("sex", "string")),
        (
            Column("body_mass_g", "number", ("body_mass_g",)),
            Column("island", "category", ("island",), vocabulary=("Biscoe", "Dream")),
            Column("sex", "category", ("sex",), vocabulary=("female", "male")),
        ),
    )
    spec = Spec((encoding.n_features,), "float32", ("a", "b"), encoding=encoding)
    (tmp_path / "tfsoftmax.json").write_text(json.dumps({"spec": spec.to_json()}))
    for suffix in (".py", ".js"):
        shutil.copy(SCRIPT.with_suffix(suffix), tmp_path)
    end = "print(json.dumps(row))" if language == "python" else "console.log(JSON.stringify(row))"
    result = subprocess.run([*program, shown + end], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [3750, 0, 0, 0, 1, 1, 0, 0, 0]
