"""Plain JSON values as a short text."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any


def compress_json(value: Any) -> str:
    """Return a plain JSON value as compressed text."""
    text = json.dumps(value, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def expand_json(text: str) -> Any:
    """Return the value that :func:`compress_json` has written.

    :raises ValueError: the text is another one.
    """
    try:
        return json.loads(zlib.decompress(base64.b64decode(text)))
    except zlib.error as err:
        raise ValueError(str(err)) from None
