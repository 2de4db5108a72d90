"""Images in object stores: through Airflow's ``ObjectStoragePath`` and its connection, with no copy in between."""

from __future__ import annotations

import hashlib
import json
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from airflow.providers.common.compat.sdk import redact
from airflow.sdk import DAG, ObjectStoragePath
from airflow.sdk.io import store
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageSourceError
from airflow_provider_vmanage.client.upload.body import MultipartImage
from airflow_provider_vmanage.client.upload.upload_source import UploadSource
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.files.object_storage import open_checksum, open_source
from airflow_provider_vmanage.operators.software_repository import UploadImageOperator
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.12.4-x86_64.tar.gz"
CONTENT = random.Random(3).randbytes(12 * (1 << 20) + 5)
SHA512, SHA256 = (hashlib.new(name, CONTENT).hexdigest() for name in ("sha512", "sha256"))
LOGIN = {"login": "test-access-key", "password": "test-secret-key"}
REGION = "us-east-1"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """An S3 server with a bucket, as its own client sees it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name=REGION,
        aws_access_key_id=LOGIN["login"],
        aws_secret_access_key=LOGIN["password"],
    )
    client.create_bucket(Bucket="bucket")
    for key, content in {f"20.12/{NAME}": CONTENT, "empty.bin": b"", "folder/a.bin": b"a"}.items():
        client.put_object(Bucket="bucket", Key=key, Body=content)
    yield client
    client.close()
    server.stop()


@pytest.fixture(autouse=True)
def no_store_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow keeps the stores it has attached, and with them the connection of another test."""
    monkeypatch.setattr(store, "_STORE_CACHE", {})


def connection(endpoint: str) -> str:
    extra = {"endpoint_url": endpoint, "region_name": REGION, "config_kwargs": {"retries": {"max_attempts": 0}}}
    return json.dumps({"conn_type": "aws", **LOGIN, "extra": extra})


@pytest.fixture
def images(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The connection `images` leads to that server."""
    monkeypatch.setenv("AIRFLOW_CONN_IMAGES", connection(s3.meta.endpoint_url))
    return s3


@pytest.fixture
def upload(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs the operator, rendered as Airflow does."""
    extra = {"ca_bundle": vm.ca_bundle}
    manager = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps(manager))

    def run(source: Any, **options: Any) -> dict[str, Any]:
        operator = UploadImageOperator(task_id="upload", source=source, **options)
        context: Any = {"release": "20.12"}
        operator.render_template_fields(context)
        row: dict[str, Any] = operator.execute(context)
        return row

    return run


def digests(vm: Simulator) -> list[tuple[str | None, str | None]]:
    return [(image.file_name, image.sha512) for image in vm.images]


S3_URL = f"s3://images@bucket/20.12/{NAME}"
TEMPLATE = f"s3://images@bucket/{{{{ release }}}}/{NAME}"


@pytest.mark.parametrize("checksum", [None, f"sha512:{SHA512}", f"sha256:{SHA256}"], ids=["none", "sha512", "sha256"])
def test_object_arrives_intact_and_touches_no_disk_between(
    checksum: str | None,
    images: Any,
    vm: Simulator,
    upload: Callable[..., dict[str, Any]],
    files_written: list[str],
) -> None:
    row = upload(TEMPLATE, checksum=checksum)
    assert (row["action"], row["size"], row["sha512"], row["file_name"]) == ("uploaded", len(CONTENT), SHA512, NAME)
    assert digests(vm) == [(NAME, SHA512)]
    assert {path.startswith(str(vm.storage)) for path in files_written} == {True}


def test_object_is_read_without_permission_to_list(
    images: Any, upload: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """A policy for reading alone is usual."""
    upload(S3_URL)
    asked = [one.getMessage() for one in caplog.records if one.name == "werkzeug"]
    assert any(f"GET /bucket/20.12/{NAME}" in line for line in asked)
    assert [line for line in asked if "list-type" in line] == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: ObjectStoragePath(S3_URL),
        lambda: ObjectStoragePath(f"s3://bucket/20.12/{NAME}", conn_id="images"),
        lambda: S3_URL.replace("s3:", "S3:"),
        lambda: f" {S3_URL}\n",
    ],
    ids=["path", "path with conn_id", "upper case", "blanks"],
)
def test_path_object_is_as_good_as_its_url(
    make: Callable[[], Any], images: Any, vm: Simulator, upload: Callable[..., dict[str, Any]]
) -> None:
    upload(make())
    assert digests(vm) == [(NAME, SHA512)]


