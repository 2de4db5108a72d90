"""Secrets that a manager echoes are in no error: not in its text, its fields or its log."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.http.redaction import redact
from airflow_provider_vmanage.client.remote_server_fields import RemoteServer
from airflow_provider_vmanage.client.remote_servers import RemoteServers
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.simulator import Simulator

Connect = Callable[..., ManagerSession]

PASSWORD = 'pässw0rd/ <1>&"+='
FORMS = (PASSWORD, quote(PASSWORD), quote_plus(PASSWORD), json.dumps(PASSWORD)[1:-1], html.escape(PASSWORD))
URL = "https://joe:url-password@images.example.com/20.12/?X-Sig=signed%2F123#part-456"
IN_URL = ("url-password", "signed%2F123", "signed/123", "part-456")


def text_of(error: VManageError) -> str:
    return f"{error} {error!r} {error.args} {vars(error)} {error.__cause__}"


def echo(*secrets: str) -> dict[str, str]:
    return {name: f"you said {' '.join(secrets)}!" for name in ("message", "details", "code")}


def secrets_of(vm: Simulator) -> list[str]:
    values = [value for name, value in vm.requests[-1].headers.items() if name.lower() not in ("host", "user-agent")]
    return [value.partition("=")[2] or value.removeprefix("Bearer ") for value in values if len(value) > 30]


@pytest.mark.parametrize("auth", ["session", "jwt", "api_key"])
def test_cookie_tokens_and_password_are_redacted_in_errors(
    auth: str, simulate: Callable[..., Simulator], connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="airflow_provider_vmanage")
    vm = simulate("20.18.2", password=PASSWORD)
    session = connect(vm, auth=auth, api_key=vm.api_key)
    session.request("GET", "device/action/software")
    secrets = [*secrets_of(vm), *FORMS]
    assert len(secrets) >= len(FORMS) + 2
    for fault in ("error_4xx", "error_200", "error_500"):
        vm.faults.add(fault, **echo(*secrets))
        with pytest.raises(VManageError, match=r"you said \*\*\* .* \*\*\*!") as caught:
            session.request("GET", "device/action/software")
        assert [secret for secret in secrets if secret in text_of(caught.value) + caplog.text] == []
    vm.faults.add("status", status=403, body=f"<p>{' '.join(secrets)}</p>")
    with pytest.raises(VManageError, match=r"\*\*\*") as caught:
        session.send_body("device/action/software/package", b"x", "text/plain")
    assert [secret for secret in secrets if secret in text_of(caught.value)] == []


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "status", "status": 200, "body": {"error": echo(*FORMS)}},
        {"name": "status", "status": 503, "body": {"error": echo(*FORMS)}},
    ],
)
def test_login_error_that_quotes_the_password_is_redacted(
    fault: dict[str, Any], simulate: Callable[..., Simulator], connect: Connect
) -> None:
    vm = simulate(password=PASSWORD)
    vm.faults.add(path="/j_security_check", **fault)
    with pytest.raises(VManageError, match=r"you said \*\*\*") as caught:
        connect(vm).request("GET", "device/action/software")
    assert [form for form in FORMS if form in text_of(caught.value)] == []


def test_logout_of_an_unready_session_logs_no_secret(
    simulate: Callable[..., Simulator], connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="airflow_provider_vmanage")
    vm = simulate(password=PASSWORD)
    vm.faults.add("error_4xx", path="client/server", times=None, **echo(*FORMS))
    with connect(vm) as session, pytest.raises(VManageError, match=r"you said \*\*\*"):
        session.request("GET", "device/action/software")
    assert [form for form in FORMS if form in caplog.text] == []


def test_secrets_in_an_added_url_are_redacted_and_reported(vm: Simulator, connect: Connect) -> None:
    secrets: list[str] = []
    repository = SoftwareRepository(connect(vm, on_secret=secrets.append))
    vm.faults.add("error_4xx", method="POST", path="device/action/software", **echo(URL))
    with pytest.raises(VManageError, match=r"you said https://joe:\*\*\*@images") as caught:
        repository.add_url("20.12", URL)
    assert [secret for secret in IN_URL if secret in text_of(caught.value)] == []
    assert set(IN_URL) <= set(secrets)


def test_password_of_a_remote_server_is_redacted(simulate: Callable[..., Simulator], connect: Connect) -> None:
    vm = simulate("20.18.2")
    vm.faults.add("error_4xx", method="POST", path="device/action/remote-server", **echo(*FORMS))
    servers = RemoteServers(SoftwareRepository(connect(vm)))
    with pytest.raises(VManageError, match=r"you said \*\*\*") as caught:
        servers.ensure(RemoteServer("mirror", url="10.0.0.9"), PASSWORD)
    assert [form for form in FORMS if form in text_of(caught.value)] == []


def test_short_secret_would_garble_the_text_and_stays() -> None:
    error = VManageError("It is an admin", details="an", path="/an", code="an")
    redact(error, ["an", None, ""])
    assert str(error) == "It is an admin [/an, code an]"


def test_secret_that_was_cut_is_redacted_too() -> None:
    error = VManageError("Refused", details="x" * 190 + "a-long-sec")
    redact(error, ["a-long-secret"])
    assert error.details == "x" * 190 + "***"
