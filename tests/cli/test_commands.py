"""The command group ``airflow vmanage``."""

from __future__ import annotations

import builtins
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_vmanage.cli.commands import IMAGE_COLUMNS
from airflow_provider_vmanage.cli.definition import get_commands
from airflow_provider_vmanage.get_provider_info import get_provider_info
from airflow_provider_vmanage.simulator import Simulator
from scripts.command_output import parse

MOST_MS = 5.0
"""What the definition may cost each command of Airflow."""

Run = Callable[..., int]


@pytest.fixture
def airflow(vm: Simulator, connect: Callable[..., None]) -> Run:
    """Runs ``airflow vmanage …`` with a connection to the manager, and returns the exit status."""
    connect(vm)

    def run(*arguments: str) -> int:
        args = parse(*arguments)
        try:
            args.func(args)
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


def test_table_of_images_has_a_row_for_each(vm: Simulator, airflow: Run, capsys: pytest.CaptureFixture[str]) -> None:
    vm.add_image("vmanage-20.12.4-x86_64.tar.gz")
    vm.add_image("", url="ftp://files.example.com/images/", version="20.9.1")
    assert airflow("images") == 0
    header, _, first, second, *_ = capsys.readouterr().out.splitlines()
    assert [name.strip() for name in header.split("|")] == [*IMAGE_COLUMNS]
    assert first.startswith("vmanage-20.12.4-x86_64.tar.gz | 20.12.4 | software   | vmanage ")
    assert second.split()[:2] == ["|", "20.9.1"]


def test_json_and_yaml_keep_types(vm: Simulator, airflow: Run, capsys: pytest.CaptureFixture[str]) -> None:
    vm.add_image("vmanage-20.12.4-x86_64.tar.gz", updated_on=1700000000000)
    airflow("images", "-o", "json")
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["updated_on"], row["platform_family"]) == (1700000000000, ["vmanage"])
    airflow("images", "-o", "yaml")
    assert yaml.safe_load(capsys.readouterr().out) == [row]
    airflow("images", "--image-type", "container", "-o", "json")
    assert json.loads(capsys.readouterr().out) == []


def test_devices_are_listed_by_type(vm: Simulator, airflow: Run, capsys: pytest.CaptureFixture[str]) -> None:
    vm.add_device("edge-1", version="20.9.4", availableVersions=["20.12.4"])
    airflow("devices", "-o", "json")
    assert [row["device"] for row in json.loads(capsys.readouterr().out)] == ["edge-1", "vmanage"]
    airflow("devices", "--device-type", "vedge", "-o", "plain")
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[0] == "edge-1"
    assert "20.12.4" in line


def test_plan_is_what_the_operator_returns(vm: Simulator, airflow: Run, capsys: pytest.CaptureFixture[str]) -> None:
    vm.add_image("viptela-20.12.4-x86_64.tar.gz")
    vm.add_device("edge-1", version="20.9.4")
    vm.add_device("edge-2", version="20.9.4", site_id="200", reachability="unreachable")
    assert airflow("plan", "20.12.4") == 0
    captured = capsys.readouterr()
    assert [line.split(" | ")[0].strip() for line in captured.out.splitlines()[2:4]] == ["", "1"]
    assert captured.err.splitlines()[-1] == "1 device in 1 wave, 0 unchanged, 1 blocked"
    airflow("plan", "20.12.4", "--max-devices", "1", "-o", "json")
    plan = json.loads(capsys.readouterr().out)
    assert [row["device"] for row in plan["waves"][0]] == ["edge-1"]
    assert (plan["applied"], plan["changed"], plan["manager"]) == (False, False, vm.url)


def test_commands_change_nothing_and_log_out(vm: Simulator, airflow: Run) -> None:
    vm.add_device("edge-1", version="20.9.4", availableVersions=["20.12.4"])
    for arguments in (["images"], ["devices"], ["plan", "20.12.4"], ["check"]):
        assert airflow(*arguments) == 0
    assert {one.path for one in vm.requests if one.method != "GET"} == {"/j_security_check", "/logout"}
    assert (vm.counters.logins, vm.counters.open_sessions) == (4, 0)