@pytest.mark.parametrize("as_object", [False, True], ids=["url", "path object"])
def test_mapped_task_uploads_its_own_image(
    as_object: bool, images: Any, vm: Simulator, upload: Callable[..., dict[str, Any]]
) -> None:
    sources = ["s3://images@bucket/folder/a.bin", S3_URL]
    with DAG("upgrade", schedule=None) as dag:
        mapped = UploadImageOperator.partial(task_id="upload", checksum=f"sha512:{SHA512}").expand(
            source=[ObjectStoragePath(one) for one in sources] if as_object else sources
        )
    run = {"run_id": "r", "dag": dag, "dag_run": SimpleNamespace(conf={})}
    context: Any = {
        "ti": SimpleNamespace(map_index=1, is_mapped=True, xcom_push=lambda **_: None),
        "task": mapped,
        **run,
    }
    mapped.render_template_fields(context)
    assert context["task"].execute(context)["file_name"] == NAME
    assert digests(vm) == [(NAME, SHA512)]


@pytest.mark.parametrize("scheme", ["file://", "FILE://", "", "object"])
def test_worker_file_may_be_path_url_or_object(
    scheme: str, vm: Simulator, tmp_path: Path, upload: Callable[..., dict[str, Any]]
) -> None:
    file = tmp_path / "a b.bin"
    file.write_bytes(b"image")
    upload(ObjectStoragePath(f"file://{file}") if scheme == "object" else f"{scheme}{file}")
    assert digests(vm) == [("a b.bin", hashlib.sha512(b"image").hexdigest())]


@pytest.mark.parametrize(
    ("source", "words", "retryable"),
    [
        ("s3://images@bucket/20.12/missing.bin", "there is no such file.*: correct source", False),
        ("s3://images@missing-bucket/a.bin", "cannot be read", False),
        ("s3://images@bucket/empty.bin", "is empty", False),
        ("s3://images@bucket/folder", "is a folder", False),
        ("s3://images@bucket/", "is a folder", False),
    ],
)
def test_missing_or_empty_object_is_refused_before_any_change(
    source: str, words: str, retryable: bool, images: Any, vm: Simulator, upload: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(VManageSourceError, match=words) as caught:
        open_source(source)
    assert caught.value.retryable is retryable
    assert caught.value.message.startswith("source 's3://***@")
    with pytest.raises(VManageFailException):
        upload(source, file_name="a.bin")
    assert [one.path for one in vm.requests if one.path.endswith("/package")] == []


@pytest.mark.parametrize("form", [str, lambda url: ObjectStoragePath(url)], ids=["text", "path"])
def test_signed_store_url_is_refused_and_masked(
    form: Callable[[str], Any], images: Any, vm: Simulator, upload: Callable[..., dict[str, Any]]
) -> None:
    """The libraries of the stores name it in their errors, encoded, where no mask finds it."""
    source = form(f"{S3_URL}?sig=a/b%2Bsigned-123")
    with pytest.raises(
        VManageFailException, match=r"^source 's3://\*\*\*@.*\?\*\*\*' has a query: a signed URL"
    ) as caught:
        upload(source)
    assert "signed-123" not in str(caught.value)
    with pytest.raises(VManageConfigurationError, match="has a query"):
        open_checksum(f"file:{S3_URL}?sig=signed-123", NAME)
    assert vm.requests == []


def test_unavailable_store_is_retryable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AIRFLOW_CONN_IMAGES", connection(f"http://127.0.0.1:{closed.getsockname()[1]}"))
        with pytest.raises(VManageSourceError, match="cannot be read") as caught:
            open_source(S3_URL)
    assert caught.value.retryable


def test_wrong_checksum_leaves_no_image(images: Any, vm: Simulator, upload: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(
        VManageFailException, match=rf"^checksum mismatch .* expected {SHA512[::-1][:4]}…, got {SHA512[:4]}…"
    ):
        upload(S3_URL, checksum=f"sha512:{SHA512[::-1]}")
    vm.stop()
    assert vm.images == []


@pytest.mark.parametrize(("digest", "right"), [(SHA512, True), (SHA512[::-1], False)], ids=["right", "wrong"])
@pytest.mark.parametrize("form", ["{1}  {0}\n", "File Name,MD5 Checksum,SHA512 Checksum\r\n{0},,{1}\r\n"])
def test_list_may_lie_in_the_store_too(
    form: str, digest: str, right: bool, images: Any, vm: Simulator, upload: Callable[..., dict[str, Any]]
) -> None:
    images.put_object(Bucket="bucket", Key="sums.txt", Body=form.format(NAME, digest).encode())
    options = {"source": S3_URL, "checksum": "file:s3://images@bucket/sums.txt"}
    if right:
        assert upload(**options)["sha512"] == SHA512
    else:
        with pytest.raises(VManageFailException, match=r"^checksum mismatch"):
            upload(**options)
    assert len(vm.images) == right


def test_missing_list_in_a_store_is_reported_as_the_checksum(images: Any) -> None:
    with pytest.raises(VManageSourceError, match=r"^checksum: source 's3://\*\*\*@bucket/none' .* no such file"):
        open_checksum("file:s3://images@bucket/none", NAME)


def test_signed_url_of_a_list_is_masked_when_rendered() -> None:
    operator = UploadImageOperator(task_id="upload", source="a.bin", checksum="file:{{ url }}")
    url = "https://joe:list-password@host/sums?sig=list-signature"
    operator.render_template_fields({"url": url})  # type: ignore[typeddict-unknown-key]
    assert operator.checksum == f"file:{url}"
    assert redact(url) == "https://joe:***@host/sums?***"


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("gs://images@bucket/a.bin", r"install airflow-provider-vmanage\[gcs\]"),
        ("abfs://images@container/a.bin", r"install airflow-provider-vmanage\[abfs\]"),
        ("sftp://images@host/a.bin", r"install airflow-provider-vmanage\[sftp\]"),
        ("ftp://host/a.bin", "use a path, file://, http://, https://, s3://, gs://, abfs:// or sftp://"),
        ("nonsense://host/a.bin", "use a path, file://"),
    ],
)
def test_unknown_scheme_names_what_to_install(url: str, fix: str) -> None:
    with pytest.raises(VManageConfigurationError, match=rf"has the unsupported scheme .*: {fix}"):
        open_source(url)
    with pytest.raises(VManageConfigurationError, match=f"unsupported scheme .*: {fix}"):
        open_checksum(f"file:{url}", NAME)


