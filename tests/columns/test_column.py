"""What describes an encoding: names of features, JSON and back, and what cannot be one."""

import json

import pytest

from tfsoftmax import Spec
from tfsoftmax.columns.column import Column, Encoding, Input

ENCODING = Encoding(
    (Input("age", "float32"), Input("sex", "string"), Input("day", "string")),
    (
        Column("age", "number", ("age",)),
        Column("day", "date", ("day",), time_zone="+02:00", date_format="%d.%m.%Y"),
        Column("age", "buckets", ("age",), boundaries=(18.0, 65.5)),
        Column("sex", "category", ("sex",), vocabulary=("f", "m")),
        Column("day", "hashed", ("day",), size=2),
        Column("sex:day", "cross", ("sex", "day"), size=1),
    ),
)


def test_every_feature_has_a_name():
    names = [ENCODING.feature_name(index) for index in range(ENCODING.n_features)]
    assert names == [
        *("age", "day, year", "day, month", "day, weekday", "day, hour", "day, elapsed days"),
        *("age is missing", "age < 18", "18 <= age < 65.5", "65.5 <= age"),
        *("sex is missing", "sex is unknown", "sex=f", "sex=m"),
        *("day is missing", "day, bucket 0", "day, bucket 1"),
        *("sex:day is missing", "sex:day, bucket 0"),
    ]
    assert ENCODING.numbers == [0, 1, 2, 3, 4, 5]


def test_it_is_the_same_after_json():
    written = json.loads(json.dumps(ENCODING.to_json()))
    assert Encoding.from_json(written) == ENCODING
    spec = Spec((ENCODING.n_features,), "float32", ("a", "b"), encoding=ENCODING)
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("colour", {}, "colour"),
        ("number", {"size": 3}, "number column has no size"),
        ("hashed", {}, "hashed column needs size"),
        ("text", {"size": -5}, "number of buckets is -5"),
        ("text", {"size": 2.5}, "number of buckets is 2.5"),
        ("buckets", {}, "needs boundaries"),
        ("buckets", {"boundaries": (2.0, 1.0)}, "not ascending"),
        ("buckets", {"boundaries": (1.0, float("nan"))}, "not ascending"),
        ("category", {"vocabulary": ("a", "a")}, "twice"),
        ("category", {"vocabulary": ("a ",)}, "'a ' is no category"),
        ("category", {"vocabulary": ("",)}, "'' is no category"),
        ("category", {"vocabulary": (7,)}, "7 is no category"),
        ("cross", {"size": 5}, "cross column cannot be made from"),
        ("date", {"date_format": "%d %B %Y"}, "has %B"),
        ("date", {"time_zone": "Europe/Rome"}, "time zone is 'Europe/Rome'"),
    ],
)
def test_what_is_no_column_is_refused(kind, more, message):
    with pytest.raises(ValueError, match=message):
        Column("x", kind, ("x",), **more)
    lists = {key: list(value) if isinstance(value, tuple) else value for key, value in more.items()}
    with pytest.raises(ValueError, match=message):
        Column.from_json({"name": "x", "kind": kind, "inputs": ["x"], **lists})


@pytest.mark.parametrize(
    ("inputs", "columns", "message"),
    [
        ([("x", "string"), ("x", "string")], [("x", "text", 5)], "inputs of different names"),
        ([("x", "string")], [], "and columns"),
        ([("x", "string")], [("y", "text", 5)], "'y': no such input"),
        ([("x", "float32")], [("x", "text", 5)], "made from 'x', whose type is float32"),
        ([("x", "string")], [("x", "number", 0)], "made from 'x', whose type is string"),
        ([("x", "int64")], [("x", "number", 0)], "made from 'x', whose type is int64"),
        ([("x", "float64")], [("x", "number", 0)], "made from 'x', whose type is float64"),
        ([("x", "string")], [("x", "text", 2**31)], "at most 2,147,483,647"),
        ([("x", "float32"), ("y", "string")], [("x:y", "cross", 5)], "'x' cannot be crossed"),
    ],
)
def test_what_is_no_encoding_is_refused(inputs, columns, message):
    given = {
        "inputs": [{"name": name, "dtype": dtype} for name, dtype in inputs],
        "columns": [
            {"name": name, "kind": kind, "inputs": name.split(":"), "size": size}
            for name, kind, size in columns
        ],
    }
    with pytest.raises(ValueError, match=message):
        Encoding.from_json(given)


@pytest.mark.parametrize("path", [("columns", 3, "vocabulary"), ("columns", 0), ("inputs", 1)])
@pytest.mark.parametrize("damage", [None, 7, "text", {}, [1], {"name": 3, "kind": []}])
def test_a_damaged_file_is_no_encoding(path, damage):
    damaged = json.loads(json.dumps(ENCODING.to_json()))
    inner = damaged
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = damage
    with pytest.raises((KeyError, TypeError, ValueError)):
        Encoding.from_json(damaged)
