"""The body of an upload: its form, its length, what is held back, and how it ends."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from itertools import islice
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageChecksumError,
    VManageSourceError,
)
from airflow_provider_vmanage.client.upload import body as upload
from airflow_provider_vmanage.client.upload.body import MultipartImage, check_digest
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.sources import ImageSource

SMALL = 64
SIZES = (1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL, 40 * SMALL + 7)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    assert [one.name for one in threading.enumerate() if one.name == "vmanage-upload-reader"] == []


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "BLOCK_BYTES", SMALL)


def bytes_of(size: int) -> bytes:
    return bytes(i * 7 % 251 for i in range(size))


def source_of(content: bytes, *, size: int | None = None) -> ImageSource:
    return ImageSource("image", len(content) if size is None else size, lambda: io.BytesIO(content))


def checksum_of(content: bytes, algorithm: str = "sha512") -> Checksum:
    return Checksum(algorithm, hashlib.new(algorithm, content).hexdigest())


def read(body: MultipartImage) -> bytes:
    return b"".join(bytes(piece) for piece in body)


class Stream(io.BytesIO):
    """Content that may fail, or wait, once a number of bytes is read."""

    def __init__(self, content: bytes, *, at: int, then: Callable[[], Any]) -> None:
        super().__init__(content)
        self._at, self._then = at, then

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self._at:
            self._then()
        return super().read(size)

    def readinto(self, buffer: Any, /) -> int:
        if self.tell() >= self._at:
            self._then()
        return super().readinto(buffer)


def break_off() -> None:
    raise ConnectionResetError("store unavailable")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", SIZES)
def test_body_is_one_part_of_known_length(size: int) -> None:
    content = bytes_of(size)
    body = MultipartImage(source_of(content), "a.tar.gz")

    raw = read(body)

    assert len(raw) == len(body) == body.sent
    assert body.complete
    message = BytesParser().parsebytes(f"Content-Type: {body.content_type}\r\n\r\n".encode() + raw)
    (part,) = message.get_payload()
    assert part["Content-Disposition"] == 'form-data; name="file"; filename="a.tar.gz"'
    assert part["Content-Type"] == "application/x-gzip"
    # The parser takes any line end for the line end, so the bytes themselves are compared.
    head, _, rest = raw.partition(b"\r\n\r\n")
    boundary = head.split(b"\r\n")[0]
    assert rest == content + b"\r\n" + boundary + b"--\r\n"
    assert body.sha512 == hashlib.sha512(content).hexdigest()


def test_each_body_has_a_boundary_of_its_own() -> None:
    one, other = (MultipartImage(source_of(b"x"), "a.bin").content_type for _ in range(2))
    assert one.startswith("multipart/form-data; boundary=")
    assert one != other


def test_body_is_never_read_twice() -> None:
    body = MultipartImage(source_of(b"x"), "a.bin")
    read(body)
    with pytest.raises(VManageSourceError, match="sent once"):
        iter(body)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5"])
@pytest.mark.parametrize("size", SIZES)
def test_last_block_leaves_only_where_the_checksum_agrees(algorithm: str, size: int) -> None:
    content = bytes_of(size)
    assert read(MultipartImage(source_of(content), "a", checksum=checksum_of(content, algorithm)))

    wrong = checksum_of(content + b"!", algorithm)
    body = MultipartImage(source_of(content), "a", checksum=wrong)
    pieces = []
    with pytest.raises(VManageChecksumError) as caught:
        pieces.extend(bytes(piece) for piece in body)

    last = size % SMALL or SMALL
    assert sum(map(len, pieces[1:])) == size - last
    assert not body.complete
    assert body.sha512 is None
    assert (caught.value.algorithm, caught.value.expected) == (algorithm, wrong.digest)
    assert caught.value.actual == checksum_of(content, algorithm).digest
    assert not caught.value.retryable


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("announced", SIZES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[:-1], "ended 1 bytes before"),
        (lambda content: b"", "ended .* bytes before"),
        (lambda content: content + b"!", "has more than its"),
    ],
)
def test_source_that_changes_size_never_sends_its_last_block(
    announced: int, change: Callable[[bytes], bytes], words: str
) -> None:
    body = MultipartImage(source_of(change(bytes_of(announced)), size=announced), "a")
    pieces = []
    with pytest.raises(VManageSourceError, match=words) as caught:
        pieces.extend(bytes(piece) for piece in body)
    assert caught.value.retryable
    assert sum(map(len, pieces[1:])) <= announced - (announced % SMALL or SMALL)


def test_source_that_is_cut_off_gives_the_reason() -> None:
    source = ImageSource(
        "s3://b/k", 3 * upload.BLOCK_BYTES, lambda: Stream(b"x" * 3 * upload.BLOCK_BYTES, at=1, then=break_off)
    )
    with pytest.raises(VManageSourceError, match=r"'s3://b/k' cannot be read \(store unavailable\)") as caught:
        read(MultipartImage(source, "a"))
    assert caught.value.retryable


def test_source_that_cannot_be_opened_sends_no_byte() -> None:
    body = MultipartImage(ImageSource("gone", 9, break_off), "a")  # type: ignore[arg-type]
    with pytest.raises(VManageSourceError, match="'gone'"):
        read(body)
    assert body.sent < len(body) - 9


class Plain:
    """A stream that only has ``read`` and a context, as Airflow's object storage gives."""

    def __init__(self, content: bytes) -> None:
        self._stream = io.BytesIO(content)
        self.closed = False

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, 10))

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


