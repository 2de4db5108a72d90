"""A connection that cannot be looked up is final if missing, retryable if a secrets backend or API server fails."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageUnavailableError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.operators.software_repository import ListImagesOperator
from airflow_provider_vmanage.simulator import Simulator


class Backend:
    """A secrets backend; ``broken`` is what it raises."""

    broken: Exception | None = None

    def get_connection(self, conn_id: str, team_name: str | None = None) -> None:
        if self.broken is not None:
            raise self.broken


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """The only secrets backend of this process, as Airflow asks it."""
    from airflow.sdk.execution_time import supervisor

    backend = Backend()
    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [backend])
    monkeypatch.delenv("AIRFLOW_CONN_VMANAGE_DEFAULT", raising=False)
    return backend


def test_secrets_backend_that_fails_is_retryable(backend: Backend, run: Callable[..., Any]) -> None:
    backend.broken = ConnectionError("https://vault.example.com?token=s3cret-token")
    with pytest.raises(VManageUnavailableError, match=r"could not be looked up \(Backend: ConnectionError\)") as caught:
        run(ListImagesOperator(task_id="list"))
    assert caught.value.retryable
    assert "s3cret-token" not in str(caught.value)


def test_connection_that_no_backend_has_is_final(backend: Backend, run: Callable[..., Any]) -> None:
    with pytest.raises(VManageFailException, match="does not exist"):
        run(ListImagesOperator(task_id="list"))


@pytest.mark.parametrize("error", [RuntimeError("API_SERVER_ERROR"), PermissionError("denied"), TimeoutError()])
def test_other_errors_of_the_lookup_are_retryable(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: str) -> Any:
        raise error

    monkeypatch.setattr(BaseHook, "get_connection", fail)
    with pytest.raises(VManageUnavailableError, match=type(error).__name__):
        VManageHook().list_images()


def test_what_airflow_reports_as_not_found_is_final(monkeypatch: pytest.MonkeyPatch, backend: Backend) -> None:
    def fail(_: str) -> Any:
        raise AirflowNotFoundException("isn't defined")

    monkeypatch.setattr(BaseHook, "get_connection", fail)
    with pytest.raises(VManageConfigurationError, match="does not exist"):
        VManageHook().list_images()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("API_SERVER_ERROR", VManageUnavailableError), ("CONNECTION_NOT_FOUND", VManageConfigurationError)],
)
def test_api_server_that_fails_is_retryable(
    monkeypatch: pytest.MonkeyPatch, reply: str, expected: type[Exception]
) -> None:
    """Airflow's own backend for the API server returns nothing for both."""
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time import supervisor, task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse
    from airflow.sdk.execution_time.secrets.execution_api import ExecutionAPISecretsBackend

    channel = SimpleNamespace(send=lambda _: ErrorResponse(error=ErrorType(reply), detail={}))
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", channel, raising=False)
    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [ExecutionAPISecretsBackend()])
    with pytest.raises(expected):
        VManageHook("nowhere").list_images()


def test_connection_test_says_that_the_lookup_failed(backend: Backend) -> None:
    backend.broken = ConnectionError("unavailable")
    ok, text = VManageHook().test_connection()
    assert not ok
    assert "could not be looked up" in text


# -- a login that was refused ------------------------------------------------------------------------------------------


def test_tasks_of_one_process_send_a_refused_login_once(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm, password="wrong-word")
    for number in range(6):
        with pytest.raises(VManageFailException):
            run(ListImagesOperator(task_id=f"list_{number}"))
    assert vm.counters.refused_logins == 1
    connect(vm)
    assert run(ListImagesOperator(task_id="list")) == []


def test_connection_test_gets_a_login_attempt_where_tasks_get_none(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm, password="wrong-word")
    for _ in range(2):
        assert not VManageHook().test_connection()[0]
    assert vm.counters.refused_logins == 2
    with pytest.raises(VManageFailException):
        run(ListImagesOperator(task_id="list"))
    assert vm.counters.refused_logins == 2
