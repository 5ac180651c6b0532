"""Files of TFRecords: where one record ends and the next begins, whatever they hold."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfsoftmax.errors import DataError

_RECORDS_PER_PART = 1024
_BYTES_PER_PART = 2**26
_HEAD_BYTES = 12


def check_frames(file: Path, where: str, limit: int) -> None:
    """Checks the length of every record, which TensorFlow's reader would trust blindly.

    A record is a length (uint64, little endian), its checksum (4 bytes), so many bytes, their
    checksum (4 bytes).

    Args:
      file: of records; a name that ends in ``.gz`` says that it is gzipped.
      where: its name, for messages.
      limit: the most bytes that a record may have.

    Raises:
      DataError: naming the record that promises more than the file holds, or than the limit.
    """
    number, zipped = 1, file.suffix == ".gz"
    try:
        with file.open("rb") as raw:
            stream: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
            size = file.stat().st_size
            while head := stream.read(_HEAD_BYTES):
                here = f"{where}, record {number}"
                length = int.from_bytes(head[:8], "little")
                if len(head) < _HEAD_BYTES or (not zipped and length > size - raw.tell() - 4):
                    raise DataError(f"{here}: damaged, or no TFRecord: the file ends within it")
                if length > limit:
                    raise DataError(f"{here}: {length:,} bytes, more than the memory limit")
                if zipped:
                    _skip(stream, length + 4, here)
                else:
                    raw.seek(length + 4, os.SEEK_CUR)
                number += 1
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{where}: cannot be read: {reason}") from error


def _skip(stream: Any, count: int, here: str) -> None:
    while count:
        found = len(stream.read(min(count, 2**20)))
        if not found:
            raise DataError(f"{here}: damaged, or no TFRecord: the file ends within it")
        count -= found


def parts_of_records(file: Path, where: str) -> Iterator[list[bytes]]:
    """Reads the records of a file, some at a time.

    Args:
      file: whose frames were checked.
      where: its name, for messages.

    Raises:
      DataError: naming the record, from 1, that is damaged.
    """
    import tensorflow as tf

    kind = "GZIP" if file.suffix == ".gz" else ""
    records: list[bytes] = []
    read = size = 0
    try:
        for record in tf.data.TFRecordDataset(str(file), kind).as_numpy_iterator():
            records.append(record)
            size += len(record)
            if len(records) == _RECORDS_PER_PART or size > _BYTES_PER_PART:
                read += len(records)
                yield records
                records, size = [], 0
    except tf.errors.OpError as error:
        reason = re.sub(r"^\{\{.*?\}\} | \[Op:.*", "", str(error.message).splitlines()[0])
        raise DataError(
            f"{where}, record {read + len(records) + 1}: damaged, or no TFRecord ({reason}); write "
            "the file again"
        ) from error
    if records:
        yield records
