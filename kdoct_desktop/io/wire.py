"""Messages between the program and its reading process: JSON, and raw bytes behind it.

A message is a 4-byte little-endian length, that many bytes of JSON, and as many raw bytes as the
JSON's ``bytes`` says. Nothing else crosses: no pickle, no objects.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

PREFIX = struct.Struct("<I")
MAX_JSON = 64 * 1024**2
"""Longest JSON part; the frames of 8,192 B-scans need about a tenth."""

Message = dict[str, Any]


def encode(message: Mapping[str, Any], payload_bytes: int = 0) -> bytes:
    """Prefix and JSON of a message whose raw part, sent after it, has `payload_bytes` bytes."""
    text = json.dumps({**message, "bytes": payload_bytes}, separators=(",", ":")).encode("ascii")
    return PREFIX.pack(len(text)) + text


def decode(text: bytes) -> Message:
    """The JSON part of a message.

    Raises:
        ValueError: It is not a JSON object with a non-negative ``bytes``.
    """
    try:
        message = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(message, dict) or not isinstance(message.get("bytes"), int):
        raise ValueError("not a message")
    if message["bytes"] < 0:
        raise ValueError("negative size")
    return message
