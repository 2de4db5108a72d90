"""One streamed request for a whole object, instead of one per block.

``ObjectStoragePath.open`` reads ahead in blocks of some megabytes, each a request of its own with nothing on its way
meanwhile. Where the store's fsspec implementation can stream (S3 can), an upload reads several times as fast.
"""

from __future__ import annotations

import io
from typing import IO, Any, cast


def open_stream(path: Any) -> IO[bytes]:
    """Return a stream of the whole object at byte 0, to be read once from beginning to end.

    :param path: an ``ObjectStoragePath``.
    """
    stream = _streamed(path)
    return cast("IO[bytes]", stream if stream is not None else path.open("rb"))


def _streamed(path: Any) -> _Stream | None:
    store = path.fs
    if not getattr(store, "async_impl", False) or getattr(store, "asynchronous", False):
        return None
    from fsspec.asyn import sync

    try:
        file = sync(store.loop, store.open_async, path.path, "rb")
    except NotImplementedError:
        return None
    return _Stream(store.loop, file)


class _Stream(io.RawIOBase):
    """An asynchronous stream of fsspec, read from a thread."""

    def __init__(self, loop: Any, file: Any) -> None:
        self._loop = loop
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, less only at the end: one trip to the store's event loop for all that arrives meanwhile."""
        from fsspec.asyn import sync

        return cast("int", sync(self._loop, self._fill, memoryview(buffer)))

    async def _fill(self, buffer: memoryview) -> int:
        filled = 0
        while filled < len(buffer) and (data := await self._file.read(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def close(self) -> None:
        if not self.closed:
            body = getattr(self._file, "r", None)  # S3: the answer, which is left open by an upload that stops
            if body is not None and hasattr(body, "close"):
                self._loop.call_soon_threadsafe(body.close)
        super().close()
