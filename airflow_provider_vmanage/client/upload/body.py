"""The body of an upload: multipart of known length, read ahead and hashed on another thread while it is sent.

Memory does not depend on the size of the image: :data:`BLOCKS_AHEAD` blocks of :data:`BLOCK_BYTES` wait between the
reader and the socket. The last block is held back until the whole source has been read and its digest agrees, so the
manager never receives a complete wrong image.
"""

from __future__ import annotations

import io
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeAlias

from airflow_provider_vmanage.client.arguments import quoted_file_name
from airflow_provider_vmanage.client.errors import (
    VManageError,
    VManageSourceError,
)
from airflow_provider_vmanage.client.upload.checksums import Checksum, new_digests
from airflow_provider_vmanage.client.upload.deadline import Deadline
from airflow_provider_vmanage.client.upload.progress import Progress
from airflow_provider_vmanage.client.upload.sources import ImageSource, error_of_source, unreadable

log = logging.getLogger(__name__)

#: bytes of one read
BLOCK_BYTES = 1024 * 1024

#: blocks that wait between the reader and the socket
BLOCKS_AHEAD = 4

#: seconds between two checks, while a source is slow, for a request to stop
_STOP_POLL_S = 0.5

_END = None
_Item: TypeAlias = "memoryview | VManageError | None"


