"""Check mode on devices: for any fleet its rows and counts are what a run then does, or the same refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.operators.device_action import DeviceActionOperator
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    RemoveSoftwareOperator,
    SetDefaultSoftwareOperator,
)
from airflow_provider_vmanage.simulator import Simulator
from tests.recorded_time import RecordedTime

VERSIONS = ("17.09.04.0.4733", "17.12.04.0.6740", "17.15.03.0.176")
FAMILIES = ("vedge-x86", "c8000v")
FLEETS = 20

#: what each operator does to some device of the fleets, or they prove little
DONE = {
    InstallSoftwareOperator: {"installed", "activated"},
    ActivateSoftwareOperator: {"activated"},
    SetDefaultSoftwareOperator: {"default_set"},
    RemoveSoftwareOperator: {"removed"},
}

#: what an outcome depends on; states, times and ids are of the moment
COMPARED = ("device", "action", "changed", "from_version", "version", "reason")
TAKEN_OVER = "a task of the manager already does it"


@dataclass
class Fleet:
    """A manager with devices and images, and the arguments of a task.

    :param devices: fields of each device.
    :param images: versions, each with its families.
    :param under_way: the device on which a task of the manager does the same already.
    """

    devices: dict[str, dict[str, Any]]
    images: dict[str, list[str]]
    arguments: dict[str, Any]
    under_way: str | None


def fleet_of(random: Random, kind: type[DeviceActionOperator]) -> Fleet:
    def some(values: tuple[str, ...], least: int = 0) -> list[str]:
        return random.sample(values, random.randint(least, len(values)))

    devices = {}
    for number in range(random.randint(1, 4)):
        running, *others = random.sample(VERSIONS, len(VERSIONS))
        available = some(tuple(others))
        devices[f"device-{number}"] = {
            "device_type": random.choice(["vedge", "vedge", "vsmart"]),
            "version": running,
            "availableVersions": available,
            "defaultVersion": random.choice([running, *available]),
            "platformFamily": random.choice(FAMILIES),
            "reachability": random.choice(["reachable"] * 9 + ["unreachable"]),
        }
    removed = random.choice([VERSIONS[0], list(VERSIONS[:2])])
    arguments = {
        "version": removed
        if kind is RemoveSoftwareOperator
        else random.choice([*VERSIONS, f"{VERSIONS[1]}.1708", "20.9.1"]),
        "allow_downgrade": random.random() < 0.7,
        "skip_blocked": random.random() < 0.7,
        "max_devices": random.choice([50, 50, 50, 1]),
    }
    if kind is InstallSoftwareOperator:
        arguments["activate"] = random.random() < 0.5
    images = {version: some(FAMILIES, least=1) for version in some(VERSIONS, least=1)}
    return Fleet(devices, images, arguments, random.choice([*devices, None]))


@pytest.fixture
def vm(recorded_time: RecordedTime, connect: Callable[..., None]) -> Iterator[Simulator]:
    """A manager whose tasks take their minutes, on the clock that the waits of sessions move."""
    with Simulator(seconds_per_minute=60.0, clock=recorded_time.time) as manager:
        connect(manager)
        yield manager


@pytest.mark.slow
@pytest.mark.parametrize("kind", DONE)
def test_check_mode_reports_what_a_run_does(
    kind: type[DeviceActionOperator],
    vm: Simulator,
    run: Callable[..., Any],
    recorded_sleeps: list[float],
    recorded_time: RecordedTime,
) -> None:
    seen: Counter[str] = Counter()

    def outcome_of(fleet: Fleet, **changes: Any) -> Any:
        task = kind(task_id="t", devices=[*fleet.devices], poll_interval=600, **fleet.arguments, **changes)
        task.hook = VManageHook(clock=recorded_time)
        try:
            return run(task)
        except (VManageFailException, VManageError) as err:
            return str(err)

    for seed in range(FLEETS):
        recorded_sleeps.append(86_400)  # the tasks of the fleet before have ended
        fleet = fleet_of(Random(seed), kind)
        prepare(vm, fleet, kind)
        before = len(vm.actions)
        would = outcome_of(fleet, check_mode=True)
        assert len(vm.actions) == before, fleet
        does = outcome_of(fleet)
        if isinstance(would, str):
            assert does == would, fleet
            seen["refused"] += 1
            continue
        assert not isinstance(does, str), (does, fleet)
        assert compared(does) == compared(would), fleet
        assert (would["applied"], does["applied"]) == (False, True)
        taken_over = sum(row["reason"] == TAKEN_OVER for row in would["devices"])
        sent = {one.device for one in vm.actions[before:]}
        assert len(sent) == sum(row["changed"] for row in would["devices"]) - taken_over, fleet
        seen.update(would["counts"], **{"taken over": taken_over})
    assert {*DONE[kind], "unchanged", "skipped", "refused", "taken over"} - {
        word for word in seen if seen[word]
    } == set()


def compared(result: dict[str, Any]) -> dict[str, Any]:
    """Return the part that check mode and a run have in common."""
    rows = [{name: row[name] for name in COMPARED} for row in result["devices"]]
    for row in rows:
        row["reason"] = None if row["reason"] == TAKEN_OVER else row["reason"]
    return {**{name: result[name] for name in ("action", "changed", "version", "counts")}, "devices": rows}


def prepare(vm: Simulator, fleet: Fleet, kind: type[DeviceActionOperator]) -> None:
    """Make the fleet and its images, and begin what is under way, if it can be done there."""
    vm.remove_devices()
    for image in vm.images:
        vm.repository.delete(image.version_id)
    for version, families in fleet.images.items():
        vm.add_image(f"{version}.bin", version=f"{version}.1708", platform_family=tuple(families))
    for name, fields in fleet.devices.items():
        vm.add_device(name, **fields)
    if fleet.under_way:
        version = fleet.arguments["version"]
        request = kind(task_id="t", devices=[fleet.under_way], **fleet.arguments).request()
        with VManageHook() as hook:
            hook.software_upgrade().submit(
                request, [fleet.under_way], [version] if isinstance(version, str) else version, skip_blocked=True
            )
