"""Plans of upgrades: every device is in a wave, unchanged, or blocked with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageConfigurationError,
    VManageError,
    VManageNotFoundError,
    VManageTooManyDevicesError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.upgrade.plan import (
    Fleet,
    UpgradePlan,
    make_plan,
    read_fleet,
)
from airflow_provider_vmanage.client.upgrade.wish import choose_devices, parse_wish
from airflow_provider_vmanage.simulator import Simulator

OLD, NEW, IMAGE = "17.09.04.0.4733", "17.12.04.0.6740", "17.12.04.0.6740.1708"


def edge(name: str, running: str = OLD, *available: str, **fields: Any) -> Device:
    usual = {"default": running, "role": "vedge", "device_type": "vedge", "site_id": name, "platform_family": "c8000v"}
    return Device(name, running=running, available=available, **{**usual, "device_id": f"id-{name}", **fields})


def fleet(*devices: Device, busy: Callable[[Any], str | None] = lambda _: None) -> Fleet:
    image = SoftwareImage(version=IMAGE, file_name="new.bin", version_type="vmanage", platform_family=("c8000v",))
    return Fleet(devices, (image,), (20, 12), busy)


def steps(plan: UpgradePlan) -> dict[str, str]:
    return {one.device.name: one.step for wave in plan.waves for one in wave}


def test_each_device_gets_the_step_that_it_needs() -> None:
    devices = [edge("a"), edge("b", OLD, NEW), edge("c", NEW, OLD, default=OLD), edge("d", NEW)]
    plan = make_plan(parse_wish(NEW), fleet(*devices), wave_sizes=["100%"])
    assert steps(plan) == {"a": "install+activate", "b": "activate", "c": "set_default"}
    assert [one.device.name for one in plan.unchanged] == ["d"]
    assert plan.blocked == ()


def test_long_reason_is_cut() -> None:
    plan = make_plan(parse_wish(NEW), fleet(edge("a"), busy=lambda _: "b" * 300))
    assert plan.blocked[0].as_row()["reason"] == "b" * 199 + "…"


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (edge("x", reachable=False), "cannot reach"),
        (edge("x", platform_family="isr4200"), "is for its platform family isr4200"),
        (edge("x", "17.15.01.0.1"), "is older than the running"),
        (edge("x", "17.06.01.0.1-test"), "and the running 17.06.01.0.1-test is newer is unknown: set allow_downgrade"),
        (edge("x", site_id="busy"), "task 1 is at work"),
    ],
)
def test_obstacle_is_a_reason_and_no_error(device: Device, reason: str) -> None:
    busy = (lambda target: "task 1 is at work on it") if device.site_id == "busy" else (lambda target: None)
    plan = make_plan(parse_wish(NEW), fleet(device, busy=busy))
    assert plan.waves == ()
    assert reason in plan.blocked[0].reason


def test_rows_bring_their_own_versions() -> None:
    rows = [{"device_id": "id-a", "version": NEW}, {"device_id": "id-b", "version": OLD}, {"device_id": "id-a"}]
    plan = make_plan(parse_wish(None, devices=rows), fleet(edge("a"), edge("b"), edge("c")))
    assert steps(plan) == {"a": "install+activate"}
    assert [(one.device.name, one.version) for one in plan.unchanged] == [("b", OLD)]
    mapped = parse_wish({"isr4200": NEW}, devices=rows)
    assert steps(make_plan(mapped, fleet(edge("a"), edge("b")))) == {"a": "install+activate"}


def test_sixth_part_of_a_version_may_differ_from_the_row() -> None:
    wish = parse_wish(IMAGE, devices=[{"device_id": "id-a", "version": NEW}])
    assert steps(make_plan(wish, fleet(edge("a")))) == {"a": "install+activate"}


def test_device_without_a_uuid_is_blocked() -> None:
    plan = make_plan(parse_wish(NEW), fleet(edge("a"), edge("b", device_id=None)))
    assert [one.reason for one in plan.blocked] == ["the manager shows no uuid for it"]


def test_device_whose_running_version_is_unknown_is_blocked() -> None:
    device = Device("a", device_id="id-a", role="vedge", device_type="vedge", platform_family="c8000v")
    plan = make_plan(parse_wish(NEW), fleet(device), allow_downgrade=True)
    assert [one.reason for one in plan.blocked] == ["the manager shows no version that it runs"]


def test_limit_counts_devices_that_change() -> None:
    devices = [edge("a"), edge("b", NEW), edge("c", reachable=False)]
    assert steps(make_plan(parse_wish(NEW), fleet(*devices), max_devices=1)) == {"a": "install+activate"}


def test_versions_may_differ_by_platform_family() -> None:
    wish = parse_wish({"c8000v": NEW})
    plan = make_plan(wish, fleet(edge("a"), edge("b", platform_family="isr4200")))
    assert steps(plan) == {"a": "install+activate"}
    assert "names none for its platform family isr4200" in plan.blocked[0].reason


def test_selection_narrows_the_fleet() -> None:
    devices = [edge("a", site_id="1"), edge("b", site_id="2"), edge("c", "17.06.01.0.1", site_id="1"), edge("d")]
    wish = parse_wish(NEW, sites=[1, "2"], running="17.09.*", exclude=["b"])
    assert steps(make_plan(wish, fleet(*devices))) == {"a": "install+activate"}
    named = parse_wish(NEW, devices=["id-b", "c"], device_type="vmanage")
    assert set(steps(make_plan(named, fleet(*devices)))) == {"b", "c"}


@pytest.mark.parametrize(
    ("wish", "options", "error", "words"),
    [
        ({"running": "16.*"}, {}, VManageNotFoundError, "No device matches"),
        ({"sites": ["a", "nowhere"]}, {}, VManageNotFoundError, "sites: nowhere not found"),
        ({"exclude": ["ghost", "a"]}, {}, VManageNotFoundError, "exclude: ghost not found"),
        ({"version": "17.13.01"}, {}, VManageNotFoundError, "version 17.13.01 is neither in the repository nor on"),
        ({"version": None}, {}, VManageConfigurationError, "version is missing"),
        ({"version": None, "devices": ["a"]}, {}, VManageConfigurationError, "devices has none for 'a'"),
        (
            {"devices": [{"device_id": "id-a", "version": OLD}]},
            {},
            VManageConfigurationError,
            "they differ",
        ),
        ({"devices": []}, {}, VManageConfigurationError, r"devices is \[\]"),
        ({"sites": []}, {}, VManageConfigurationError, "which is empty: give site ids, or None"),
        ({"devices": ["ghost"]}, {}, VManageNotFoundError, "ghost not found"),
        ({}, {"max_devices": 1}, VManageTooManyDevicesError, "2 devices would change"),
        ({"device_type": "router"}, {}, VManageConfigurationError, "device_type"),
        ({"exclude": 7.5}, {}, VManageConfigurationError, "exclude is 7.5"),
        ({"running": 17.09}, {}, VManageConfigurationError, "running is 17.09: give a text"),
        ({"platform_family": ["c8000v"]}, {}, VManageConfigurationError, "platform_family is .*: give a text"),
        ({"version": {}}, {}, VManageConfigurationError, "empty mapping"),
        ({"version": " "}, {}, VManageConfigurationError, "version is ' '"),
        ({}, {"wave_sizes": []}, VManageConfigurationError, "wave_sizes"),
    ],
)
def test_bad_input_is_refused(
    wish: dict[str, Any], options: dict[str, Any], error: type[VManageError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        make_plan(parse_wish(**{"version": NEW, **wish}), fleet(edge("a"), edge("b")), **options)
    assert not caught.value.retryable


ROLES = ("vbond", "vsmart", "vedge")


@st.composite
def fleets(draw: st.DrawFn) -> list[Device]:
    """Return devices of any roles, sites and states; several may share a site, some have none."""
    # Most of them need an upgrade, or there would be few devices in the waves.
    versions = st.sampled_from([OLD, OLD, OLD, NEW, "17.15.01.0.1"])
    often = st.sampled_from([True, True, True, True, False])
    families = st.sampled_from(["c8000v"] * 4 + ["isr4200"])
    states = st.tuples(versions, versions, often, st.booleans(), families)
    places = st.tuples(st.sampled_from(ROLES), st.sampled_from(["1", "2", "10", "lab", None]))
    drawn = draw(st.lists(st.tuples(states, places), min_size=1, max_size=40))
    return [
        edge(
            f"d{number}",
            running,
            *([NEW] if has and running != NEW else []),
            default=default,
            reachable=reachable,
            platform_family=family,
            role=role,
            site_id=site,
        )
        for number, ((running, default, reachable, has, family), (role, site)) in enumerate(drawn)
    ]


SIZES = st.lists(st.one_of(st.integers(1, 9), st.integers(1, 100).map(lambda n: f"{n}%")), min_size=1, max_size=4)


@pytest.mark.slow
@given(fleets(), SIZES, st.booleans(), st.randoms(use_true_random=False))
def test_every_device_is_in_exactly_one_place(devices: list[Device], sizes: Any, alone: bool, random: Any) -> None:
    busy = {device.device_id for device in devices[::7]}

    def planned(listed: list[Device]) -> UpgradePlan:
        known = fleet(*listed, busy=lambda target: "busy" if target.device_id in busy else None)
        return make_plan(parse_wish(NEW), known, wave_sizes=sizes, one_per_site=alone)

    plan = planned(devices)
    placed = [*(one for wave in plan.waves for one in wave), *plan.unchanged, *plan.blocked]
    assert sorted(one.device.name for one in placed) == sorted(device.name for device in devices)
    assert all(one.step and not one.reason for wave in plan.waves for one in wave)
    assert all(not one.step and not one.reason for one in plan.unchanged)
    assert all(one.reason and not one.step for one in plan.blocked)
    shuffled = list(devices)
    random.shuffle(shuffled)
    assert planned(shuffled) == plan


@pytest.mark.slow
@given(fleets(), SIZES, st.booleans())
def test_wave_is_as_large_as_size_role_and_sites_allow(devices: list[Device], sizes: Any, alone: bool) -> None:
    plan = make_plan(parse_wish(NEW), fleet(*devices), wave_sizes=sizes, one_per_site=alone)
    waves = [[one.device for one in wave] for wave in plan.waves]
    assert all(len({device.role for device in wave}) == 1 for wave in waves)
    order = [ROLES.index(wave[0].role or "") for wave in waves]
    assert order == sorted(order)
    for role in ROLES:
        of_role = [wave for wave in waves if wave[0].role == role]
        total = sum(map(len, of_role))
        for number, wave in enumerate(of_role):
            size = sizes[min(number, len(sizes) - 1)]
            most = size if isinstance(size, int) else -(-int(size[:-1]) * total // 100)
            sites = [device.site_id for device in wave]
            later = {device.site_id for other in of_role[number + 1 :] for device in other}
            assert len(wave) <= most
            assert not alone or len(set(sites)) == len(sites)
            assert len(wave) == most or later <= (set(sites) if alone else set())


def test_fleet_is_read_in_few_calls(vm: Simulator, connect: Callable[..., ManagerSession]) -> None:
    for number in range(20):
        vm.add_device(f"edge-{number}", "vedge", OLD, site_id=str(number))
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    session = connect(vm)
    plan = make_plan(parse_wish(NEW), read_fleet(session))
    session.close()
    assert len(steps(plan)) == 20
    assert len(vm.requests) <= 10


def test_name_on_two_lists_is_ambiguous(vm: Simulator, connect: Callable[..., ManagerSession]) -> None:
    for role in ("vedge", "vsmart"):
        vm.add_device("dc1", role, OLD)
    wish = parse_wish(NEW, devices=["dc1"])
    with connect(vm) as session, pytest.raises(VManageAmbiguousError, match="matches 2 devices"):
        choose_devices(wish, read_fleet(session, wish).devices)
