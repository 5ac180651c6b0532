"""The hash of words and categories: SipHash-2-4, which every language has."""

from __future__ import annotations

import struct
from collections.abc import Iterable

# The key of the test vectors in the paper: the bytes 0 to 15, as two little-endian numbers.
HASH_KEY = struct.unpack("<QQ", bytes(range(16)))
_MASK = 2**64 - 1
_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def siphash(content: bytes) -> int:
    """SipHash-2-4 with `HASH_KEY`, an unsigned number of 64 bits.

    It is the reference for whoever has to hash outside of TensorFlow; inside it is
    ``tf.strings.to_hash_bucket_strong(texts, size, HASH_KEY)``.

    Reference: Aumasson and Bernstein, SipHash: a fast short-input PRF (INDOCRYPT 2012).

    >>> hex(siphash(bytes(range(15))))
    '0xa129ca6149be45e5'
    """
    v0, v1, v2, v3 = (
        start ^ key for start, key in zip(_START, (*HASH_KEY, *HASH_KEY), strict=True)
    )
    padded = content + bytes(7 - len(content) % 8) + bytes([len(content) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v3 ^= word
        v0, v1, v2, v3 = _rounds(2, v0, v1, v2, v3)
        v0 ^= word
    v0, v1, v2, v3 = _rounds(4, v0, v1, v2 ^ 0xFF, v3)
    return v0 ^ v1 ^ v2 ^ v3


def bucket_of(text: str, size: int) -> int:
    """The hash bucket of a text, of `size` buckets.

    >>> bucket_of("Biscoe", 1000)
    121
    """
    return siphash(text.encode("utf-8")) % size


def _rounds(count: int, v0: int, v1: int, v2: int, v3: int) -> Iterable[int]:
    for _ in range(count):
        v0 = (v0 + v1) & _MASK
        v1 = _rotated(v1, 13) ^ v0
        v0 = _rotated(v0, 32)
        v2 = (v2 + v3) & _MASK
        v3 = _rotated(v3, 16) ^ v2
        v0 = (v0 + v3) & _MASK
        v3 = _rotated(v3, 21) ^ v0
        v2 = (v2 + v1) & _MASK
        v1 = _rotated(v1, 17) ^ v2
        v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


def _rotated(number: int, bits: int) -> int:
    return ((number << bits) | (number >> (64 - bits))) & _MASK
