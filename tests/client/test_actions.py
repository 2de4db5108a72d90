"""Bodies of actions on devices, the status of their tasks and what it means, from every published sample."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.client.device_actions.actions import (
    ActionKind,
    ImageInput,
    Target,
    install_body,
    partition_body,
    process_id_of,
)
from airflow_provider_vmanage.client.device_actions.task_status import (
    TaskStatus,
    parse_running_tasks,
    parse_status,
    verdict_of,
)
from airflow_provider_vmanage.client.errors import VManageProtocolError

EDGE = Target("C8K-1", "10.0.0.1", "17.12.04.0.6740")
OTHER = Target("C8K-2", "10.0.0.2", "17.12.04.0.6740")


def sub_task(target: Target = EDGE, status: Any = "Success", status_id: Any = "success", **more: Any) -> dict[str, Any]:
    """A row like that of the one complete published sample (S1), trimmed."""
    lines = ["[29-Jun-2022 1:29:11 UTC] Executing device action", "[29-Jun-2022 1:31:19 UTC] Done"]
    row = {
        "statusType": "change_partition",
        "activity": lines,
        "currentActivity": "Done - Change Partition",
        "status": status,
        "statusId": status_id,
        "uuid": target.device_id,
        "deviceID": target.device_id,
        "system-ip": target.ip,
        "local-system-ip": target.ip,
        "order": 0,
        "startTime": 1685440088317,
    }
    return {name: value for name, value in {**row, **more}.items() if value is not None}


def task(
    *rows: dict[str, Any], word: Any = "done", validation: Any = ("Validation success", "validation_success")
) -> TaskStatus:
    body: dict[str, Any] = {
        "header": {},
        "data": list(rows),
        "summary": {"status": word, "total": len(rows), "startTime": "1685440057829", "endTime": "1685440179295"},
        "isCancelEnabled": True,
    }
    if validation:
        body["validation"] = {"status": validation[0], "statusId": validation[1], "activity": [], "uuid": "Validation"}
    return parse_status(body)


# -- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("release", "is_list"), [((20, 9), False), ((20, 16), False), ((20, 18), True), (None, True)])
def test_release_decides_between_the_flat_and_the_list_form(release: tuple[int, int] | None, is_list: bool) -> None:
    image = ImageInput("17.12.04.0.6740.1708", "c8000v")
    body = install_body([EDGE], [image], device_type="vedge", release=release)
    named = {"family": "c8000v", "version": "17.12.04.0.6740.1708"}
    common = {"vEdgeVPN": 0, "vSmartVPN": 0, "versionType": "vmanage", "reboot": False, "sync": True}
    assert body == {
        "action": "install",
        "input": {**common, **({"data": [named]} if is_list else named)},
        "devices": [{"deviceId": "C8K-1", "deviceIP": "10.0.0.1"}],
        "deviceType": "vedge",
    }


def test_remote_image_is_named_by_id_and_server_everywhere() -> None:
    image = ImageInput("39db1b51", "c8000v", remote_server_id="9ef53f4a")
    body = install_body([EDGE], [image], device_type="vedge", release=(20, 9), activate=True)
    assert body["input"]["versionType"] == "remote"
    assert body["input"]["reboot"] is True
    assert body["input"]["data"] == [
        {"family": "c8000v", "version": "39db1b51", "versionId": "39db1b51", "remoteServerId": "9ef53f4a"}
    ]


@pytest.mark.parametrize(
    ("kind", "action"), [(ActionKind.ACTIVATE, "changepartition"), (ActionKind.SET_DEFAULT, "defaultpartition")]
)
def test_activation_and_default_name_one_version_for_each_device(kind: ActionKind, action: str) -> None:
    body = partition_body(kind, [EDGE, OTHER], device_type="vedge")
    assert body["action"] == action
    assert body["devices"] == [
        {"deviceId": "C8K-1", "deviceIP": "10.0.0.1", "version": "17.12.04.0.6740"},
        {"deviceId": "C8K-2", "deviceIP": "10.0.0.2", "version": "17.12.04.0.6740"},
    ]


def test_removal_lists_all_versions_of_a_device_once() -> None:
    targets = [EDGE, Target("C8K-1", "10.0.0.1", "17.09.04.0.4733"), OTHER]
    body = partition_body(ActionKind.REMOVE, targets, device_type="vedge")
    assert body["devices"] == [
        {"deviceId": "C8K-1", "deviceIP": "10.0.0.1", "version": ["17.12.04.0.6740", "17.09.04.0.4733"]},
        {"deviceId": "C8K-2", "deviceIP": "10.0.0.2", "version": ["17.12.04.0.6740"]},
    ]


# -- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "status_id", "succeeded"),
    [
        ("Success", "success", True),
        ("Done - Scheduled", "success_scheduled", True),
        ("Done - Scheduled", None, True),
        (None, "success", True),
        ("Failure", "failure", False),
        ("Failed", "failed", False),
        ("Skipped", "skipped", False),
        ("Timed out", "time_out", False),
        ("Cancelled", "cancelled", False),
        ("Success", "success_warning", False),
        ("Failure", "success", False),
        ("Success", "failure", False),
        ("In progress", "in_progress", False),
        ("Scheduled", "scheduled", False),
        ("Gloriously done", "glorious", False),
        (None, None, False),
        (17, ["success"], False),
    ],
)
def test_only_words_of_success_make_a_device_a_success(status: Any, status_id: Any, succeeded: bool) -> None:
    verdict = verdict_of(task(sub_task(status=status, status_id=status_id)), EDGE)
    assert verdict.succeeded is succeeded
    assert bool(verdict.reason) is not succeeded
    assert verdict.activity == "[29-Jun-2022 1:31:19 UTC] Done"


def test_device_without_a_row_has_failed() -> None:
    status = task(sub_task(OTHER))
    assert verdict_of(status, OTHER).succeeded
    assert verdict_of(status, EDGE).reason == "the manager reports nothing about this device"


def test_one_failed_row_of_a_device_outweighs_another() -> None:
    assert not verdict_of(task(sub_task(), sub_task(status="Failure", status_id="failure")), EDGE).succeeded


def test_row_is_matched_by_either_of_its_ids() -> None:
    assert verdict_of(task(sub_task(uuid="7", deviceID=EDGE.device_id)), EDGE).succeeded
    assert verdict_of(task(sub_task(uuid=EDGE.device_id, deviceID=EDGE.ip)), EDGE).succeeded


def test_row_without_uuid_is_matched_by_the_address() -> None:
    assert verdict_of(task(sub_task(uuid=None, deviceID=None)), EDGE).succeeded
    assert not verdict_of(task(sub_task(OTHER, **{"system-ip": EDGE.ip})), EDGE).succeeded


@pytest.mark.parametrize(
    ("validation", "succeeded"),
    [
        (None, True),
        (("Validation success", "validation_success"), True),
        (("Validation failure", "validation_success"), False),
        (("Validation failure", "validation_failure"), False),
        (("Validation pending", "validation_pending"), False),
    ],
    ids=["none (S4)", "success (S1)", "failure with the id of success (S5)", "failure", "unknown word"],
)
def test_validation_that_did_not_succeed_fails_every_device(validation: Any, succeeded: bool) -> None:
    assert verdict_of(task(sub_task(), validation=validation), EDGE).succeeded is succeeded


@pytest.mark.parametrize("data", [[], None], ids=["empty (S2)", "null"])
def test_no_rows_until_the_end_are_no_success(data: Any) -> None:
    status = parse_status({"data": data, "summary": {"status": "done"}})
    assert status.has_ended([EDGE])
    assert not verdict_of(status, EDGE).succeeded


def test_status_without_data_is_readable() -> None:
    status = parse_status({"summary": {"status": "in_progress"}})  # S3
    assert status.rows == ()
    assert not status.has_ended([EDGE])


def test_reason_of_a_failed_validation_is_its_last_line() -> None:
    body = {
        "data": [],
        "summary": {"status": "done"},
        "validation": {"status": "Validation failure", "statusId": "validation_failure", "activity": ["a", "no image"]},
    }
    assert verdict_of(parse_status(body), EDGE).reason == "the manager's validation failed: no image"


# -- the end of a task ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "rows", "ended"),
    [
        ("done", [], True),
        ("Done", [sub_task(status="In progress", status_id="in_progress")], True),
        ("in_progress", [sub_task()], False),
        ("In progress", [sub_task()], False),
        (None, [sub_task()], False),
        ("", [sub_task()], False),
        ("finalising", [], False),
        ("finalising", [sub_task(OTHER)], False),
        ("finalising", [sub_task(status="Scheduled", status_id="scheduled")], False),
        ("finalising", [sub_task(status=None, status_id=None)], False),
        ("cancelled", [sub_task(status="Cancelled", status_id="cancelled")], True),
    ],
)
def test_task_has_ended_by_its_summary_not_its_rows(word: Any, rows: list[dict[str, Any]], ended: bool) -> None:
    assert task(*rows, word=word).has_ended([EDGE]) is ended


@pytest.mark.parametrize(
    "body", [None, [], "done", {"data": {}}, {"data": ["x"]}, {"summary": "done"}, {"validation": []}, {"summary": []}]
)
def test_status_of_another_shape_is_a_protocol_error(body: Any) -> None:
    with pytest.raises(VManageProtocolError):
        parse_status(body)


def test_action_config_may_be_text_or_an_object() -> None:
    assert verdict_of(task(sub_task(actionConfig={"a": 1})), EDGE).succeeded  # S6
    assert verdict_of(task(sub_task(actionConfig="{}")), EDGE).succeeded


# -- ids and running tasks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id", "task_id"])
def test_id_of_a_task_is_read_from_either_documented_name(name: str) -> None:
    assert process_id_of({name: " change_partition-1 "}) == "change_partition-1"


@pytest.mark.parametrize("body", [None, {}, {"id": ""}, {"id": None}, {"id": 7}, []])
def test_response_without_an_id_is_a_protocol_error(body: Any) -> None:
    with pytest.raises(VManageProtocolError):
        process_id_of(body)


def test_action_or_id_gives_the_kind_of_a_running_task() -> None:
    first, second, third = parse_running_tasks(
        {
            "runningTasks": [
                {"processId": "software_install-1", "action": "", "userSessionUserName": "admin"},
                {"processId": "x", "action": "change_partition"},
                {"processId": "push_feature_template_configuration-1", "action": "push_feature_template_configuration"},
            ]
        }
    )
    assert first.is_kind(ActionKind.INSTALL)
    assert not first.is_kind(ActionKind.ACTIVATE)
    assert first.user == "admin"
    assert second.is_kind(ActionKind.ACTIVATE)
    assert second.user is None
    assert not any(third.is_kind(kind) for kind in ActionKind)


@pytest.mark.parametrize("body", [None, {}, {"runningTasks": None}, {"runningTasks": [{}]}, {"runningTasks": ["x"]}])
def test_unreadable_list_of_running_tasks_is_not_empty(body: Any) -> None:
    with pytest.raises(VManageProtocolError):
        parse_running_tasks(body)
