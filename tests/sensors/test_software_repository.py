"""The sensor, run by Airflow's own BaseSensorOperator: when it is done, when it goes on, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from airflow.sdk.bases import sensor as airflow_sensor
from airflow.serialization import serialized_objects

from airflow_provider_vmanage.client.errors import VManageProtocolError, VManageUnavailableError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.simulator import Simulator

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowRescheduleException

#: called SerializedDAG up to Airflow 3.1
SERIALIZATION: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG

LIST = "GET device/action/software"
ROW = ["version", "version_id", "file_name", "image_type", "version_type", "platform_family", "updated_on"]


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    return vm


@pytest.fixture
def pokes(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Airflow's waits between two pokes; ``between`` is called in each instead."""
    seen = SimpleNamespace(waits=[], between=lambda: None, now=0.0)

    def sleep(seconds: float) -> None:
        seen.waits.append(seconds)
        seen.now += seconds
        seen.between()

    monkeypatch.setattr(airflow_sensor, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: seen.now))
    return seen


def sensor(**arguments: Any) -> ImageVersionSensor:
    given = {"poke_interval": 60, "timeout": 600, **arguments}
    if not {"version", "file_name"} & given.keys():
        given["version"] = "20.15.1"
    return ImageVersionSensor(task_id="wait", **given)


def rescheduled(since: datetime | None = None) -> dict[str, Any]:
    return {"ti": SimpleNamespace(xcom_push=lambda **_: None, get_first_reschedule_date=lambda _: since)}


def test_unreadable_record_or_latin_1_name_keeps_images_listed(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_record({"versionId": "id-odd", "versionName": {"major": 20}, "availableFiles": "größe.bin"})
    vm.add_record(
        {"versionId": "id-1", "versionName": "20.15.1", "availableFiles": "größe.bin".encode().decode("latin-1")}
    )
    assert run(sensor(file_name="größe.bin"))["version_id"] == "id-1"
    assert run(sensor())["version_id"] == "id-1"


def test_existing_image_is_found_by_the_first_poke(
    vm_of_release: Simulator, connect: Callable[..., None], run: Callable[..., Any], calls: Callable[..., list[str]]
) -> None:
    connect(vm_of_release)
    image = vm_of_release.add_image("vmanage-20.15.1-x86_64.tar.gz")
    row = run(sensor())
    assert list(row)[: len(ROW)] == ROW
    assert json.loads(json.dumps(row)) == row
    assert (row["version"], row["version_id"], row["file_name"]) == ("20.15.1", image.version_id, image.file_name)
    assert row["updated_on"] == image.updated_on
    assert calls(vm_of_release)[-2:] == [LIST, f"{vm_of_release.release.logout_verb} /logout"]
    assert calls(vm_of_release).count(LIST) == 1


def test_later_image_is_found_in_the_same_session(
    vm: Simulator, run: Callable[..., Any], calls: Callable[..., list[str]], pokes: SimpleNamespace
) -> None:
    pokes.between = lambda: vm.add_image("a.bin", version="20.15.1") if len(pokes.waits) == 3 else None
    assert run(sensor())["file_name"] == "a.bin"
    assert pokes.waits == [60, 60, 60]
    assert calls(vm).count(LIST) == 4
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_session_that_dies_between_two_pokes_is_opened_again(
    vm: Simulator, run: Callable[..., Any], pokes: SimpleNamespace
) -> None:
    def between() -> None:
        vm.expire_sessions()
        vm.add_image("a.bin", version="20.15.1")

    pokes.between = between
    assert run(sensor())["file_name"] == "a.bin"
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)


def test_each_poke_in_reschedule_mode_has_its_own_session(vm: Simulator, run: Callable[..., Any]) -> None:
    waiting = sensor(mode="reschedule")
    before = datetime.now(timezone.utc)
    with pytest.raises(AirflowRescheduleException) as caught:
        run(waiting, rescheduled())
    assert caught.value.reschedule_date - before >= timedelta(seconds=60)
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (1, 1, 0)

    vm.add_image("a.bin", version="20.15.1")
    assert run(sensor(mode="reschedule"), rescheduled(before))["file_name"] == "a.bin"
    assert (vm.counters.logins, vm.counters.open_sessions) == (2, 0)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"version": "20.1"}, "old.bin"),
        ({"version": "20.15"}, None),
        ({"file_name": "vedge.bin"}, "vedge.bin"),
        ({"file_name": "edge.bin"}, None),
        ({"version": "20.15.1", "file_name": "vedge.bin"}, "vedge.bin"),
        ({"version": "20.1", "file_name": "vedge.bin"}, None),
        ({"version": "20.15.1", "platform_family": "vedge-x86"}, "vedge.bin"),
        ({"version": "20.15.1", "platform_family": "vedge"}, None),
        ({"version": "20.15.1", "image_type": "virtualmachine"}, "vnf.bin"),
        ({"version": "20.15.1", "image_type": "virtual"}, None),
    ],
)
def test_all_that_is_given_must_fit_exactly(
    wanted: dict[str, str], found: str | None, vm: Simulator, run: Callable[..., Any], pokes: SimpleNamespace
) -> None:
    vm.add_image("old.bin", version="20.1")
    vm.add_image("vedge.bin", version="20.15.1", platform_family="vedge-x86")
    vm.add_image("vnf.bin", version="20.15.1", platform_family="c8000v", image_type="virtualmachine")
    if found:
        assert run(sensor(**wanted))["file_name"] == found
        return
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(**wanted))


