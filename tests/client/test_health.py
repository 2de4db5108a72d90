"""Health as a comparison with a baseline: the traps of the responses, one test each."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.health import (
    DeviceHealth,
    compare,
    parse_checks,
    parse_health,
    rebooted,
    worst,
)

IP = "10.10.1.13"


def device(**fields: Any) -> dict[str, Any]:
    """An edge of release 20.12, trimmed."""
    row = {
        "system-ip": IP,
        "reachability": "reachable",
        "status": "normal",
        "state": "green",
        "state_description": "All daemons up",
        "certificate-validity": "Valid",
        "controlConnections": "3",
        "connectedVManages": ["10.10.1.1"],
        "uptime-date": 1714036080000,
    }
    return {name: value for name, value in {**row, **fields}.items() if value is not None}


def counters(**fields: Any) -> dict[str, Any]:
    row = {
        "system-ip": IP,
        "number-vsmart-control-connections": 2,
        "expectedControlConnections": 2,
        "ompPeersUp": 1,
        "ompPeersDown": 0,
        "bfdSessionsUp": 6,
        "bfdSessionsDown": 0,
    }
    return {name: value for name, value in {**row, **fields}.items() if value is not None}


def tlocs(**colours: Any) -> list[dict[str, Any]]:
    return [{"system-ip": IP, "color": name, "bfdSessionsUp": up} for name, up in colours.items()]


def health(
    row: dict[str, Any] | None = None, counted: dict[str, Any] | None = None, rows: list[dict[str, Any]] | None = None
) -> DeviceHealth:
    usual = tlocs(lte=3, mpls=3) if rows is None else rows
    return parse_health([row or device()], [counted or counters()], usual)[IP]


def verdicts(before: DeviceHealth | None, after: DeviceHealth | None, **options: Any) -> dict[str, str]:
    return {one.check: one.verdict for one in compare(before, after, **options)}


def test_unchanged_device_is_ok_in_every_check() -> None:
    found = compare(health(), health())
    assert {one.verdict for one in found} == {"ok"}
    assert worst(found) == "ok"


def test_unreachable_edge_that_says_normal_is_worse() -> None:
    gone = device(
        reachability="unreachable", connectedVManages=[], controlConnections="--", ompPeers="--", bfdSessions="--"
    )
    assert gone["state"] == "green"
    found = compare(health(), health(gone, counters(**{"number-vsmart-control-connections": 0})))
    assert [(one.check, one.verdict) for one in found] == [("reachable", "worse")]
    assert str(found[0]) == "reachable worse: yes before, no now"


def test_reachable_edge_without_a_manager_is_unreachable() -> None:
    assert verdicts(health(), health(device(connectedVManages=[]))) == {"reachable": "worse"}
    assert verdicts(health(device(connectedVManages=[])), health(device(connectedVManages=[]))) == {
        "reachable": "was so before"
    }


def test_device_that_is_missing_from_the_list_is_worse() -> None:
    assert verdicts(health(), None) == verdicts(None, None) == {"reachable": "worse"}


@pytest.mark.parametrize("value", [None, "", "n/a", True])
def test_absent_and_unreadable_fields_are_not_zero(value: Any) -> None:
    found = verdicts(health(), health(counted=counters(ompPeersUp=value)))
    assert found["omp"] == "cannot tell"


def test_dashes_after_a_number_are_worse() -> None:
    lost = dict.fromkeys(("number-vsmart-control-connections", "ompPeersUp", "bfdSessionsUp"), "--")
    dashed = health(counted=counters(**lost), rows=tlocs(lte=3, mpls="--"))
    found = compare(health(), dashed)
    assert [str(one) for one in found if one.verdict == "worse"] == [
        "control worse: 2 of 2 before, -- of 2 now",
        "omp worse: 1 before, -- now",
        "bfd worse: 6 before, -- now",
        "colour worse: mpls 3 before, mpls -- now",
    ]
    assert {name for name, verdict in verdicts(dashed, health()).items() if verdict == "cannot tell"} == {
        "control",
        "omp",
        "bfd",
        "colour",
    }
    assert set(verdicts(dashed, dashed)) == {"reachable", "colour", "state", "certificate"}
    assert not dashed.as_json().keys() & {"control", "omp_up", "bfd_up"}


def test_device_without_omp_or_bfd_is_not_judged_by_it() -> None:
    bare = counters(ompPeersUp=None, ompPeersDown=None, bfdSessionsUp=None, bfdSessionsDown=None)
    found = verdicts(health(counted=bare, rows=[]), health(counted=bare, rows=[]))
    assert set(found) == {"reachable", "control", "state", "certificate"}


def test_text_and_integers_are_the_same_number() -> None:
    assert verdicts(health(counted=counters(bfdSessionsUp="6")), health())["bfd"] == "ok"


@pytest.mark.parametrize(
    ("before", "after", "expected", "verdict"),
    [
        (2, 2, 2, "ok"),
        (2, 3, 2, "ok"),
        (2, 1, 2, "worse"),
        (2, 1, 1, "ok"),
        (1, 1, 2, "was so before"),
        (0, 0, 2, "was so before"),
        (0, 0, 0, "ok"),
        (3, 2, 2, "ok"),
    ],
)
def test_control_connections_are_compared_with_before_and_expected(
    before: int, after: int, expected: int, verdict: str
) -> None:
    def counted(number: int) -> DeviceHealth:
        fields = {"number-vsmart-control-connections": number, "expectedControlConnections": expected}
        return health(counted=counters(**fields))

    assert verdicts(counted(before), counted(after))["control"] == verdict


def test_gain_is_fine_and_a_loss_is_worse() -> None:
    assert verdicts(health(), health(counted=counters(bfdSessionsUp=8)))["bfd"] == "ok"
    assert verdicts(health(), health(counted=counters(bfdSessionsUp=5)))["bfd"] == "worse"
    assert verdicts(health(), health(counted=counters(ompPeersUp=0)))["omp"] == "worse"


def test_lost_colour_is_worse_although_the_sum_is_as_before() -> None:
    found = compare(health(), health(rows=tlocs(lte=6)))
    assert [(one.verdict, one.before, one.after) for one in found if one.check == "colour"] == [
        ("ok", "lte 3", "lte 6"),
        ("worse", "mpls 3", "mpls 0"),
    ]


def test_device_without_transport_rows_is_not_judged_by_them() -> None:
    assert verdicts(health(), health(rows=[]))["colour"] == "cannot tell"


def test_losses_that_failed_devices_explain_are_cannot_tell() -> None:
    after = health(counted=counters(bfdSessionsUp=4), rows=tlocs(lte=2, mpls=2))
    assert verdicts(health(), after, lost_tlocs=1)["bfd"] == "cannot tell"
    assert verdicts(health(), after, lost_tlocs=1)["colour"] == "cannot tell"
    assert verdicts(health(), after)["bfd"] == "worse"


@pytest.mark.parametrize(
    ("field", "check", "bad"), [("state", "state", "yellow"), ("certificate-validity", "certificate", "Expired")]
)
def test_text_that_was_bad_before_is_no_loss(field: str, check: str, bad: str) -> None:
    ill = health(device(**{field: bad}))
    assert verdicts(health(), ill)[check] == "worse"
    assert verdicts(ill, ill)[check] == "was so before"
    assert verdicts(ill, health())[check] == "ok"
    assert verdicts(health(), health(device(**{field: None})))[check] == "cannot tell"


def test_configuration_is_judged_where_the_manager_shows_it() -> None:
    assert "config" not in verdicts(health(), health())
    synced, stale = health(device(configStatusMessage="In Sync")), health(device(configStatusMessage="Sync pending"))
    assert verdicts(synced, stale)["config"] == "worse"


@pytest.mark.parametrize(
    ("shift", "is_reboot"), [(0, False), (-60_000, False), (60_000, False), (300_000, False), (301_000, True)]
)
def test_boot_time_that_wobbles_is_no_reboot(shift: int, is_reboot: bool) -> None:
    after = health(device(**{"uptime-date": 1714036080000 + shift}))
    assert rebooted(health(), after) is is_reboot
    assert rebooted(health(), health(device(**{"uptime-date": None}))) is None


def test_only_the_wanted_checks_are_made() -> None:
    assert set(verdicts(health(), health(), checks=("bfd", "state"))) == {"bfd", "state"}


@pytest.mark.parametrize("checks", ["bfd", ["bfd", "weather"], None, [7]])
def test_unknown_checks_are_refused(checks: Any) -> None:
    with pytest.raises(VManageConfigurationError, match="checks is"):
        parse_checks(checks)


def test_rows_are_joined_by_address_and_not_by_name() -> None:
    rows = [device(**{"host-name": "edge"}), device(**{"system-ip": "10.10.1.14", "host-name": "edge"})]
    found = parse_health(rows, [counters(**{"system-ip": "10.10.1.14", "bfdSessionsUp": 1})], [])
    assert (found[IP].bfd_up, found["10.10.1.14"].bfd_up) == (None, 1)


def test_compact_form_leaves_out_what_is_unknown() -> None:
    assert health(rows=[], counted={"system-ip": IP}).as_json() == {
        "reachable": True,
        "state": "green",
        "certificate": "Valid",
        "booted_at": 1714036080000,
    }
