"""An attribute that masks the secrets of a URL as soon as it is set."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_provider_vmanage.masking import MaskedURL


class Task:
    source = MaskedURL()


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


def test_decoded_secret_is_masked_too() -> None:
    Task().source = "https://joe:p%40ssword@host/?sig=a%2Fb%2Fcde"
    assert redact("p@ssword a/b/cde signed") == "*** *** signed"


@pytest.mark.parametrize("value", [None, "", "/images/a.bin", "https://host/?x={{ params.secret }}", 5])
def test_text_without_a_url_and_templates_are_ignored(value: object) -> None:
    task = Task()
    task.source = value
    assert task.source == value
    assert redact("x={{ params.secret }} /images/a.bin") == "x={{ params.secret }} /images/a.bin"
