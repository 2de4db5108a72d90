"""A manager that serves pages under 404 while it starts: that is no news, unlike a refusal in its own words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_vmanage.client.device_actions.starting_manager import page_means_unavailable
from airflow_provider_vmanage.client.errors import VManageRejectedError, VManageUnavailableError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.simulator import Simulator
from tests.client.action_support import ACTIVATE, NEW, add_edges, names

Upgrade = Callable[..., SoftwareUpgrade]


def serve_pages(vm: Simulator, path: str, times: int) -> None:
    vm.faults.add("status", path=path, method="GET", status=404, body="<html>not found</html>", times=times)


@pytest.mark.parametrize("path", ["device/action/status/*", "device/action/*"], ids=["status", "status and lists"])
def test_page_while_the_manager_starts_is_no_news(
    in_time: Callable[..., Simulator], upgrade_on: Upgrade, recorded_sleeps: list[float], path: str
) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    upgrade = upgrade_on(vm)
    state = upgrade.submit(ACTIVATE, names(edges), [NEW])
    serve_pages(vm, path, 8)
    deadline = sum(recorded_sleeps) + 7200.0
    state = upgrade.wait(state, deadline, 30.0)
    assert [work.action for work in upgrade.verify(state, deadline).works] == ["activated"] * 2


def test_role_that_is_missing_stays_a_refusal(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    upgrade = upgrade_on(vm)
    state = upgrade.wait(upgrade.submit(ACTIVATE, names(edges), [NEW]), 7200.0, 30.0)
    vm.faults.add("forbidden", path="device/action/install/devices/*")
    with pytest.raises(VManageRejectedError, match="the user lacks a role"):
        upgrade.verify(state, 7200.0)


def test_error_shows_the_page_and_its_request(vm: Simulator, connect: Callable[..., ManagerSession]) -> None:
    session = connect(vm)
    serve_pages(vm, "device", 1)
    with pytest.raises(VManageUnavailableError, match="not found") as caught, page_means_unavailable():
        session.request("GET", "device")
    assert (caught.value.method, caught.value.path, caught.value.status) == ("GET", "/dataservice/device", 404)


def test_page_in_place_of_the_lists_is_no_news(in_time: Callable[..., Simulator], upgrade_on: Upgrade) -> None:
    vm = in_time()
    edges = add_edges(vm, ACTIVATE)
    upgrade = upgrade_on(vm)
    state = upgrade.wait(upgrade.submit(ACTIVATE, names(edges), [NEW]), 7200.0, 30.0)
    serve_pages(vm, "device/action/install/devices/*", 3)
    assert [work.action for work in upgrade.verify(state, 7200.0).works] == ["activated"] * 2
    assert not vm.faults.pending
