"""Published lists of digests: which digest a file gets, and which list is refused."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.upload.checksum_lists import find_checksum
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import UploadImageOperator
from airflow_provider_vmanage.simulator import Simulator

MD5, SHA256, SHA512 = "0b" * 16, "1c" * 32, "2d" * 64
OTHER = "3e" * 64
NAME = "vmanage-20.12.4-x86_64.tar.gz"


def found(text: str | bytes, name: str = NAME) -> str:
    """What a list says of the file, as a user would write it."""
    content = text if isinstance(text, bytes) else text.encode()
    checksum = find_checksum(io.BytesIO(content), name, list_name="list")
    return f"{checksum.algorithm}:{checksum.digest}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{SHA512}  {NAME}", f"sha512:{SHA512}"),
        (f"{SHA512} *{NAME}", f"sha512:{SHA512}"),  # sha512sum --binary
        (f"{SHA512} {NAME}", f"sha512:{SHA512}"),  # BSD's md5 -r, which sha512sum -c takes too
        (f"{SHA512}  ./{NAME}", f"sha512:{SHA512}"),
        (f"{SHA512} *./{NAME}", f"sha512:{SHA512}"),
        (f"{SHA512.upper()}  {NAME}", f"sha512:{SHA512}"),
        (f"{SHA256}  {NAME}", f"sha256:{SHA256}"),
        (f"{MD5}  {NAME}", f"md5:{MD5}"),
        (f"SHA512 ({NAME}) = {SHA512}", f"sha512:{SHA512}"),  # --tag, and BSD
        (f"SHA256 ({NAME}) = {SHA256.upper()}", f"sha256:{SHA256}"),
        (f"MD5 (./{NAME}) = {MD5}", f"md5:{MD5}"),
        (f"SHA512({NAME})= {SHA512}", f"sha512:{SHA512}"),  # openssl dgst 1.1
        (f"SHA2-256({NAME})= {SHA256}", f"sha256:{SHA256}"),  # openssl dgst 3
    ],
)
def test_line_of_a_digest_tool_is_understood(line: str, expected: str) -> None:
    others = f"{OTHER}  a{NAME}\n{OTHER}  {NAME}.sig\n{OTHER}  {NAME.upper()}\n"
    for start, end in product(("", "\ufeff", "\n\n", "# published 2026-01-31\n"), ("", "\n", "\r\n")):
        assert found(f"{start}{line}{end}") == expected
        assert found(f"{start}{others}{line}{end}") == expected


@pytest.mark.parametrize(
    "header",
    [
        "File Name{0}MD5 Checksum{0}SHA512 Checksum",
        "FILENAME{0}MD5{0}SHA512",
        "file_name{0}md5_checksum{0}sha512_checksum",
        "File-Name{0}MD5-Sum{0}SHA-512 Sum",
        "Image Name{0}MD5 Hash{0}SHA 512 Hash",
        "IMAGE{0}md5sum{0}sha512sum",
        '"File Name"{0}"MD5 Checksum"{0}"SHA512 Checksum"',
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_strongest_digest_of_a_csv_wins(header: str, delimiter: str) -> None:
    rows = [("a" + NAME, MD5, OTHER), (NAME, MD5, SHA512.upper()), (NAME + ".sig", MD5, OTHER), ("short",)]
    for start, end, quote in product(("", "\ufeff"), ("\n", "\r\n"), ("", '"')):
        lines = [header.format(delimiter), *(delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)]
        assert found(start + end.join([*lines, ""])) == f"sha512:{SHA512}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"File Name,Size,MD5\n{NAME},5,{MD5}\n", f"md5:{MD5}"),
        (f"MD5,SHA256,File Name\n{MD5},{SHA256},{NAME}\n", f"sha256:{SHA256}"),
        (f"File Name,MD5,SHA512\n{NAME},{MD5},\n", f"md5:{MD5}"),
        (f"File Name,MD5,SHA512\n{NAME},{MD5}\n", f"md5:{MD5}"),  # the empty end of a row is left out
        (f"File Name,MD5,SHA512\n{NAME},n/a,{SHA512}\n", f"sha512:{SHA512}"),
        (f"File Name,MD5,SHA512\n {NAME} , {MD5} , {SHA512} \n", f"sha512:{SHA512}"),
        (f"Name,Image Name,MD5\nvManage 20.12,{NAME},{MD5}\n", f"md5:{MD5}"),  # a product's name is not the file's
        (f"File,File Name,MD5\n1,{NAME},{MD5}\n", f"md5:{MD5}"),
        (f'File Name,Notes,MD5\n{NAME},"one, ""two""\nthree",{MD5}\n', f"md5:{MD5}"),
        (f"# vendor\n\nFile Name,MD5\n{NAME},{MD5}\n", f"md5:{MD5}"),
        (f"{OTHER}  other\n{MD5}  {NAME}\n{SHA512}  {NAME}\n{SHA256}  {NAME}\n", f"sha512:{SHA512}"),
        (f"{SHA512}  {NAME}\n{SHA512.upper()} *./{NAME}\n", f"sha512:{SHA512}"),  # listed twice, and the same
        (f"{'ab' * 20}  {NAME}\n{SHA512}  {NAME}\n", f"sha512:{SHA512}"),  # SHA-1 and others are passed over
        (f"SHA1 ({NAME}) = {'ab' * 20}\nSHA512 ({NAME}) = {SHA512}\n", f"sha512:{SHA512}"),
    ],
)
def test_strongest_digest_that_is_listed_counts(text: str, expected: str) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("name", ["a.bin", "größe-日本.bin", "a,b.bin", "a b.bin", "(a) = b.bin", "a.bin.sig"])
def test_odd_names_are_found_exactly(name: str) -> None:
    assert found(f"{SHA512}  {name}\n", name) == f"sha512:{SHA512}"
    assert found(f"SHA512 ({name}) = {SHA512}\n", name) == f"sha512:{SHA512}"
    assert found(f'File Name,SHA512\n"{name}",{SHA512}\n', name) == f"sha512:{SHA512}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{SHA512}  a{NAME}\n{SHA512}  {NAME}a\n{SHA512}  sub/{NAME}\n{SHA512}  {NAME.upper()}\n", "does not list"),
        (f"File Name,MD5\na{NAME},{MD5}\n", "does not list"),
        (f"File Name,MD5\n{NAME},\n{NAME},not-hex\n{NAME},{MD5[:-1]}\n", "does not list"),
        (f"SHA512 ({NAME}) = {MD5}\nMD5 (other) = {MD5}\n", "does not list"),  # cut short, it is no MD5
        (f"{SHA512}  {NAME}\n{OTHER}  {NAME}\n", "has 2 different sha512 digests"),
        (f"File Name,SHA512\n{NAME},{SHA512}\n{NAME},{OTHER}\n", "has 2 different sha512 digests"),
        ("", "has neither sha512sum lines nor a CSV header"),
        ("\n# nothing\n", "has neither sha512sum lines nor a CSV header"),
        ("<html><body>Log in</body></html>\n", "has neither sha512sum lines nor a CSV header"),
        (f"{SHA512}\n", "has neither sha512sum lines nor a CSV header"),  # a digest without a name
        (b"\0" * 200_000, "has a line longer than 65536 characters"),
        (b"\x1f\x8b\x08\0,\0\n" + b"\xfe" * 900, "has the columns|line contains NUL"),  # the latter on Python 3.10
        (",".join(["x"] * 9000), "has the columns"),
        (f"{NAME},{MD5}\n", f"has the columns .*{MD5}"),  # no header
        ("Release,MD5\n20.12,x\n", "has the columns release, md5: it needs one for the file name"),
        (f"File Name,Size\n{NAME},5\n", "it needs .* one of sha512, sha256, md5"),
        (f'File Name,MD5\n"never closed,{MD5}\n' + "x\n" * 200_000, "cannot be read as CSV"),
    ],
)
def test_list_without_exactly_one_digest_is_refused(text: str | bytes, words: str) -> None:
    with pytest.raises(VManageConfigurationError, match=words) as caught:
        found(text)
    assert caught.value.message.startswith("checksum list 'list' ")
    assert len(caught.value.message) < 1000


class Endless(io.RawIOBase):
    """A stream that makes its bytes as they are asked for."""

    def __init__(self, block: bytes, times: int) -> None:
        self._block, self._left = block, times

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        return self._block if self._left >= 0 else b""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "words"),
    [
        (f"{OTHER}  another-image-of-the-vendor.bin\n".encode() * 50, "does not list"),
        (b"x" * 8000, "longer than"),  # the image itself was given, and no line ever ends
        (b"File Name,SHA512\n" + f"another-image-of-the-vendor.bin,{OTHER}\n".encode() * 50, "does not list"),
    ],
)
def test_huge_list_is_read_without_being_held(block: bytes, words: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(VManageConfigurationError, match=words):
            find_checksum(Endless(block, 1000), NAME, list_name="list")  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.fixture
def upload_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Uploads a file through the operator, with a list beside it."""

    def run(vm: Simulator, content: bytes, listed: str) -> dict[str, Any]:
        extra = {"ca_bundle": vm.ca_bundle}
        connection = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password}
        monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps({**connection, "extra": extra}))
        image, sums = tmp_path / NAME, tmp_path / "sums"
        image.write_bytes(content)
        sums.write_text(listed)
        operator = UploadImageOperator(task_id="upload", source=str(image), checksum=f"file:{sums}")
        result: dict[str, Any] = operator.execute({})
        return result

    return run


