"""``python -m airflow_provider_vmanage check``."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from airflow_provider_vmanage.__main__ import main
from airflow_provider_vmanage.cli.check import CheckOptions, check
from airflow_provider_vmanage.simulator import Simulator


def test_table_of_a_manager_ends_with_counts(
    vm: Simulator, uri_of: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--uri", uri_of(vm)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Result", "|", "Mark", "|", "Assumption", "|", "Seen"]
    assert " 0 differs, " in lines[-1]
    assert "(release 20.12.4, " in lines[-1]


def test_difference_comes_first_with_its_effect(
    vm: Simulator, uri_of: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    vm.faults.add("forbidden", times=None, path="device/counters")
    assert main(["check", "--uri", uri_of(vm)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("differs    | D    | No read that the package sends is forbidden")
    assert lines[2].endswith("| GET /dataservice/device/counters")
    assert "- no-read-is-forbidden: Images count as in use if device lists" in "\n".join(lines)


def test_json_is_all_that_the_standard_output_holds(vm: Simulator, uri_of: Callable[..., str]) -> None:
    command = [sys.executable, "-m", "airflow_provider_vmanage", "check", "--uri", "-", "--json"]
    ended = subprocess.run(command, input=uri_of(vm) + "\n", capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["release"] == "20.12.4"


def test_connection_of_airflow_is_used(
    vm: Simulator, connect: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    connect(vm)
    assert main(["check"]) == 0
    assert "(release 20.12.4, " in capsys.readouterr().out


def test_writes_are_sent_only_after_a_yes(vm: Simulator, uri_of: Callable[..., str]) -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return "n"

    assert check(CheckOptions(uri=uri_of(vm), write=True), ask=ask) == 1
    assert questions == [f"Upload scratch files of 1 MB to {vm.url}, and delete them again? [y/N] "]
    assert vm.requests == []
    assert check(CheckOptions(uri=uri_of(vm), write=True), ask=lambda _: "y", out=io.StringIO()) == 0
    assert [one.method for one in vm.requests].count("POST") > 3
    assert vm.images == []


def test_yes_asks_nothing(vm: Simulator, uri_of: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--uri", uri_of(vm), "--write", "--yes"]) == 0
    assert "An upload is accepted with status 200" in capsys.readouterr().out


def test_scratch_files_are_deleted_after_an_interrupt(
    vm: Simulator,
    uri_of: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object) -> None:
        assert vm.images
        raise KeyboardInterrupt

    monkeypatch.setattr("airflow_provider_vmanage.client.assumptions.scratch._delete", interrupt)
    assert main(["check", "--uri", uri_of(vm), "--write", "--yes"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "vmanage check: interrupted"
    assert vm.images == []
    assert vm.counters.open_sessions == 0


def test_expiry_waits_that_long(uri_of: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    with Simulator(idle=2.0) as vm:
        assert main(["check", "--uri", uri_of(vm), "--expiry", "--idle", "2.5"]) == 0
    assert "as assumed | D    | A session that is idle for 30 minutes ends" in capsys.readouterr().out


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    (line,) = [one for one in captured.err.splitlines() if one.startswith("vmanage ")]  # Airflow may log others
    return line


def test_refused_login_is_sent_once(
    vm: Simulator, uri_of: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--uri", uri_of(vm, "wrong-password")]) == 1
    line = one_line(capsys)
    assert line.startswith("vmanage check: The manager refused the login of 'admin'")
    assert "wrong-password" not in line
    assert (vm.counters.refused_logins, vm.counters.logins) == (1, 0)


def test_unknown_connection_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--conn-id", "not_there"]) == 1
    assert one_line(capsys).startswith("vmanage check: Connection 'not_there' does not exist")


@pytest.mark.parametrize("uri", ["not a uri", "http://me:secret-word@host", "vmanage://me:secret-word@host:port/"])
def test_text_that_is_no_connection_is_one_line(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--uri", uri]) == 1
    line = one_line(capsys)
    assert line.startswith("vmanage check: uri is not that of a connection")
    assert "secret-word" not in line


def test_unreachable_manager_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as closed:  # bound and not listening, so that nothing else gets the port
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert main(["check", "--uri", f"vmanage://me:secret-word@127.0.0.1:{port}/"]) == 1
    assert one_line(capsys).startswith("vmanage check: The manager cannot be reached (connection refused)")


def test_user_without_any_role_still_gets_a_report(
    vm: Simulator, uri_of: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    vm.faults.add("forbidden", times=None)
    assert main(["check", "--uri", uri_of(vm)]) == 3
    assert "No read that the package sends is forbidden" in capsys.readouterr().out
    assert vm.counters.open_sessions == 0
