"""What each column of a table is taken for, and what can be said of it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import DataError, SourceOptions, UsageError, from_frame

N = 60
INDEX = np.arange(N)
WORDS = np.array(["good", "bad", "red", "white", "wine", "sour", "sweet", "old", "young", "dry"])
LABELS = np.array(["u", "v"])[INDEX % 2]


def frame(**columns):
    return pd.DataFrame({"size": INDEX / 4, "label": LABELS}).assign(**columns)


def words(n_words, n_different=N):
    """Texts of as many words, as many of them different."""
    texts = [" ".join(WORDS[(n >> (3 * at)) % 8] for at in range(n_words)) for n in range(N)]
    return [f"{texts[n % n_different]} {n % n_different}" for n in range(N)]


def column_of(cells, **options):
    dataset = from_frame(frame(cells=cells), options=SourceOptions(**options))
    encoding = dataset.spec.encoding
    if "cells" in dataset.notes.left_out:
        return "left out", None
    if encoding is None:
        return "number", None
    names = [column.name for column in encoding.columns]
    return (
        encoding.columns[names.index("cells")].kind,
        next(each.dtype for each in encoding.inputs if each.name == "cells"),
    )


DAYS = pd.date_range("2020-01-01", periods=N, freq="7h")
# What it is: (the cells, what they are taken for, how a served model takes them).
FOUND = {
    "a few words": (np.array(["Biscoe", "Dream", "Oslo"])[INDEX % 3], "category", "string"),
    "as many rows as twice the words": (
        [f"w{n // 2}" for n in INDEX],
        "category",
        "string",
    ),
    "many words": ([f"w{n % 45}" for n in INDEX], "hashed", "string"),
    "texts that mostly differ": (words(2, 50), "text", "string"),
    "texts that all differ": (words(4), "text", "string"),
    "names that all differ": ([f"Person {n}" for n in INDEX], "left out", None),
    "pandas categories": (pd.Categorical([f"w{n % 45}" for n in INDEX]), "category", "string"),
    "pandas categories of numbers": (pd.Categorical(INDEX % 3), "number", None),
    "days as text": (DAYS.strftime("%Y-%m-%d"), "date", "string"),
    "times as text": (DAYS.strftime("%Y-%m-%dT%H:%M:%S+02:00"), "date", "string"),
    "times": (DAYS, "date", "string"),
    "times of a zone": (DAYS.tz_localize("Europe/Oslo"), "date", "string"),
    "days": ([date(2020, 1, 1 + n % 30) for n in range(N)], "date", "string"),
    "days and missing ones": ([None, *DAYS.strftime("%Y-%m-%d")[1:]], "date", "string"),
    "days written otherwise": (DAYS[INDEX % 20].strftime("%d/%m/%Y"), "category", "string"),
    "words and missing ones": (
        [None, "", *np.array(["a", "b"])[INDEX[2:] % 2]],
        "category",
        "string",
    ),
    "numbers as text": ([f"{n},5" for n in INDEX], "number", None),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_a_column_is_taken_for(what):
    cells, kind, dtype = FOUND[what]
    options = {"decimal": ","} if what == "numbers as text" else {}
    assert column_of(cells, **options) == (kind, dtype)


def test_beside_others_yes_and_no_and_booleans_are_booleans(caplog):
    table = frame(
        yes=np.where(INDEX % 2, "yes", "No"),
        flag=INDEX % 3 == 0,
        some=pd.Series([None, *(INDEX[1:] % 2 == 0)], dtype=object),
        town=np.where(INDEX % 2, "Oslo", "Rome"),
        nothing=np.full(N, np.nan),
    )
    dataset = from_frame(table)
    encoding = dataset.spec.encoding
    assert [(each.name, each.dtype) for each in encoding.inputs] == [
        ("size", "float32"),
        ("yes", "string"),
        ("flag", "float32"),
        ("some", "float32"),
        ("town", "string"),
    ]
    kinds = [column.kind for column in encoding.columns]
    assert kinds == ["number", "boolean", "boolean", "boolean", "category"]
    assert dataset.spec.missing == "indicator"
    assert dataset.notes.columns == (
        "yes: boolean",
        "flag: boolean",
        "some: boolean",
        "town: category of 2",
        "numbers: 'size'",
    )
    assert "left out, as they have no value: 'nothing'" in caplog.text
    assert "missing numbers are taken for the mean" in caplog.text


def test_a_table_of_numbers_is_not_encoded():
    table = frame(yes=np.where(INDEX % 2, "yes", "no"), name=[f"n{n}" for n in INDEX])
    dataset = from_frame(table)
    assert (dataset.spec.encoding, dataset.spec.feature_names) == (None, ("size", "yes"))
    with pytest.raises(DataError, match="the value is missing"):
        from_frame(table.assign(size=[None, *INDEX[1:]]))


SAID = {
    "numbers as a category": (INDEX % 7, "cells=category", "category", "int64"),
    "numbers, some missing, as a category": (
        [None, *INDEX[1:] % 7],
        "cells=category",
        "category",
        "string",
    ),
    "ids as hashed": ([f"n{n}" for n in INDEX], "cells=hashed:64", "hashed", "string"),
    "whole numbers as hashed": (INDEX, "cells=hashed", "hashed", "int64"),
    "words as text": (np.where(INDEX % 2, "a b", "c"), "cells=text:128", "text", "string"),
    "0 and 1 as booleans": (INDEX % 2, "cells=boolean", "boolean", "string"),
    "days in a format": (DAYS.strftime("%d/%m/%Y"), "cells=date:%d/%m/%Y", "date", "string"),
    "texts and numbers": (np.where(INDEX % 3, "1", "u"), "cells=category", "category", "string"),
}


@pytest.mark.parametrize("what", SAID)
def test_what_a_column_is_can_be_said(what):
    cells, said, kind, dtype = SAID[what]
    assert column_of(cells, column=said) == (kind, dtype)


def test_names_of_columns_may_have_any_marks():
    table = frame(**{"a=b": np.where(INDEX % 2, "x", "y"), "c:d": INDEX, "e:f": LABELS})
    options = SourceOptions(column="a=b=category", buckets="c:d:3", cross="a=b:e:f=16")
    columns = from_frame(table, options=options).spec.encoding.columns
    assert [(each.name, each.kind, each.size) for each in columns[1:]] == [
        ("a=b", "category", 0),
        ("c:d", "buckets", 0),
        ("e:f", "category", 0),
        ("a=b:e:f", "cross", 16),
    ]


def test_a_date_in_an_ambiguous_format_is_pointed_out_and_can_be_said(caplog):
    table = frame(day=DAYS[INDEX % 20].strftime("%d/%m/%Y"))
    from_frame(table)
    first = repr(table["day"][0])
    assert f"column 'day': {first} may be a date; then say column=" in caplog.text
    for advised in ("day=date:%d/%m/%Y", "day=date:%m/%d/%Y"):
        assert advised in caplog.text
    asked = from_frame(table, options=SourceOptions(column="day=date:%d/%m/%Y"))
    assert asked.notes.columns[0] == "day: date, in UTC, written as %d/%m/%Y"


MIXED = np.where(INDEX % 3, "1", "u")
REFUSED = {
    "no such column": ({"column": "town=category"}, DataError, "no column 'town'"),
    "nearly such a column": ({"column": "cell=text"}, DataError, "did you mean 'cells'"),
    "no such kind": ({"column": "cells=categry"}, UsageError, "did you mean 'category'"),
    "no kind": ({"column": "cells"}, UsageError, "expected NAME=..., as in island=category"),
    "said twice": ({"column": "cells=text", "buckets": "cells:3"}, UsageError, "said twice"),
    "the label": ({"column": "label=category"}, DataError, "'label' has the classes"),
    "a dropped column": (
        {"column": "size=number", "drop": "size"},
        DataError,
        "'size' is not learned from",
    ),
    "a size of nothing": ({"column": "cells=number:3"}, UsageError, "'3' stands after number"),
    "a size of 0": ({"column": "cells=hashed:0"}, UsageError, "from 1 to 16,777,216"),
    "a zone whose clocks change": (
        {"column": "cells=date:Europe/Zurich"},
        UsageError,
        "the time zone is 'Europe/Zurich'; expected UTC or an offset such as",
    ),
    "such a zone and a format": (
        {"column": "cells=date:Europe/Zurich:%d/%m/%Y"},
        UsageError,
        "the time zone is 'Europe/Zurich'",
    ),
    "no zone": ({"column": "cells=date:+2"}, UsageError, r"the time zone is '\+2'"),
    "no format": ({"column": "cells=date:%q"}, UsageError, "has %q"),
    "a cross of one": ({"cross": "cells"}, UsageError, "joined by ':'"),
    "a cross of numbers": (
        {"cross": "cells:size"},
        DataError,
        r"'size' is a number, and a cross takes categories and booleans.*size=category",
    ),
    "a cross of texts": (
        {"cross": "cells:size", "column": ("cells=text", "size=category")},
        DataError,
        "'cells' is a text",
    ),
    "ranges of texts": ({"buckets": "cells:4"}, DataError, "column 'cells': it is text"),
    "one range": ({"buckets": "size:1"}, UsageError, "2 to 1,000 ranges"),
    "boundaries in disorder": ({"buckets": "size:3,2"}, UsageError, "ascending"),
    "texts said to be numbers": ({"column": "cells=number"}, DataError, "it is text"),
    "words said to be booleans": ({"column": "cells=boolean"}, DataError, "expected yes or no"),
    "words said to be dates": ({"column": "cells=date"}, DataError, "row 0, column 'cells'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_said_of_a_column(what):
    options, error, message = REFUSED[what]
    with pytest.raises(error, match=message) as caught:
        from_frame(frame(cells=np.where(INDEX % 2, "x", "y")), options=SourceOptions(**options))
    assert len(str(caught.value).splitlines()) == 1


def test_a_column_of_numbers_and_texts_is_refused_and_the_advice_helps():
    with pytest.raises(DataError, match=r"column 'cells': .*column=\[\"cells=category\"\]"):
        from_frame(frame(cells=MIXED))
    assert column_of(MIXED, column=("cells=category",))[0] == "category"
    few = ["x", *map(str, INDEX[1:])]
    with pytest.raises(DataError, match=r"row 0, .*'x' is not a number.*\"cells=category\"\]"):
        from_frame(frame(cells=few))
    assert column_of(few, column=("cells=category",))[0] == "category"


@pytest.mark.parametrize("said", [{"buckets": "cells:4"}, {"column": "cells=number"}])
@pytest.mark.parametrize("texts", [words(1), ["x", *map(str, INDEX[1:])]])
def test_texts_said_to_be_numbers_are_refused_and_the_advice_helps(said, texts):
    ((option, value),) = said.items()
    with pytest.raises(DataError) as caught:
        from_frame(frame(cells=texts), options=SourceOptions(**said))
    advice = str(caught.value)
    assert advice.endswith(f'drop=["cells"] in place of {option}=["{value}"]')
    assert 'column=["cells=category"]' in advice
    assert column_of(texts, column="cells=category")[0] == "category"
    without = from_frame(frame(cells=texts), options=SourceOptions(drop="cells"))
    assert without.spec.feature_names == ("size",)


def test_words_beside_yes_and_no_are_refused_and_the_advice_helps():
    cells = np.array(["no", "yes", "maybe"])[INDEX % 3]
    with pytest.raises(DataError, match=r"yes or no.* found 'maybe'.*\"cells=category\"\] or"):
        from_frame(frame(cells=cells, town=WORDS[INDEX % 3]))
    assert column_of(cells, column="cells=category")[0] == "category"
    with pytest.raises(DataError, match=r"drop=.* in place of column=\[\"cells=date\"\]$"):
        from_frame(frame(cells=cells), options=SourceOptions(column="cells=date"))


def test_a_few_numbers_among_many_texts_are_texts():
    cells = ["5", *words(3)[1:]]
    assert column_of(cells) == ("text", "string")


def test_dates_among_which_others_stand_are_refused_and_the_advice_helps():
    cells = [*DAYS.strftime("%Y-%m-%d")[1:], "unknown"]
    with pytest.raises(DataError, match=r"it has \(row 59: 'unknown'\) among dates"):
        from_frame(frame(cells=cells))
    assert column_of(cells, na_values=("unknown",))[0] == "date"
    assert column_of(cells, column=("cells=category",))[0] == "category"