@pytest.mark.usefixtures("small_blocks")
def test_slow_stream_is_sent_whole_and_closed() -> None:
    content = bytes_of(300)
    stream = Plain(content)
    body = MultipartImage(ImageSource("image", 300, lambda: stream), "a")  # type: ignore[arg-type,return-value]
    assert content in read(body)
    assert stream.closed


@pytest.mark.usefixtures("small_blocks")
def test_reader_stays_few_blocks_ahead_of_a_slow_network() -> None:
    far_ahead = threading.Event()
    limit = (upload.BLOCKS_AHEAD + 4) * SMALL
    source = ImageSource("image", 100 * SMALL, lambda: Stream(b"x" * 100 * SMALL, at=limit, then=far_ahead.set))
    blocks = iter(MultipartImage(source, "a"))
    list(islice(blocks, 2))
    assert not far_ahead.wait(0.3)
    list(islice(blocks, 20))
    assert far_ahead.wait(5)
    blocks.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("small_blocks")
def test_transfer_that_ends_early_closes_the_source() -> None:
    stream = io.BytesIO(b"x" * 1000 * SMALL)
    blocks = iter(MultipartImage(ImageSource("image", 1000 * SMALL, lambda: stream), "a"))
    list(islice(blocks, 3))
    blocks.close()  # type: ignore[attr-defined]
    assert stream.closed


def test_stopped_reader_does_not_fill_what_is_still_free() -> None:
    """A slow store must not be asked for six more blocks that are not needed."""
    asked, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def wait() -> None:
        asked.release()
        assert go_on.acquire(timeout=5)

    stream = Stream(b"x" * 50 * upload.BLOCK_BYTES, at=upload.BLOCK_BYTES, then=wait)
    blocks = iter(MultipartImage(ImageSource("image", 50 * upload.BLOCK_BYTES, lambda: stream), "a"))
    next(blocks)
    assert asked.acquire(timeout=5)  # the second block is being read
    ender = threading.Thread(target=blocks.close)  # type: ignore[attr-defined]
    ender.start()
    go_on.release()
    ender.join(timeout=5)
    assert not asked.acquire(blocking=False)
    assert stream.closed


class Stop:
    """Stops a body once ``requested`` is set."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> None:
        if self.requested:
            raise VManageCancelledError("Stopped")


@pytest.mark.usefixtures("small_blocks")
def test_stop_request_stops_before_the_next_block() -> None:
    stop = Stop()
    blocks = iter(MultipartImage(source_of(bytes_of(100 * SMALL)), "a", raise_if_stopped=stop))
    list(islice(blocks, 3))
    stop.requested = True
    with pytest.raises(VManageCancelledError):
        list(islice(blocks, 2))


@pytest.mark.parametrize("take", ["send", "digest"])
def test_source_that_hangs_can_be_stopped(take: str) -> None:
    stop, hangs, release = Stop(), threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        release.wait(10)

    source = ImageSource("image", 100, lambda: Stream(b"x" * 100, at=0, then=hang))
    ended: list[BaseException] = []

    def run() -> None:
        try:
            if take == "send":
                read(MultipartImage(source, "a", raise_if_stopped=stop))
            else:
                check_digest(source, checksum_of(b"x" * 100), stop)
        except VManageCancelledError as err:
            ended.append(err)

    worker = threading.Thread(target=run)
    worker.start()
    assert hangs.wait(5)
    stop.requested = True
    worker.join(2.5)
    release.set()
    assert len(ended) == 1
    for one in threading.enumerate():
        if one.name == "vmanage-upload-reader":
            one.join(5)