def test_newest_match_is_the_xcom_and_others_are_logged(
    vm: Simulator, run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, updated_on in (("a.bin", 2), ("b.bin", 3), ("c.bin", 1)):
        vm.add_image(name, version="20.15.1", updated_on=updated_on)
    said: list[str] = []
    waiting = sensor()
    waiting._cached_logger = SimpleNamespace(info=lambda text, *values: said.append(text % values))  # type: ignore[assignment]
    assert run(waiting)["file_name"] == "b.bin"
    (listed,) = [line for line in said if line.startswith("Listed: b.bin")]
    assert "; also a.bin" in listed
    assert "; c.bin" in listed


# -- how it ends otherwise -------------------------------------------------------------------------------------------


def login_refused(vm: Simulator) -> None:
    vm.faults.add("login_refused", times=None)


def no_role(vm: Simulator) -> None:
    vm.faults.add("forbidden", times=None, path="device/action/software")


def broken_list(vm: Simulator) -> None:
    vm.faults.add("data_null", times=None, path="device/action/software")


def unavailable(vm: Simulator) -> None:
    vm.faults.add("http_503", times=None, path="device/action/software")


def nothing(vm: Simulator) -> None:
    """The image just does not come."""


FAIL, TIMEOUT, SKIP = VManageFailException, AirflowSensorTimeout, AirflowSkipException
ENDS = [
    # trouble, plain, soft_fail, never_fail, silent_fail
    (nothing, TIMEOUT, SKIP, TIMEOUT, TIMEOUT),
    (login_refused, FAIL, SKIP, SKIP, FAIL),
    (no_role, FAIL, SKIP, SKIP, FAIL),
    (broken_list, VManageProtocolError, VManageProtocolError, SKIP, TIMEOUT),
    (unavailable, VManageUnavailableError, VManageUnavailableError, SKIP, TIMEOUT),
]


@pytest.mark.usefixtures("pokes")
@pytest.mark.parametrize(
    ("trouble", "option", "end"),
    [
        pytest.param(row[0], option, end, id=f"{row[0].__name__}-{option}")
        for row in ENDS
        for option, end in zip(("plain", "soft_fail", "never_fail", "silent_fail"), row[1:], strict=True)
    ],
)
def test_each_kind_of_trouble_ends_as_airflow_promises(
    trouble: Callable[[Simulator], None],
    option: str,
    end: type[Exception],
    vm: Simulator,
    run: Callable[..., Any],
) -> None:
    trouble(vm)
    options = {} if option == "plain" else {option: True}
    with pytest.raises(end) as caught:
        run(sensor(timeout=120, **options))
    assert type(caught.value) is end
    assert vm.counters.open_sessions == 0
    if trouble is login_refused:
        assert [one.path for one in vm.requests] == ["/j_security_check", "/dataservice/client/server/ready"]


def test_silent_sensor_does_not_repeat_a_refused_login(vm: Simulator, run: Callable[..., Any]) -> None:
    """Five refused logins lock the account: a sensor that goes on would do that."""
    login_refused(vm)
    with pytest.raises(AirflowFailException):
        run(sensor(mode="reschedule", silent_fail=True), rescheduled())


def test_in_reschedule_mode_the_time_counts_from_the_first_try(vm: Simulator, run: Callable[..., Any]) -> None:
    began = datetime.now(timezone.utc) - timedelta(seconds=601)
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(mode="reschedule"), rescheduled(began))
    with pytest.raises(AirflowSkipException):
        run(sensor(mode="reschedule", soft_fail=True), rescheduled(began))
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"version": None}, "version and file_name are both missing: give at least one"),
        ({"version": ""}, "version is '': give"),
        ({"version": " "}, "version is ' ': give"),
        ({"version": "", "file_name": "a.bin"}, "version is '': give"),
        ({"file_name": ""}, "file_name is '': give"),
    ],
)
def test_bad_input_fails_without_retry_and_sends_nothing(
    arguments: dict[str, Any], words: str, vm: Simulator, run: Callable[..., Any]
) -> None:
    with pytest.raises(VManageFailException, match=words):
        run(sensor(**arguments))
    assert vm.requests == []


def test_killed_sensor_breaks_off_its_call(vm: Simulator, run: Callable[..., Any], pokes: SimpleNamespace) -> None:
    waiting = sensor()
    pokes.between = waiting.on_kill
    with pytest.raises(Exception, match="Stopped on request"):
        run(waiting)
    assert vm.counters.open_sessions == 0


# -- as a part of a DAG ----------------------------------------------------------------------------------------------


def test_its_fields_are_rendered_and_it_survives_serialization() -> None:
    from airflow.sdk import DAG

    with DAG("waits", schedule=None) as dag:
        arguments = {
            name: f"{{{{ params.{name} }}}}" for name in ImageVersionSensor.template_fields if name != "vmanage_conn_id"
        }
        waiting = ImageVersionSensor(task_id="wait", vmanage_conn_id="{{ params.conn }}", **arguments)  # type: ignore[arg-type]
        ImageVersionSensor.partial(task_id="mapped", mode="reschedule").expand(version=["20.1", "20.2"])
    SERIALIZATION.from_dict(json.loads(json.dumps(SERIALIZATION.to_dict(dag))))

    waiting.render_template_fields({"params": {**{name: name.upper() for name in arguments}, "conn": "lab"}})  # type: ignore[typeddict-unknown-key]
    assert {name: getattr(waiting, name) for name in arguments} == {name: name.upper() for name in arguments}
    assert isinstance(waiting.hook, VManageHook)
    assert waiting.hook.vmanage_conn_id == "lab"
