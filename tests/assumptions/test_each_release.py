"""Every assumption holds for the simulator of each release, or is marked as what the simulator invents."""

from __future__ import annotations

import re

import pytest

from airflow_provider_vmanage.client.assumptions.all import ASSUMPTIONS
from airflow_provider_vmanage.client.assumptions.gather import MOST_REQUESTS, READS_S
from airflow_provider_vmanage.client.assumptions.run import check_manager
from airflow_provider_vmanage.client.assumptions.table import ACTION, AS_ASSUMED, MARKS, NOT_SEEN, Table
from airflow_provider_vmanage.client.errors import VManageAuthenticationError, VManageConfigurationError
from airflow_provider_vmanage.simulator import Simulator
from tests.assumptions.manager_in_use import MINUTE_S, check, differing, fill, settings_of

pytestmark = pytest.mark.each_release

INVENTED = {
    "accepted-upload-has-no-body",
    "busy-device-takes-no-second-action",
    "cancelled-task-ends-what-has-not-begun",
    "delete-of-an-unknown-id-is-refused",
    "health-follows-a-reboot",
    "image-is-deleted-by-the-id-of-its-file",
    "needed-version-is-not-removed",
    "second-upload-of-a-name-is-refused",
    "unknown-task-is-refused",
    "upload-of-any-name-is-accepted",
}
"""What no source documents: the simulator decides it, so that it holds here proves nothing."""

BY_ACTIONS = {one.id for one in ASSUMPTIONS if one.needs == ACTION}

NOT_IN_16_3 = {
    *("file-ids-are-those-of-the-second-list", "image-is-deleted-by-the-id-of-its-file"),
    *("maps-name-the-files-of-the-record", "shared-records-have-ids-of-files"),
    *("remote-servers-are-a-list", "remote-servers-have-known-types", "remote-servers-have-known-fields"),
    "remote-servers-show-no-password",
}


def test_every_assumption_holds_in_each_release(release: str) -> None:
    with Simulator(version=release, fleet=8, seconds_per_minute=MINUTE_S, tenants=["acme"]) as vm:
        fill(vm)
        before = [image.file_name for image in vm.images]
        report = check(vm, write=True)
        assert differing(report) == {}
        unseen = {one.assumption.id for one in report.results if one.outcome == NOT_SEEN}
        assert unseen == BY_ACTIONS | (NOT_IN_16_3 if release.startswith("16.3") else set())
        assert [image.file_name for image in vm.images] == before


def test_reads_take_one_session_and_few_requests(vm_of_release: Simulator) -> None:
    fill(vm_of_release)
    before = vm_of_release.counters
    report = check(vm_of_release)
    after = vm_of_release.counters
    assert (after.logins - before.logins, after.logouts - before.logouts, after.open_sessions) == (1, 1, 0)
    assert after.requests - before.requests == report.requests < MOST_REQUESTS
    assert report.seconds < READS_S < 60
    changes = [one for one in vm_of_release.requests[before.requests :] if one.method != "GET"]
    assert {one.path for one in changes} <= {"/j_security_check", "/logout"}


def test_slow_manager_is_left_within_the_limit(vm: Simulator) -> None:
    vm.faults.add("trickle", path="device", size=600, pause=0.2)
    report = check(vm, reads_s=1.0)
    outcomes = {one.assumption.id: one.outcome for one in report.results}
    assert report.seconds < 10
    assert outcomes["images-are-a-list"] == AS_ASSUMED
    assert outcomes["health-tlocs-are-a-list"] == NOT_SEEN
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(
    ("shape", "known"), [("a", True), ("b", True), ("c", True), ("d", True), ("e", True), ("f", False)]
)
def test_end_of_an_idle_session_is_recognised(shape: str, *, known: bool) -> None:
    with Simulator(dead_session=shape, idle=2.0) as vm:  # type: ignore[arg-type]
        found = differing(check(vm, idle_s=2.5))
        assert ("idle-session-ends-in-a-known-shape" not in found) is known


def test_what_no_source_documents_is_marked_as_invented() -> None:
    assert {one.id for one in ASSUMPTIONS if one.mark == "U"} == INVENTED


@pytest.mark.parametrize("assumption", ASSUMPTIONS, ids=lambda one: one.id)
def test_assumption_is_written_down_completely(assumption: object) -> None:
    one = next(each for each in ASSUMPTIONS if each is assumption)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", one.id)
    assert one.mark in MARKS
    for text in (one.sentence, one.otherwise):
        assert re.fullmatch(r"[A-Z0-9/a-z].*\.", text)
        assert len(text) <= 120
    assert len(one.source) > 10 or one.mark == "U"


def test_ids_of_assumptions_are_unique() -> None:
    assert len({one.id for one in ASSUMPTIONS}) == len(ASSUMPTIONS)


def test_unknown_mark_is_an_error() -> None:
    with pytest.raises(ValueError, match="mark is 'X': use one of D, L, C, I, U"):
        Table().add("X", "nowhere", otherwise="Nothing.")


@pytest.mark.parametrize("status", [429, 503])
def test_busy_manager_is_not_seen_instead_of_different(status: int, vm: Simulator) -> None:
    vm.faults.add("status", times=None, status=status)
    report = check(vm)
    lists = [one for one in report.results if one.assumption.id.endswith("-are-a-list")]
    assert {one.outcome for one in lists} == {NOT_SEEN}


@pytest.mark.parametrize(
    "extra", [{"auth": "jwt"}, {"auth": "api_key", "api_key": "{key}"}], ids=lambda one: one["auth"]
)
def test_other_logins_leave_out_what_is_about_cookies(extra: dict[str, str]) -> None:
    with Simulator(version="20.18.2") as vm:
        settings = settings_of(vm, **{name: value.format(key=vm.api_key) for name, value in extra.items()})
        report = check_manager(settings)
        assert differing(report) == {}
        outcomes = {one.assumption.id: one.outcome for one in report.results}
        assert outcomes["good-login-is-empty"] == NOT_SEEN
        assert outcomes["images-are-a-list"] == AS_ASSUMED
        assert vm.counters.open_sessions == 0


def test_refused_api_key_ends_the_check() -> None:
    with Simulator(version="20.18.2") as vm:
        with pytest.raises(VManageAuthenticationError, match="The API key is not accepted"):
            check_manager(settings_of(vm, auth="api_key", api_key="no-key"))
        assert len(vm.requests) == 1


def test_unknown_tenant_ends_the_check_and_logs_out() -> None:
    with Simulator(tenants=["acme"]) as vm:
        with pytest.raises(VManageConfigurationError, match="tenant 'other' matches 0 of 1 tenants"):
            check_manager(settings_of(vm, tenant="other"))
        assert vm.counters.open_sessions == 0
