"""Waves: by role, by site, in sizes that begin again with each role."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.upgrade.waves import ROLES, check_roles, make_waves, parse_wave_sizes


def edge(name: str, site: str | None = None, role: str = "vedge") -> Device:
    return Device(name, device_id=f"id-{name}", site_id=site or name, role=role)


def names(waves: list[list[Device]]) -> list[list[str]]:
    return [[device.name for device in wave] for wave in waves]


def test_sizes_are_numbers_or_percentages_and_the_last_one_repeats() -> None:
    waves = make_waves([edge(f"{n:02}") for n in range(21)], parse_wave_sizes([1, "10%", "40%"]))
    assert [len(wave) for wave in waves] == [1, 3, 9, 8]


def test_two_devices_of_one_site_never_share_a_wave() -> None:
    devices = [edge("a1", "1"), edge("a2", "1"), edge("b1", "2"), edge("b2", "2"), edge("c1", "3")]
    assert names(make_waves(devices, parse_wave_sizes(["100%"]))) == [["a1", "b1", "c1"], ["a2", "b2"]]
    assert names(make_waves(devices, parse_wave_sizes([5]), one_per_site=False)) == [["a1", "a2", "b1", "b2", "c1"]]


def test_seven_percent_of_a_hundred_are_seven() -> None:
    assert len(make_waves([edge(f"{n:03}") for n in range(100)], parse_wave_sizes(["7%"]))[0]) == 7


def test_devices_without_a_site_count_as_one_site() -> None:
    devices = [Device(name, device_id=name, role="vedge") for name in "ab"]
    assert names(make_waves(devices, [5])) == [["a"], ["b"]]


def test_roles_follow_one_another_and_sizes_begin_again() -> None:
    devices = [edge("e1"), edge("e2"), edge("s1", role="vsmart"), edge("s2", role="vsmart"), edge("b1", role="vbond")]
    assert names(make_waves(devices, parse_wave_sizes([1, "100%"]))) == [["b1"], ["s1"], ["s2"], ["e1"], ["e2"]]


def test_sites_are_ordered_as_numbers() -> None:
    devices = [edge("x", "10"), edge("y", "9"), edge("z", "lab")]
    assert names(make_waves(devices, [1])) == [["y"], ["x"], ["z"]]


def test_manager_is_upgraded_alone() -> None:
    manager = edge("m", role="vmanage")
    assert names(make_waves([manager], [1])) == [["m"]]
    check_roles([manager])
    with pytest.raises(VManageConfigurationError, match="the manager m beside other roles"):
        check_roles([manager, edge("e")])
    with pytest.raises(VManageConfigurationError, match=r"r \(router\)"):
        check_roles([edge("r", role="router")])


@pytest.mark.parametrize("sizes", [[], "10%", [0], [-1], ["0%"], ["101%"], [True], [1.5], ["half"], [None], None])
def test_sizes_that_mean_nothing_are_refused(sizes: Any) -> None:
    with pytest.raises(VManageConfigurationError, match="wave_sizes"):
        parse_wave_sizes(sizes)


def test_sizes_may_arrive_as_text() -> None:
    assert parse_wave_sizes(["1", " 10 %"]) == (1, Fraction(1, 10))


@st.composite
def fleets(draw: st.DrawFn) -> list[Device]:
    drawn = draw(st.lists(st.tuples(st.integers(1, 8), st.sampled_from(ROLES)), max_size=40))
    return [edge(f"d{number}", str(site), role) for number, (site, role) in enumerate(drawn)]


SIZES = st.lists(st.one_of(st.integers(1, 9), st.integers(1, 100).map(lambda n: f"{n}%")), min_size=1, max_size=4)


@pytest.mark.slow
@given(fleets(), SIZES, st.booleans(), st.randoms(use_true_random=False))
def test_every_device_is_in_exactly_one_wave(fleet: list[Device], sizes: list[Any], alone: bool, random: Any) -> None:
    waves = make_waves(fleet, parse_wave_sizes(sizes), one_per_site=alone)
    assert sorted(device.name for wave in waves for device in wave) == sorted(device.name for device in fleet)
    order = [ROLES.index(wave[0].role or "") for wave in waves]
    assert order == sorted(order)
    for wave in waves:
        assert len({device.role for device in wave}) == 1
        assert not alone or max(Counter(device.site_id for device in wave).values()) == 1
        of_role = sum(device.role == wave[0].role for device in fleet)
        largest = [int(one) if isinstance(one, int) else math.ceil(Fraction(one[:-1]) * of_role / 100) for one in sizes]
        assert len(wave) <= max(largest)
    shuffled = list(fleet)
    random.shuffle(shuffled)
    assert names(make_waves(shuffled, parse_wave_sizes(sizes), one_per_site=alone)) == names(waves)
