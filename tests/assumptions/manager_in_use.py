"""A simulated manager that shows something of everything, and the check of it."""

from __future__ import annotations

from typing import Any

from airflow_provider_vmanage.client.assumptions.report import Report
from airflow_provider_vmanage.client.assumptions.run import check_manager
from airflow_provider_vmanage.client.assumptions.table import DIFFERS
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings, read_settings
from airflow_provider_vmanage.simulator import Simulator

MINUTE_S = 3600.0
"""So that a task of the simulator is running as long as a test."""


def settings_of(vm: Simulator, **extra: str) -> ManagerSettings:
    extra = {"requests_per_second": "100", **extra}  # the most: waiting for a turn takes real time
    if vm.ca_bundle:
        extra["ca_bundle"] = vm.ca_bundle
    return read_settings(host=vm.url, login=vm.username, password=vm.password, extra=extra)


def fill(vm: Simulator) -> None:
    """Add images of each kind, a remote server, edges of two kinds, one of them unreachable, and a running task."""
    vm.add_image("vmanage-20.12.4-x86_64.tar.gz")
    vm.add_image("viptela-20.12.4-x86_64.tar.gz", group="one-version")
    vm.add_image("viptela-20.12.4-mips64.tar.gz", group="one-version")
    vm.add_image("isr4300-universalk9.17.06.05a.SPA.bin", version="17.06.05a.0.3.1646904830")
    vm.add_remote_server("files", remoteServerUrl="10.0.0.9", remoteServerPort=22, remoteServerVPN=0)
    vm.add_device("branch", version="17.06.05a.0.3", platformFamily="isr4300")
    vm.add_device("lost", reachability="unreachable")
    edge = vm.add_device("edge", availableVersions=["20.12.4"])
    with ManagerSession(settings_of(vm)) as session:
        device = {"version": "20.12.4", "deviceIP": edge["system-ip"], "deviceId": edge["uuid"]}
        body = {"action": "changepartition", "devices": [device], "deviceType": "vedge"}
        session.request("POST", "device/action/changepartition", json=body)


def check(vm: Simulator, **options: Any) -> Report:
    return check_manager(settings_of(vm), **options)


def differing(report: Report) -> dict[str, str]:
    """What was seen instead, by the id of each assumption that does not hold."""
    return {one.assumption.id: one.seen for one in report.results if one.outcome == DIFFERS}
