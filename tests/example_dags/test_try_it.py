"""``make demo`` and ``make up`` for somebody who has just cloned this: one line says what is wrong."""

from __future__ import annotations

import io
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from requests.utils import should_bypass_proxies

from scripts import demo, up
from scripts.simulated import MEGABYTE, ROOT, ScriptError, alone, check_disk, chosen_ports
from scripts.standalone import LOG


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def line_of(main: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """The only line about a run that fails."""
    assert main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_taken_port_is_named(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UP_PORT", str(taken - 1))
    with pytest.raises(
        ScriptError, match=rf"^port ({taken - 1}|{taken}) cannot be had \(Address already in use\): let UP"
    ):
        chosen_ports("UP_PORT", 3)


@pytest.mark.parametrize("text", ["abc", "-5", "65534", "1e3"])
def test_what_is_no_port_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UP_PORT", text)
    with pytest.raises(ScriptError, match=rf"^UP_PORT={text} names no port: give a number from 1 to 65533, or leave"):
        chosen_ports("UP_PORT", 3)


@pytest.mark.parametrize("text", ["", "0"])
def test_free_ports_are_taken_unless_one_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UP_PORT", text)
    assert chosen_ports("UP_PORT", 3) == [0, 0, 0]


@pytest.mark.parametrize(("module", "name"), [(demo, "make demo"), (up, "make up")])
def test_second_one_in_a_clone_is_refused(
    module: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "STATE", tmp_path)
    monkeypatch.setattr(module, "ENDING", (), raising=False)
    with alone(tmp_path):
        assert line_of(module.main, capsys) == f"{name}: runs already in this clone: end that first"


def test_full_disk_is_reported_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=rf"^disk full: \d+ MB are free in {tmp_path}/state, and 1048576000 are"):
        check_disk(tmp_path / "state", 1048576000 * MEGABYTE)
    assert list((tmp_path / "state").iterdir()) == []


def test_airflow_that_does_not_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def late(*_: Any) -> Any:
        raise TimeoutError("no healthy Airflow within 300 s:\nscheduler | Traceback")

    monkeypatch.setattr(up, "STATE", tmp_path)
    monkeypatch.setattr(up, "ENDING", ())
    monkeypatch.setattr(up, "site", late)
    log = os.path.relpath(tmp_path / "airflow" / LOG)
    assert line_of(up.main, capsys) == f"make up: no healthy Airflow within 300 s: see {log}"


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(("given", "expected"), [("", ""), ("example.com", ",example.com"), ("*", None)])
def test_proxy_of_the_shell_is_for_other_machines(
    variable: str, given: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    show = '. scripts/environment.sh; echo "$no_proxy"; echo "$NO_PROXY"; echo "$https_proxy"'
    ended = subprocess.run(
        ["/bin/sh", "-c", show],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **proxy, variable: given},
        capture_output=True,
        text=True,
        check=True,
    )
    lower, upper, kept = ended.stdout.splitlines()
    wanted = "*" if expected is None else f"127.0.0.1,localhost{expected}"
    assert (lower, upper, kept) == (wanted, wanted, proxy["https_proxy"])
    assert should_bypass_proxies("https://127.0.0.1:8443/", no_proxy=lower)


def test_output_of_the_demo_is_ours_alone(capsys: pytest.CaptureFixture[str]) -> None:
    stamp = "2026-11-26T13:13:56.516456Z [info     ]"
    ours = "[airflow.task.operators.airflow_provider_vmanage.operators.software_repository] loc=x.py:1"
    lines = [
        "== Running example_dags/upgrade_prep.py\n",
        f"{stamp} [DAG TEST] starting task_id=upload_image map_index=-1 [airflow.sdk] loc=dag.py:1\n",
        f"{stamp} image: all 268.4 MB sent in 3.5 s (76.2 MB/s); waiting    {ours}\n",
        f"{stamp} setting next dagrun info       [airflow.models.dag] loc=dag.py:848\n",
        '[DEMO] ended {"dag": "upgrade_prep", "state": "success", "results": {"upload_image": {}}}\n',
        '[DEMO] ended {"dag": "upgrade_devices", "state": "failed", "results": {}}\n',
    ]
    kept = io.StringIO()
    ended = list(demo.ended_dags(lines, kept))
    assert kept.getvalue() == "".join(lines)
    assert ended == [("upgrade_prep", {"upload_image": {}}, {"upload_image": "76.2"})]
    assert capsys.readouterr().out.splitlines() == [
        "== Running example_dags/upgrade_prep.py",
        "   upload_image      image: all 268.4 MB sent in 3.5 s (76.2 MB/s); waiting",
    ]
