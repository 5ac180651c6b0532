"""Texts as hashed words and pairs, beside scikit-learn's; and what is in no word."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer

from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.columns.row_encoder import bucket_of
from tfsoftmax.data import encoded
from tfsoftmax.data.encoded import features_of_cells

SIZE = 2**20
ENCODING = Encoding((Input("said", "string"),), (Column("said", "text", ("said",), size=SIZE),))
TEXTS = [
    "The cat sat on the mat; the cat slept.",
    "Ein Ärgernis! ÄRGERNIS? ein ärgernis",
    "naïve café — don't stop",
    "नमस्ते दुनिया 42",
    "",
    "?!",
    "one",
    "a b\tc\nd\u00a0e\u3000f",
]


def encode(texts):
    rows = features_of_cells(ENCODING, {"said": np.array(texts, object)})
    return rows.read_sparse([slice(None)])


def test_the_values_are_those_of_scikit_learn():
    found = encode(TEXTS)
    reference = TfidfVectorizer(
        sublinear_tf=True, use_idf=False, ngram_range=(1, 2), token_pattern=r"[^\W_]+"
    )
    plain = [0, 1, 2, 6, 7]  # scikit-learn cuts words at marks on letters
    expected = reference.fit_transform([TEXTS[row] for row in plain])
    buckets = [1 + bucket_of(term, SIZE) for term in reference.get_feature_names_out()]
    assert len(set(buckets)) == len(buckets)
    np.testing.assert_allclose(found[plain][:, buckets].toarray(), expected.toarray(), rtol=1e-6)
    assert found[plain].nnz == expected.nnz


def test_marks_belong_to_their_letters():
    words = [
        1 + bucket_of(term, SIZE) for term in ("नमस्ते", "दुनिया", "42", "नमस्ते दुनिया", "दुनिया 42")
    ]
    assert encode(TEXTS)[[3]].indices.tolist() == sorted(words)


def test_a_text_without_words_has_a_feature_of_its_own():
    found = encode(TEXTS)
    assert found[[4]].indices.tolist() == found[[5]].indices.tolist() == [0]
    np.testing.assert_allclose((found.toarray() ** 2).sum(axis=1), 1, rtol=1e-6)


def test_rows_do_not_depend_on_the_blocks_they_are_read_in(monkeypatch):
    together = encode(TEXTS)
    monkeypatch.setattr(encoded, "_BLOCK_CHARACTERS", 10)
    apart = encode(TEXTS)
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(apart, part), getattr(together, part))
    assert encode([]).shape == (0, 1 + SIZE)


@pytest.mark.parametrize("damaged", [b"\xff good \xfe", b"good\xc3 bad", b"\x00good"])
def test_a_served_model_answers_texts_that_are_damaged(damaged):
    from tfsoftmax.columns.words import text

    found = text(ENCODING.columns[0], tf.constant([damaged])).dense(1 + SIZE).numpy()
    assert np.isfinite(found).all()
    assert found[0, 1 + bucket_of("good", SIZE)] > 0
