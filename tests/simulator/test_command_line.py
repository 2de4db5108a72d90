from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_vmanage.simulator import FAULTS

COMMAND = [sys.executable, "-m", "airflow_provider_vmanage.simulator"]


def run(*arguments):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)


def read_greeting(process):
    lines = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return "".join(lines)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_it_is_stopped(end, tmp_path):
    options = [
        "--port",
        "0",
        "--ca-out",
        tmp_path / "ca.pem",
        "--fault",
        "http_503:retry_after=3,path=/",
        "--password=pa$s",
    ]
    with subprocess.Popen([*COMMAND, *options], stdout=-1, stderr=-1, text=True) as process:
        greeting = read_greeting(process)
        exported = next(line for line in greeting.splitlines() if line.startswith("export "))
        name, _, value = shlex.split(exported)[1].partition("=")
        connection = json.loads(value)
        assert name == "AIRFLOW_CONN_VMANAGE_DEFAULT"
        assert (connection["conn_type"], connection["password"]) == ("vmanage", "pa$s")
        assert connection["extra"]["ca_bundle"] in greeting
        url = f"https://{connection['host']}:{connection['port']}/"
        with requests.Session() as http:
            http.trust_env = False
            responses = [http.get(url, verify=str(tmp_path / "ca.pem"), timeout=10) for _ in range(2)]
        assert [a.status_code for a in responses] == [503, 200]
        process.send_signal(end)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_fixed_storage_folder_keeps_the_ca_over_restarts(tmp_path):
    cas = []
    for _ in range(2):
        with subprocess.Popen(
            [*COMMAND, "--port=0", "--storage", tmp_path], stdout=-1, stderr=-1, text=True
        ) as process:
            read_greeting(process)
            cas.append((tmp_path / "ca.pem").read_bytes())
            process.terminate()
    assert cas[0] == cas[1]


def test_without_tls_the_connection_says_http():
    with subprocess.Popen([*COMMAND, "--port=0", "--no-tls"], stdout=-1, stderr=-1, text=True) as process:
        greeting = read_greeting(process)
        process.terminate()
    assert '"schema": "http"' in greeting
    assert "ca_bundle" not in greeting


def test_fleet_and_one_more_device_are_shown(tmp_path):
    options = ["--port=0", "--no-tls", "--fleet=12", "--device=edge-x:fails_at=download", "--seconds-per-minute=1"]
    with subprocess.Popen([*COMMAND, *options], stdout=-1, stderr=-1, text=True) as process:
        greeting = read_greeting(process)
        url = next(word for word in greeting.split() if word.startswith("http://"))
        with requests.Session() as http:
            http.trust_env = False
            page = http.get(url, timeout=10).text
        process.terminate()
    assert "14 devices." in page
    assert "edge-x" in page


def test_faults_are_listed():
    done = run("--list-faults")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(FAULTS)


def test_help_needs_no_extra():
    script = (
        "import sys, runpy; sys.modules.update(dict.fromkeys(['uvicorn', 'starlette', 'trustme'])); "
        "sys.argv = ['x', *sys.argv[1:]]; "
        "runpy.run_module('airflow_provider_vmanage.simulator', run_name='__main__')"
    )
    without = [sys.executable, "-c", script]
    done = subprocess.run([*without, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, "--storage" in done.stdout) == (0, True)
    done = subprocess.run(without, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "airflow-provider-vmanage[simulator]" in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--fault", "nonsense"], "unknown fault 'nonsense'"),
        (["--fault", "slow:speed=1"], "takes method, path, delay"),
        (["--version", "banana"], "not a release"),
        (["--device", "edge-1:device_type=toaster"], "unknown device type"),
        (["--storage", "/proc/nowhere"], "cannot serve"),
        (["--fleet", "-3"], "a fleet has one device or more"),
        (["--seconds-per-minute", "-1"], "seconds_per_minute is not negative"),
        (["--fault", "slow:delay"], "not NAME[:k=v,...]"),
        (["--port", "70000"], "not a port"),
    ],
)
def test_wrong_option_is_one_line_and_exit_code_2(options, reason):
    done = run("--port", "0", *options) if "--port" not in options else run(*options)
    assert done.returncode == 2
    assert reason in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_taken_port_is_one_line_and_exit_code_2(vm):
    done = run("--port", str(urlsplit(vm.url).port))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "already in use" in done.stderr
