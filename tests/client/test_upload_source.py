"""A source as users write it, parsed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.client.upload.upload_source import UploadSource

SIGNED = "https://joe:hunter2@host/a%20b.bin?sig=signed-123"


def test_signed_url_shows_no_secret() -> None:
    source = UploadSource.parse(f" {SIGNED}\n")
    assert (source.text, source.file_name) == (SIGNED, "a b.bin")
    assert source.shown == "https://***@host/a%20b.bin?***"
    assert {"hunter2", "signed-123"} <= set(source.secrets)
    assert not [word for word in ("hunter2", "signed-123") if word in repr(source) or word in source.shown]


@pytest.mark.parametrize("text", ["/images/a?b#c.bin", "a@b.bin"])
def test_path_has_no_secrets(text: str) -> None:
    source = UploadSource.parse(text)
    assert (source.shown, source.path, source.secrets) == (text, text, ())


@pytest.mark.parametrize("write", ["{}", "file://{}", "FILE://{}"])
def test_client_opens_files_itself(write: str, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"image")
    assert UploadSource.parse(write.format(file)).open().size == 5


def test_store_is_opened_by_the_given_function() -> None:
    def open_store(source: UploadSource) -> ImageSource:
        return ImageSource(source.shown, 5, lambda: Path(source.path).open("rb"))

    assert UploadSource.parse("s3://conn@bucket/a.bin", open_store=open_store).open().name == "s3://***@bucket/a.bin"
    with pytest.raises(VManageConfigurationError, match=r"source 's3://\*\*\*@bucket/a.bin' is in a store"):
        UploadSource.parse("s3://conn@bucket/a.bin").open()


@pytest.mark.parametrize("text", ["", " ", "https://[::1/a.bin?sig=signed-123"])
def test_what_cannot_be_parsed_is_refused_by_name(text: str) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^source ") as caught:
        UploadSource.parse(text)
    assert "signed-123" not in str(caught.value)