@pytest.mark.parametrize("arguments", [["images"], ["devices"], ["plan", "20.12.4"], ["check"]], ids=lambda one: one[0])
def test_error_of_a_command_is_one_line(
    vm: Simulator, airflow: Run, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    vm.faults.add("login_refused")
    assert airflow(*arguments) == 1
    assert airflow(*arguments, "--conn-id", "not_there") == 1
    captured = capsys.readouterr()
    refused, unknown = captured.err.splitlines()
    assert captured.out == ""
    assert refused.startswith(f"vmanage {arguments[0]}: The manager refused the login of 'admin'")
    assert unknown.startswith(f"vmanage {arguments[0]}: Connection 'not_there' does not exist")
    assert vm.counters.refused_logins == 1


@pytest.mark.parametrize("arguments", [["images"], ["devices"], ["plan", "20.12.4"]], ids=lambda one: one[0])
def test_missing_permission_is_one_line(
    vm: Simulator, airflow: Run, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    vm.faults.add("forbidden", times=None, path="device/*")
    assert airflow(*arguments) == 1
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == ""
    assert line.startswith(f"vmanage {arguments[0]}: ")
    assert "HTTP 403" in line
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_bad_input_of_a_plan_sends_nothing(vm: Simulator, airflow: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert airflow("plan", "20.12.4", "--max-devices", "none") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vmanage plan: max_devices is 'none'")
    assert vm.requests == []


def test_definition_costs_little_and_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import airflow.cli.cli_config  # noqa: F401 - there by then in each command of Airflow

    name = "airflow_provider_vmanage.cli.definition"
    imported: set[str] = set()
    original = builtins.__import__

    def noted(module: str, *rest: Any, **named: Any) -> Any:
        imported.add(module)
        return original(module, *rest, **named)

    spent = []
    for _ in range(5):  # the best of five, in time of this thread: the machine may be busy
        monkeypatch.delitem(sys.modules, name)
        start = time.thread_time()
        importlib.import_module(name).get_commands()
        spent.append(time.thread_time() - start)
    assert min(spent) * 1000 < MOST_MS
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", noted)
    assert importlib.import_module(name).get_commands()
    assert imported - sys.stdlib_module_names == {"airflow.cli"}


def test_airflow_that_describes_commands_differently_loses_this_group_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr("airflow.cli.cli_config.ARG_OUTPUT")
    assert get_commands() == []
    assert "airflow vmanage is not available in this release of Airflow (AttributeError)" in caplog.text


def test_airflow_offers_the_group_from_3_2_on() -> None:
    from airflow import __version__
    from airflow.cli.cli_parser import ALL_COMMANDS_DICT

    is_offered = tuple(map(int, __version__.split(".")[:2])) >= (3, 2)
    assert ("vmanage" in ALL_COMMANDS_DICT) is is_offered


def test_provider_names_the_definition() -> None:
    assert get_provider_info()["cli"] == ["airflow_provider_vmanage.cli.definition.get_commands"]


@pytest.mark.whole_airflow
def test_connection_of_the_database_is_found(vm: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    vm.add_image("vmanage-20.12.4-x86_64.tar.gz")
    extra = json.dumps({"ca_bundle": vm.ca_bundle})
    fields = ["--conn-host", vm.url, "--conn-login", vm.username, "--conn-password", vm.password, "--conn-extra", extra]
    for command in (["db", "migrate"], ["connections", "add", "lab", "--conn-type", "vmanage", *fields]):
        subprocess.run([sys.executable, "-m", "airflow", *command], capture_output=True, check=True)
    command = [sys.executable, "-m", "airflow_provider_vmanage", "check", "--conn-id", "lab", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["release"] == vm.version
