"""Every task carries a link to the manager it worked on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.get_provider_info import get_provider_info
from airflow_provider_vmanage.links import SoftwareRepositoryLink, SoftwareUpgradeLink
from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    ListDeviceSoftwareOperator,
    PlanUpgradeOperator,
    UpgradeDevicesOperator,
)
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.sensors.software_upgrade import DeviceTaskSensor, DeviceVersionSensor
from airflow_provider_vmanage.simulator import Simulator

KINDS: dict[type[BaseOperator], dict[str, Any]] = {
    AddRepoOperator: {"version_name": "20.15", "version_url": "https://images.example.com/20.15/"},
    UploadImageOperator: {"source": "/images/a.bin"},
    DeleteImageOperator: {"version": "20.1"},
    ListImagesOperator: {},
    ImageVersionSensor: {"version": "20.1"},
}

ON_DEVICES = (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    ListDeviceSoftwareOperator,
    PlanUpgradeOperator,
    UpgradeDevicesOperator,
    DeviceVersionSensor,
    DeviceTaskSensor,
)


class TaskInstance:
    """Keeps what is pushed, as a task instance does."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def link_of(task: Any) -> str:
    (link,) = task.operator_extra_links
    return str(link.get_link(task, ti_key=None))


@pytest.mark.parametrize("kind", KINDS)
def test_link_opens_a_page_that_shows_the_image(
    kind: type[BaseOperator], vm: Simulator, connect: Callable[..., None]
) -> None:
    connect(vm)
    vm.add_image("vmanage-20.12.4-x86_64.tar.gz", content=b"an image")
    page = requests.get(link_of(kind(task_id="t", **KINDS[kind])), verify=vm.ca_bundle, timeout=10)
    assert page.status_code == 200
    for text in ("vmanage-20.12.4-x86_64.tar.gz", "20.12.4", "8 B", str(vm.images[0].sha512)[:16]):
        assert text in page.text


@pytest.mark.parametrize("kind", KINDS)
def test_each_mapped_task_has_the_link_of_its_own_manager(
    kind: type[BaseOperator], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("lab", "prod"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", f"vmanage://joe:canary@{name}.example.com")
    with DAG("mapped", schedule=None):
        mapped = kind.partial(task_id="t", **KINDS[kind]).expand(vmanage_conn_id=["lab", "prod"])
    links = [link_of(mapped.unmap({"vmanage_conn_id": name})) for name in ("lab", "prod")]
    assert links == ["https://lab.example.com:443/", "https://prod.example.com:443/"]


@pytest.mark.parametrize("extra", [{"auth": "session"}, {"auth": "api_key", "api_key": "canary-key"}])
def test_nothing_secret_is_in_the_link(extra: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "vmanage", "host": "vm.example.com:8443", "login": "joe", "password": "canary"}
    monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps({**fields, "extra": extra}))
    assert link_of(ListImagesOperator(task_id="t")) == "https://vm.example.com:8443/"


def test_task_shows_its_link_from_its_first_second_on(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    ti = TaskInstance()
    run(ListImagesOperator(task_id="t"), {"ti": ti})
    assert ti.pushed == {SoftwareRepositoryLink().xcom_key: f"{vm.url}/"}


@pytest.mark.parametrize(
    "sensor",
    [
        ImageVersionSensor(task_id="t", version="20.1", deferrable=True, poke_interval=60),
        DeviceVersionSensor(task_id="t", devices=["edge-1"], version="20.1", deferrable=True),
        DeviceTaskSensor(task_id="t", process_id="software_install-1", deferrable=True),
    ],
    ids=lambda sensor: type(sensor).__name__,
)
def test_link_is_there_while_a_sensor_waits(
    sensor: BaseSensorOperator, vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.add_device("edge-1", "vedge", "17.9.4")
    vm.faults.add("status", path="device/action/status/*", status=200, body='{"data": []}')
    ti = TaskInstance()
    with pytest.raises(TaskDeferred):
        run(sensor, {"ti": ti})
    assert list(ti.pushed.values()) == [f"{vm.url}/"]


@pytest.mark.parametrize("host", ["", "vm.example.com/a/path"])
def test_unreadable_connection_has_no_link_and_fails_the_task(
    host: str, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps({"conn_type": "vmanage", "host": host}))
    ti = TaskInstance()
    task = ListImagesOperator(task_id="t")
    with pytest.raises(VManageFailException, match=r"^Connection 'vmanage_default': host"):
        run(task, {"ti": ti})
    assert (link_of(task), ti.pushed) == ("", {})


def test_no_connection_no_link() -> None:
    assert link_of(ListImagesOperator(task_id="t", vmanage_conn_id="nowhere")) == ""


def test_airflow_knows_the_links() -> None:
    kinds = (SoftwareRepositoryLink, SoftwareUpgradeLink)
    assert get_provider_info()["extra-links"] == [f"{kind.__module__}.{kind.__name__}" for kind in kinds]


def test_link_of_an_action_opens_a_page_with_its_task(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    connect(vm)
    vm.add_device("edge-1", "vedge", "17.9.4", availableVersions=["17.12.4"])
    task = ActivateSoftwareOperator(task_id="t", devices=["edge-1"], version="17.12.4", deferrable=True)
    ti = TaskInstance()
    with pytest.raises(TaskDeferred):
        run(task, {"ti": ti})
    page = requests.get(ti.pushed[SoftwareUpgradeLink().xcom_key], verify=vm.ca_bundle, timeout=10)
    (process_id,) = task.process_ids
    assert process_id in page.text


@pytest.mark.parametrize("kind", ON_DEVICES)
def test_tasks_on_devices_lead_to_software_upgrade(kind: Any) -> None:
    (link,) = kind.operator_extra_links
    assert link.name == "Software upgrade"
