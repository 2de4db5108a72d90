"""An attribute that masks the secrets of a URL as soon as it is set."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_provider_vmanage.masking import MaskedText, MaskedURL, MaskedURLs


class Task:
    source = MaskedURL()
    images = MaskedURLs()
    password = MaskedText()


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    _secrets_masker().reset_masker()
    yield
    _secrets_masker().reset_masker()


def redact(text: str) -> str:
    return str(_secrets_masker().redact(text))


def test_it_is_an_attribute_like_any_other() -> None:
    task, other = Task(), Task()
    with pytest.raises(AttributeError, match="source"):
        _ = task.source
    assert not hasattr(task, "source")
    task.source, other.source = "/one", "/other"
    assert (task.source, other.source, copy.copy(task).source) == ("/one", "/other", "/one")
    assert isinstance(Task.source, MaskedURL)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://joe:hunter2@host/a.bin", "https://joe:***@host/a.bin"),
        ("https://host/a.bin?sig=signed-123", "https://host/a.bin?***"),
        ("https://host/a.bin?X-Amz-Signature=signed-123&x=1", "https://host/a.bin?***"),
        ("https://joe:p%40ssword@host/", "https://joe:***@host/"),
        ("https://host/a.bin", "https://host/a.bin"),
        ("s3://conn_id@bucket/a.bin", "s3://conn_id@bucket/a.bin"),
    ],
)
def test_secrets_of_a_url_are_masked_once_set(url: str, shown: str) -> None:
    assert redact(url) == url
    Task().source = url
    assert redact(url) == shown


@pytest.mark.parametrize("prefix", ["file:", "FILE:", " file:"])
def test_url_of_a_list_of_checksums_is_masked(prefix: str) -> None:
    Task().source = f"{prefix}https://joe:hunter2@host/SHA512SUMS"
    assert redact("hunter2") == "***"


@pytest.mark.parametrize(
    "images",
    [
        ["a.bin", "https://host/b.bin?sig=signed-123"],
        [{"source": "https://host/b.bin?sig=signed-123", "checksum": None}],
        '[{"source": "https://host/b.bin?sig=signed-123"}]',
        "https://host/b.bin?sig=signed-123",
        ["https://joe:hunter'2-signed-123@host/b.bin"],
        """["https://host/b.bin?sig=it's-signed-123", "a.bin"]""",
    ],
)
def test_urls_in_lists_and_objects_are_masked(images: Any) -> None:
    task = Task()
    task.images = images
    assert task.images is images
    assert "signed-123" not in redact(str(images))


def test_password_of_digits_is_masked_as_text() -> None:
    task = Task()
    task.password = 98765432101
    assert (task.password, redact(task.password)) == ("98765432101", "***")
    task.password = None
    assert task.password is None


def test_decoded_secret_is_masked_too() -> None:
    Task().source = "https://joe:p%40ssword@host/?sig=a%2Fb%2Fcde"
    assert redact("p@ssword a/b/cde signed") == "*** *** signed"


@pytest.mark.parametrize("value", [None, "", "/images/a.bin", "https://host/?x={{ params.secret }}", 5])
def test_text_without_a_url_and_templates_are_ignored(value: object) -> None:
    task = Task()
    task.source = value
    assert task.source == value
    assert redact("x={{ params.secret }} /images/a.bin") == "x={{ params.secret }} /images/a.bin"
