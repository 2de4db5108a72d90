"""The error tree: fields, text, pickling."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from airflow_provider_vmanage.client import errors
from airflow_provider_vmanage.client.errors import VManageError

FIELDS: dict[str, Any] = {
    "status": 500,
    "code": "USER0006",
    "details": "No user with name XYZ was found",
    "method": "DELETE",
    "path": "/dataservice/device/action/software/1",
}
EXTRA: dict[str, dict[str, Any]] = {
    "VManageAmbiguousError": {"candidates": ("one", "two")},
    "VManageChecksumError": {"algorithm": "sha512", "expected": "aa", "actual": "bb"},
    "VManageLostImageError": {"lost": ("one", "two")},
    "VManageSourceError": {"retryable": True},
    "VManageUnavailableError": {"retry_after": 7.5, "repeat": False},
}
RETRYABLE = {
    "VManageTransientError",
    "VManageUnavailableError",
    "VManageSessionExpiredError",
    "VManageProtocolError",
    "VManageOutcomeUnknownError",
    "VManageCancelledError",
}


def every_class(root: type[VManageError] = VManageError) -> list[type[VManageError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in every_class(child))]


CLASSES = [kind for kind in every_class() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])  # noqa: S301
def test_every_error_survives_pickling_with_all_its_fields(kind: type[VManageError], again: Any) -> None:
    error = kind("It broke", **FIELDS, **EXTRA.get(kind.__name__, {}))
    error.__cause__ = RuntimeError("the HTTP library's words, with a cookie")
    twin = again(error)
    assert type(twin) is kind
    assert (str(twin), repr(twin), twin.args) == (str(error), repr(error), error.args)
    assert vars(twin) == vars(error)
    assert twin.fields == FIELDS


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_says_whether_a_retry_helps(kind: type[VManageError]) -> None:
    assert kind("It broke").retryable is (kind.__name__ in RETRYABLE)
    assert "retry" in (kind.__doc__ or "").lower() or kind is VManageError


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_tree_of_the_docstring(kind: type[VManageError]) -> None:
    line = next(line for line in (errors.__doc__ or "").splitlines() if f"{kind.__name__} " in line + " ")
    others = [base.__name__ for base in kind.__bases__ if not issubclass(base, VManageError)]
    assert kind is VManageError or all(f"({name})" in line for name in others)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_belongs_to_one_of_four_families(kind: type[VManageError]) -> None:
    families = (
        errors.VManageInputError,
        errors.VManageRefusedError,
        errors.VManagePreconditionError,
        errors.VManageTransientError,
    )
    assert sum(issubclass(kind, family) for family in families) == (kind is not VManageError)


@pytest.mark.parametrize(
    ("status", "retryable"), [(None, False), (200, False), (404, False), (499, False), (500, True)]
)
def test_rejection_is_worth_a_retry_only_under_5xx(status: int | None, *, retryable: bool) -> None:
    assert errors.VManageRejectedError("No", status=status).retryable is retryable


def test_fields_of_an_error_are_plain_json() -> None:
    assert json.loads(json.dumps(VManageError("No", **FIELDS).fields)) == FIELDS


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "It broke"),
        ({"status": 503}, "It broke [HTTP 503]"),
        ({"method": "GET", "path": "/x"}, "It broke [GET /x]"),
        ({"method": "GET", "path": "/x", "status": 500, "code": "C1"}, "It broke [GET /x, HTTP 500, code C1]"),
        ({"details": "Disk full"}, "It broke: Disk full"),
        ({"status": 400, "details": "It broke"}, "It broke [HTTP 400]"),
    ],
)
def test_text_of_an_error_has_call_and_details(fields: dict[str, Any], text: str) -> None:
    assert str(VManageError("It broke", **fields)) == text