@pytest.mark.parametrize(
    ("later", "words"), [(b"shorter", "ended 8 bytes before its 15"), (b"x" * 16, "has more than its 15")]
)
def test_object_replaced_meanwhile_never_sends_its_last_block(later: bytes, words: str, images: Any) -> None:
    images.put_object(Bucket="bucket", Key="changing.bin", Body=b"fifteen letters")
    source = open_source("s3://images@bucket/changing.bin")
    images.put_object(Bucket="bucket", Key="changing.bin", Body=later)
    body = MultipartImage(source, "a.bin")
    with pytest.raises(VManageSourceError, match=words) as caught:
        list(body)
    assert caught.value.retryable
    assert not body.complete


@pytest.mark.parametrize(
    ("err", "retryable"),
    [
        (FileNotFoundError("bucket/a"), False),
        (PermissionError("Access Denied"), False),
        (TimeoutError("store"), True),
        (ConnectionResetError("store"), True),
        (OSError(16, "Please reduce your request rate"), True),
        (RuntimeError("whatever its library raises"), True),
        (ValueError("Invalid endpoint: images"), False),
    ],
    ids=repr,
)
def test_failing_store_differs_from_a_wrong_path(err: Exception, retryable: bool) -> None:
    class Failing(MemoryFileSystem):  # type: ignore[misc]
        protocol = "file"

        def info(self, path: str, **_: Any) -> Any:
            raise err

    store.attach("local", fs=Failing())
    with pytest.raises(VManageSourceError, match="cannot be read") as caught:
        open_source("local://a.bin")
    assert caught.value.retryable is retryable


def test_name_is_the_last_part() -> None:
    names = {S3_URL: NAME, "https://host/a%20b.bin?sig=/x": "a b.bin", "/images/a.bin": "a.bin", "s3://bucket/": ""}
    assert {source: UploadSource.parse(source).file_name for source in names} == names


def test_what_is_no_url_is_refused_as_such() -> None:
    with pytest.raises(VManageConfigurationError, match=r"^source .* is not a URL"):
        UploadSource.parse("https://[::1/a.bin?sig=secret")
