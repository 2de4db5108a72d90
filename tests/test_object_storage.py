"""Sources by their text: paths of the worker, file URLs, and what Airflow's ObjectStoragePath takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageSourceError
from airflow_provider_vmanage.client.upload.upload_source import UploadSource
from airflow_provider_vmanage.files.object_storage import open_source


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "an image-20.1.bin"
    path.write_bytes(b"content")
    return path


@pytest.mark.parametrize(
    "write",
    [
        str,
        Path,
        lambda file: f"  {file}\n",
        lambda file: file.as_uri(),
        lambda file: f"file://{file}",
        lambda file: f"local://{file}",
    ],
)
def test_file_may_be_written_as_path_or_url(write: Any, file: Path) -> None:
    source = open_source(write(file))
    assert source.size == 7
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == b"content"


@pytest.mark.parametrize("write", [str, lambda path: f"file://{path}", lambda path: f"local://{path}"])
def test_object_storage_path_is_used_as_it_is(write: Any, file: Path) -> None:
    from airflow.sdk import ObjectStoragePath

    source = open_source(ObjectStoragePath(write(file)))
    with source.open() as stream:
        assert (source.size, stream.read()) == (7, b"content")


def test_home_folder_may_be_abbreviated(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(file.parent))
    assert open_source(f"~/{file.name}").size == 7


@pytest.mark.parametrize("write", [str, lambda path: f"file://{path}", lambda path: f"local://{path}"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.bin", "no such file|No such file"),
        ("folder", "(?i)is a (folder|directory)"),
        ("empty.bin", "is empty"),
    ],
)
def test_what_cannot_be_sent_is_refused_for_good(write: Any, name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.bin").touch()
    with pytest.raises(VManageSourceError, match=words) as caught:
        open_source(write(tmp_path / name))
    assert caught.value.message.startswith("source ")
    assert not caught.value.retryable


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_blank_source_is_named_with_its_fix(text: str) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^source is '': give the path or URL of an image"):
        open_source(text)


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("gopher://x/a.bin", r"use a path, file://, http://, https://, s3://"),
        ("nfs://joe:hunter2@x/a.bin?sig=signed-123", r"use a path"),
        ("s3://conn@bucket/a.bin", r"install airflow-provider-vmanage\[s3\]"),
        ("gs://bucket/a.bin", r"install airflow-provider-vmanage\[gcs\]"),
        ("abfs://c@a/a.bin", r"install airflow-provider-vmanage\[abfs\]"),
        ("sftp://joe:hunter2@host/a.bin", r"install airflow-provider-vmanage\[sftp\]"),
    ],
)
def test_unknown_scheme_names_what_to_install_and_no_secret(
    url: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.io import fs

    known = {scheme: how for scheme, how in fs._register_filesystems().items() if scheme in ("file", "local")}
    monkeypatch.setattr(fs, "_register_filesystems", lambda: known)
    with pytest.raises(VManageConfigurationError, match=rf"^source .* unsupported scheme .*: {fix}") as caught:
        open_source(url)
    assert "hunter2" not in str(caught.value)
    assert "signed-123" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/images/a.bin", "a.bin"),
        ("a.bin", "a.bin"),
        (Path("/images/a.bin"), "a.bin"),
        ("/images/a.bin/", "a.bin"),
        ("/images/100%20.bin", "100%20.bin"),
        ("file:///images/a%20b.bin", "a b.bin"),
        ("s3://conn@bucket/folder/a.bin", "a.bin"),
        ("https://joe:secret@host/a.bin?sig=a/b", "a.bin"),
        ("s3://bucket", ""),
    ],
)
def test_last_part_of_a_source_is_the_file_name(source: Any, name: str) -> None:
    assert UploadSource.parse(source).file_name == name
