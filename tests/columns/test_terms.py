"""Terms are found and counted as scikit-learn does it, whatever characters a text has."""

import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer

from tfsoftmax.columns.column import Column, Encoding, Input, Terms
from tfsoftmax.columns.terms import TermCounts

# What all versions of Unicode agree on.
CHARACTERS = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.ucd_3_2_0.category(character) not in ("Cn", "Cs", "Co")
    and not (0x4E00 <= ord(character) <= 0x9FFF or 0xAC00 <= ord(character) <= 0xD7FF)
]


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_character(lowercase):
    texts = [
        " ".join(f"a{each}B{each}" for each in CHARACTERS[start : start + 100])
        for start in range(0, len(CHARACTERS), 100)
    ]
    vectorizer = CountVectorizer(lowercase=lowercase)
    expected = vectorizer.fit_transform(texts)
    terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    assert len(terms) > 10_000
    how = Terms(lowercase=lowercase, norm=None)
    column = Column("x", "terms", ("x",), tuple(terms), terms=how)
    found = TermCounts(column)(tf.constant(texts)).matrix(1 + len(terms))
    assert (found[:, 1:] != expected).nnz == 0
    none = np.asarray(expected.sum(axis=1)).ravel() == 0
    np.testing.assert_array_equal(found[:, 0].toarray().ravel(), none)


def test_they_are_written_and_read():
    how = Terms(False, 1, (1, 2), True, True, (0.5, 2.0), "l1")
    encoding = Encoding(
        (Input("x", "string"),), (Column("x", "terms", ("x",), ("a", "a b"), terms=how),)
    )
    assert Encoding.from_json(encoding.to_json()) == encoding
    assert encoding.feature_name(2) == "x has 'a b'"
    assert encoding.columns[0].in_words == "text, 2 words and sequences of words"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"weights": (1.0,)}, "1 weights of 2 terms"),
        ({"weights": (1.0, float("nan"))}, "2 weights of 2 terms"),
        ({"lengths": (2, 1)}, "terms of 2 to 1 words"),
        ({"norm": "max"}, "no norm"),
    ],
)
def test_what_makes_no_column(changed, reason):
    with pytest.raises(ValueError, match=f"column 'x': {reason}"):
        Column("x", "terms", ("x",), ("a", "b"), terms=Terms(**changed))
