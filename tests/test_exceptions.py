"""The edge between the client's errors and Airflow's."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_vmanage.client import errors
from airflow_provider_vmanage.client.errors import VManageChecksumError, VManageError, VManageRejectedError
from airflow_provider_vmanage.exceptions import VManageFailException, fail_without_retry

WHERE: dict[str, Any] = {"status": 400, "code": "SIM-1", "details": "no room", "method": "POST", "path": "/x"}
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, VManageError) and kind is not VManageError
]


@pytest.mark.parametrize("kind", KINDS)
def test_final_errors_fail_the_task_others_are_raised_unchanged(kind: type[VManageError]) -> None:
    error = kind("It went wrong")
    with pytest.raises(Exception, match="It went wrong") as caught, fail_without_retry():
        raise error
    if error.retryable:
        assert caught.value is error
    else:
        assert type(caught.value) is VManageFailException
        assert caught.value.error is error
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(("status", "final"), [(400, True), (403, True), (200, True), (500, False), (503, False)])
def test_refusal_is_final_unless_the_manager_itself_was_in_trouble(status: int, final: bool) -> None:
    with pytest.raises(VManageFailException if final else VManageRejectedError), fail_without_retry():
        raise VManageRejectedError("no", status=status)


def test_failure_carries_fields_and_the_whole_text() -> None:
    error = VManageRejectedError("Upload failed", **WHERE)
    failure = VManageFailException(error)
    assert isinstance(failure, AirflowFailException)
    assert {name: getattr(failure, name) for name in WHERE} == WHERE
    assert failure.message == "Upload failed"
    assert str(failure) == str(error) == "Upload failed [POST /x, HTTP 400, code SIM-1]: no room"


def test_failure_survives_pickling_with_all_that_its_error_knows() -> None:
    error = VManageChecksumError("Wrong", algorithm="md5", expected="a", actual="b", **WHERE)
    again = pickle.loads(pickle.dumps(VManageFailException(error)))  # noqa: S301 - our own
    assert str(again) == str(VManageFailException(error))
    assert (again.status, again.error.algorithm, again.error.expected) == (400, "md5", "a")


@pytest.mark.parametrize("error", [ValueError("not ours"), KeyboardInterrupt()])
def test_errors_of_others_are_not_touched(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, fail_without_retry():
        raise error
    assert caught.value is error


def test_what_goes_well_goes_through() -> None:
    with fail_without_retry():
        pass
