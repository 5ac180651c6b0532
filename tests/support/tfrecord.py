"""TFRecord files made by hand for tests."""

import struct


def crc32c(content):
    """CRC-32C, Castagnoli's, by its definition (RFC 3720, appendix B.4)."""
    remainder = 0xFFFFFFFF
    for byte in content:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def framed(content, length=None):
    """A record as TFRecord files have it: length, its masked checksum, content, its own."""

    def masked(part):
        crc = crc32c(part)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    head = struct.pack("<Q", len(content) if length is None else length)
    return head + masked(head) + content + masked(content)


def example(**features):
    """A tf.Example message, encoded by hand after example.proto and feature.proto."""

    def field(number, content):
        return bytes([number << 3 | 2]) + varint(len(content)) + content

    def varint(number):
        number &= 2**64 - 1
        found = b""
        while number > 127:
            found, number = found + bytes([number & 127 | 128]), number >> 7
        return found + bytes([number])

    def feature(values):
        if all(isinstance(value, bytes) for value in values):
            return field(1, b"".join(field(1, value) for value in values))
        if all(isinstance(value, int) for value in values):
            return field(3, field(1, b"".join(map(varint, values))))
        return field(2, field(1, struct.pack(f"<{len(values)}f", *values)))

    entries = (
        field(1, field(1, name.encode()) + field(2, feature(values)))
        for name, values in features.items()
    )
    return field(1, b"".join(entries))


RECORDS = [example(features=[float(n), n * 0.5], label=[n % 2]) for n in range(10)]