class MultipartImage:
    """One attempt to send an image; iterated once, by ``requests``.

    The part is named ``file`` and typed ``application/x-gzip``, as Cisco's documentation shows it.

    :param source: where the bytes come from.
    :param file_name: name of the image on the manager.
    :param checksum: digest that the source must have.
    :param raise_if_stopped: called before each block; raises if the task has to stop.
    :param deadline: stops a transfer that cannot end in time.
    :param on_sent: called with the SHA-512 once the source is sent, before the few bytes that end the body.
    """

    def __init__(
        self,
        source: ImageSource,
        file_name: str,
        *,
        checksum: Checksum | None = None,
        raise_if_stopped: Callable[[], None] = lambda: None,
        deadline: Deadline | None = None,
        on_sent: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.source = source
        self._deadline = deadline or Deadline()
        self._on_sent = on_sent
        self.sent = 0
        self.sent_on = 0.0  # seconds since 1970, of the last byte
        self.sha512: str | None = None
        self.checksum = checksum
        self._raise_if_stopped = raise_if_stopped
        self._started = False
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{quoted_file_name(file_name)}"\r\nContent-Type: application/x-gzip\r\n\r\n'
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file_name = file_name

    def __len__(self) -> int:
        """Return the length of the whole body in bytes."""
        return len(self._head) + self.source.size + len(self._tail)

    @property
    def complete(self) -> bool:
        """Return whether the last byte was given to the connection."""
        return self.sent == len(self)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Yield the body; a block is valid until the next one is requested.

        :raises VManageChecksumError: before the last block.
        :raises VManageSourceError: the source shrank, grew or was cut off.
        :raises VManageDeadlineError: it cannot end in time.
        :raises VManageCancelledError: ``raise_if_stopped`` raised it.
        """
        if self._started:
            raise VManageSourceError("The body of an upload is sent once: start with a new one")
        self._started = True
        return self._blocks()

    def _blocks(self) -> Iterator[bytes | memoryview]:
        reader = _Reader(self.source, self.checksum, self._raise_if_stopped_or_late)
        progress = Progress(self._file_name, self.source.size)
        try:
            yield from self._count(self._head)
            held: memoryview | None = None
            for block in reader:
                if held is not None:
                    yield from self._count(held)
                    reader.recycle(held)
                    self._advance(progress)
                held = block
            self.sha512 = reader.check()
            yield from self._count(held or b"")
            self._on_sent(self.sha512)  # a kill before the tail costs another transfer, one after it no second copy
            yield from self._count(self._tail)
            self.sent_on = time.time()
            progress.done()
        finally:
            reader.stop()

    def _advance(self, progress: Progress) -> None:
        sent = self.sent - len(self._head)
        progress.update(sent)
        self._deadline.update(sent, self.source.size)

    def _raise_if_stopped_or_late(self) -> None:
        self._raise_if_stopped()
        self._deadline.check(self.sent - len(self._head), self.source.size)

    def _count(self, block: bytes | memoryview) -> Iterator[bytes | memoryview]:
        yield block
        self.sent += len(block)  # only once the connection requests more


class _Reader:
    """Reads the source on one thread and hashes it on another, some blocks ahead, in buffers that are reused.

    The store, the digest and TLS run at the same time: each of them releases the interpreter lock.
    """

    def __init__(self, source: ImageSource, checksum: Checksum | None, raise_if_stopped: Callable[[], None]) -> None:
        self._source = source
        self._checksum = checksum
        self._raise_if_stopped = raise_if_stopped
        self._digests = new_digests(checksum)
        self._read: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._ready: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._free: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        for _ in range(BLOCKS_AHEAD + 3):  # one is being hashed, one is held back, and one is being sent
            self._free.put(memoryview(bytearray(BLOCK_BYTES)))
        self._stopped = threading.Event()
        self._stream: Any = None
        self._threads = [
            threading.Thread(target=work, name=f"vmanage-upload-{name}", daemon=True)
            for name, work in (("reader", self._read_all), ("digest", self._hash_all))
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[memoryview]:
        while (item := self._next()) is not _END:
            if isinstance(item, VManageError):
                raise item
            yield item

    def _next(self) -> _Item:
        while True:
            self._raise_if_stopped()
            try:
                return self._ready.get(timeout=_STOP_POLL_S)
            except queue.Empty:
                continue

    def recycle(self, block: memoryview) -> None:
        """Make the buffer of a sent block available again."""
        whole = block.obj
        self._free.put(memoryview(whole))

    def check(self) -> str:
        """Return the SHA-512 of what was read.

        :raises VManageChecksumError: it does not have the promised digest.
        """
        if self._checksum:
            actual = self._digests[self._checksum.algorithm].hexdigest()
            self._checksum.check(actual, what=self._source.name)
        return self._digests["sha512"].hexdigest()

    def stop(self) -> None:
        """Stop the threads and close the source; a read that hangs is broken off or abandoned."""
        self._stopped.set()
        if self._threads[0].is_alive() and hasattr(self._stream, "break_off"):
            self._stream.break_off()
        self._free.put(None)
        self._read.put(_END)
        for thread in self._threads:
            thread.join(timeout=0.5)

    def _read_all(self) -> None:
        try:
            with self._source.open() as stream:
                self._stream = stream
                for block in read_blocks(stream, self._source, self._take_buffer):
                    self._read.put(block)
            self._read.put(_END)
        except VManageError as err:
            self._read.put(error_of_source(self._source.name, err))
        except Exception as err:  # a store raises whatever its library raises
            log.debug("Reading the source failed", exc_info=True)
            self._read.put(unreadable(self._source.name, err, retryable=True))

    def _hash_all(self) -> None:
        while isinstance(item := self._read.get(), memoryview) and not self._stopped.is_set():
            for digest in self._digests.values():
                digest.update(item)
            self._ready.put(item)
        self._ready.put(item)

    def _take_buffer(self) -> memoryview | None:
        buffer = self._free.get()
        return None if self._stopped.is_set() else buffer


def read_blocks(
    stream: IO[bytes], source: ImageSource, new_buffer: Callable[[], memoryview | None]
) -> Iterator[memoryview]:
    """Yield exactly as many bytes as the source has, each block in its own buffer.

    :param stream: at byte 0.
    :param source: its size and name.
    :param new_buffer: returns the next buffer to fill, or ``None`` to stop early.
    :raises VManageSourceError: there are fewer or more bytes.
    """
    left = source.size
    while left:
        buffer = new_buffer()
        if buffer is None:
            return
        count = _read_into(stream, buffer[: min(len(buffer), left)])
        if not count:
            raise VManageSourceError(
                f"source {source.name!r} ended {left} bytes before its {source.size}: it changed while it was read",
                retryable=True,
            )
        left -= count
        yield buffer[:count]
    if stream.read(1):
        raise VManageSourceError(
            f"source {source.name!r} has more than its {source.size} bytes: it changed while it was read",
            retryable=True,
        )


def _read_into(stream: IO[bytes], buffer: memoryview) -> int:
    """Fill the buffer with one read of the stream; not every store's stream can do that without a copy."""
    if isinstance(stream, io.IOBase) and hasattr(stream, "readinto"):
        return int(stream.readinto(buffer) or 0)
    block = stream.read(len(buffer))
    buffer[: len(block)] = block
    return len(block)


def check_digest(source: ImageSource, checksum: Checksum, raise_if_stopped: Callable[[], None]) -> None:
    """Read the whole source once and check its digest, before anything is deleted for it.

    :raises VManageChecksumError: it does not have the promised digest.
    :raises VManageSourceError: it cannot be read to its end.
    :raises VManageCancelledError: ``raise_if_stopped`` raised it.
    """
    reader = _Reader(source, checksum, raise_if_stopped)
    try:
        for block in reader:
            reader.recycle(block)
        reader.check()
    finally:
        reader.stop()