@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5"])
def test_operator_takes_the_digest_from_a_list(
    algorithm: str, vm: Simulator, upload_image: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    content = b"image" * 1000
    digest = hashlib.new(algorithm, content).hexdigest()
    row = upload_image(vm, content, f"{digest}  {NAME}\n")
    assert row["sha512"] == hashlib.sha512(content).hexdigest() == vm.images[0].sha512
    assert caplog.text.count("checksum is an MD5: it finds accidents, not forgeries") == (algorithm == "md5")


@pytest.mark.parametrize("size", [5, 3 << 20], ids=["one block", "several blocks"])
@pytest.mark.parametrize("algorithm", ["sha512", "md5"])
def test_wrong_digest_leaves_no_complete_image_on_any_release(
    algorithm: str, size: int, vm_of_release: Simulator, upload_image: Callable[..., dict[str, Any]]
) -> None:
    wrong = hashlib.new(algorithm, b"another image").hexdigest()
    with pytest.raises(VManageFailException, match=rf"^checksum mismatch .* expected {wrong[:4]}…, got "):
        upload_image(vm_of_release, b"x" * size, f"{wrong}  {NAME}\n")
    vm_of_release.stop()
    assert vm_of_release.images == []
    assert [
        path for path in vm_of_release.storage.rglob("*") if path.is_file() and path.stat().st_size >= size > 5
    ] == []
    assert vm_of_release.counters.open_sessions == 0


def test_file_that_is_not_listed_is_not_sent(vm: Simulator, upload_image: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(VManageFailException, match=f"does not list '{NAME}': correct checksum"):
        upload_image(vm, b"image", f"{SHA512}  other.bin\n")
    assert [one.path for one in vm.requests if one.path.endswith("/package")] == []
