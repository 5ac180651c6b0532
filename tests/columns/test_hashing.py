"""The hash of words is SipHash-2-4 everywhere: the paper's, Python's and the graph's are one."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfsoftmax.columns.categories import hash_of
from tfsoftmax.columns.row_encoder import bucket_of, siphash

# Of the bytes 0, 1, 2, ..., as the authors' reference implementation has them.
VECTORS = {
    0: 0x726FDB47DD0E0E31,
    1: 0x74F839C593DC67FD,
    7: 0xAB0200F58B01D137,
    8: 0x93F5F5799A932462,
    15: 0xA129CA6149BE45E5,
    63: 0x958A324CEB064572,
}
LARGEST = 2**63 - 1
# Append only: models in use depend on them.
GOLDEN = [134705, 97185, 185100, 193820, 155498, 93060]


@pytest.mark.parametrize(("length", "expected"), VECTORS.items())
def test_the_authors_test_vectors(length, expected):
    content = bytes(range(length))
    assert siphash(content) == expected
    assert hash_of(tf.constant([content]), LARGEST).numpy()[0] == expected % LARGEST


def test_buckets_that_models_rely_on():
    texts = ["", "Biscoe", "Zürich", "good morning", "6:Biscoe4:male", "\U0001f427"]
    assert [bucket_of(text, 2**18) for text in texts] == GOLDEN
    assert hash_of(tf.constant(texts), 2**18).numpy().tolist() == GOLDEN


@pytest.mark.slow
def test_100_000_texts():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 12, 100_000)
    points = rng.choice([*range(1, 0x500), *range(0x1F300, 0x1F500)], lengths.sum())
    characters = "".join(map(chr, points))
    ends = np.cumsum(lengths)
    texts = [characters[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    found = hash_of(tf.constant(texts), LARGEST).numpy()
    np.testing.assert_array_equal(found, [bucket_of(text, LARGEST) for text in texts])


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.text(), min_size=1), st.integers(1, LARGEST))
def test_any_unicode(texts, size):
    expected = [bucket_of(text, size) for text in texts]
    assert hash_of(tf.constant(texts, tf.string), size).numpy().tolist() == expected
