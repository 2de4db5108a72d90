"""Assumptions about actions on devices: what lists and running tasks show of them, and what only an action shows."""

from __future__ import annotations

from airflow_provider_vmanage.client.assumptions.lists import all_rows
from airflow_provider_vmanage.client.assumptions.seen import Seen, Unseen
from airflow_provider_vmanage.client.assumptions.table import ACTION, Assumption, Table
from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.task_status import (
    OPEN_WORDS,
    SUCCESS_WORDS,
    SubTask,
    TaskStatus,
    parse_running_tasks,
    parse_status,
)
from airflow_provider_vmanage.client.devices import parse_device
from airflow_provider_vmanage.client.errors import VManageError

ACTIONS = Table()

_LISTS = ("edges", "controllers", "managers")
_OPENAPI = "Cisco, OpenAPI of releases 2022 and 26.1"
_CATALYSTWAN = "catalystwan 0.41.6"
_PLAYBOOKS = "asserted by the playbooks of Cisco's Ansible collection"
_UNKNOWN = "searched, not found"

#: words of a row that public clients test for
_WORDS = SUCCESS_WORDS | OPEN_WORDS | {"failure", "skipped", "cancelled", "time_out", "success_warning"}


def _missing_in_devices(seen: Seen, attribute: str) -> str | None:
    rows = all_rows(seen, _LISTS)
    missing = sum(getattr(parse_device(row), attribute) is None for row in rows)
    return f"missing in {missing} of {len(rows)}" if missing else None


@ACTIONS.add("C", _CATALYSTWAN, otherwise="Actions name the device by its system-ip instead.")
def devices_have_a_local_address(seen: Seen) -> str | None:
    """Every device has a local-system-ip: the deviceIP of an action."""
    return _missing_in_devices(seen, "local_ip")


@ACTIONS.add("D", _OPENAPI, otherwise="No image that names families fits the device: nothing is sent for it.")
def devices_have_a_platform_family(seen: Seen) -> str | None:
    """Every device has a platformFamily, by which its image is found."""
    return _missing_in_devices(seen, "platform_family")


@ACTIONS.add("D", _OPENAPI, otherwise="The default is set and cannot be confirmed: the device counts as failed.")
def devices_show_their_default(seen: Seen) -> str | None:
    """Every device shows its defaultVersion."""
    return _missing_in_devices(seen, "default")


@ACTIONS.add(
    "D",
    f"{_OPENAPI}; {_CATALYSTWAN} for the word in action",
    otherwise="One of the two is enough. With neither, an earlier try is not found, and its devices count as busy.",
)
def actions_are_known_by_id_and_name(seen: Seen) -> str | None:
    """A running action shows its kind twice: as the start of its id, and in action, such as software_install."""
    seen.some_rows("running_tasks", "runningTasks")
    try:
        tasks = parse_running_tasks(seen.ok("running_tasks").body)
    except VManageError:
        raise Unseen("the list of running tasks cannot be read") from None
    ours = [(task, kind) for task in tasks for kind in ActionKind if task.is_kind(kind)]
    if not ours:
        raise Unseen("no action on devices is running")
    odd = sum(task.action != kind.id_prefix or not task.process_id.startswith(kind.id_prefix) for task, kind in ours)
    return f"not so for {odd} of {len(ours)}" if odd else None


@ACTIONS.add(
    "C",
    f"{_CATALYSTWAN} and sastre 1.28",
    otherwise="A task without a user counts as ours, if its kind and its devices are.",
)
def running_tasks_name_their_user(seen: Seen) -> str | None:
    """A running task names the user who started it."""
    rows = seen.some_rows("running_tasks", "runningTasks")
    missing = sum(not row.get("userSessionUserName") for row in rows)
    return f"not so for {missing} of {len(rows)}" if missing else None


@ACTIONS.add(
    "C",
    "sample of a reboot in catalystwan's tests",
    otherwise="The device does not count as busy, and a task of an earlier try is not found by it.",
)
def task_rows_name_listed_devices(seen: Seen) -> str | None:
    """A row of a task names a device of the lists: by uuid, by deviceID, or by an address."""
    devices = [parse_device(row) for row in all_rows(seen, _LISTS)]
    known = {name for one in devices for name in (one.device_id, one.system_ip, one.local_ip) if name}
    rows = _task_rows(seen)
    odd = sum(
        known.isdisjoint((row.device_id, *row.ips) if row.device_id is None else (row.device_id,)) for row in rows
    )
    return f"not so for {odd} of {len(rows)}" if odd else None


@ACTIONS.add(
    "C",
    "words that public clients test for; no source lists them",
    otherwise="Any other word is a failure once the task has ended, unless the device is as wanted.",
)
def words_of_tasks_are_known(seen: Seen) -> str | None:
    """A row says In progress, Scheduled, Success, Done - Scheduled, Failure, Skipped, cancelled or time_out."""
    rows = _task_rows(seen)
    odd = sum(not row.words <= _WORDS for row in rows)
    return f"another word in {odd} of {len(rows)}" if odd else None


@ACTIONS.add(
    "C",
    "catalystwan, sastre and Cisco's Ansible collection wait for done",
    otherwise="Any word but done is the end of a task only once every device has a row that has ended.",
)
def summary_says_in_progress_or_done(seen: Seen) -> str | None:
    """The summary of a task says in_progress, and done at its end."""
    status = _task(seen)
    if status.word is None:
        raise Unseen("the task shows no summary yet")
    return None if status.word in ("in_progress", "done") else "another word"


def _task(seen: Seen) -> TaskStatus:
    found = seen.ok("task")
    try:
        return parse_status(found.body)
    except VManageError:
        raise Unseen("the status of the task cannot be read") from None


def _task_rows(seen: Seen) -> tuple[SubTask, ...]:
    if rows := _task(seen).rows:
        return rows
    raise Unseen("the task shows no device yet")


def _unseen(_: Seen) -> str | None:
    raise Unseen("only an action on a device shows it, and the check sends none")


def _in_action(name: str, sentence: str, mark: str, source: str, otherwise: str) -> None:
    ACTIONS.rows.append(Assumption(name, sentence, mark, source, otherwise, ACTION, _unseen))


for _row in (
    (
        "action-returns-the-id-of-its-task",
        "An action is accepted with 200 and the id of its task in id.",
        "D",
        _OPENAPI,
        "task_id is read too. Without either, the task or its effect is searched for; nothing is sent again.",
    ),
    (
        "installation-names-images-in-a-list-from-20-18",
        "An installation names its images in input.data from release 20.18 on, and in input itself before.",
        "D",
        "Cisco, pages of release 20.16 and OpenAPI of release 26.1; public clients send either",
        "The manager refuses it or its task fails, and the device keeps its versions.",
    ),
    (
        "family-of-an-installation-is-known",
        "The family of an installation is vmanage or vedge before release 20.18, and the platformFamily from then on.",
        "C",
        f"{_CATALYSTWAN}; Cisco, OpenAPI of release 26.1",
        "The manager refuses it or its task fails, and the device keeps its versions.",
    ),
    (
        "remote-image-is-installed-by-its-id",
        "An installation names a remote image by versionId and remoteServerId.",
        "C",
        _CATALYSTWAN,
        "The manager refuses it or its task fails, and the device keeps its versions.",
    ),
    (
        "installed-version-is-named-as-the-device-spells-it",
        "An activation, a default and a removal name the version as the device spells it.",
        "C",
        "Cisco's and another public Ansible collection",
        "The manager refuses it or its task fails, and the device keeps its versions.",
    ),
    (
        "removal-takes-a-list-of-versions",
        "A removal names a list of versions for each device; an activation and a default name one.",
        "D",
        _OPENAPI,
        "The manager refuses it or its task fails, and the device keeps its versions.",
    ),
    (
        "installation-alone-keeps-the-running-version",
        "An installation without activation adds the version to availableVersions, and reboots nothing.",
        "C",
        _PLAYBOOKS,
        "A device that lists the version counts as done; a reboot shows only in its health.",
    ),
    (
        "activation-keeps-the-default",
        "An activation reboots into the version, and leaves defaultVersion as it was.",
        "C",
        f"{_PLAYBOOKS}; log of a real upgrade, 2022",
        "If the default has moved as well, setting it finds nothing to do.",
    ),
    (
        "default-is-set-without-a-reboot",
        "Setting the default changes defaultVersion only, and reboots nothing.",
        "C",
        _PLAYBOOKS,
        "A device that lists the default counts as done; a reboot shows only in its health.",
    ),
    (
        "change-without-a-reboot-is-listed-within-a-minute",
        "What an action without a reboot has changed is listed within a minute of its end.",
        "I",
        "public clients read the lists right after the task",
        "The device counts as failed; a retry finds it as wanted.",
    ),
    (
        "rebooted-device-is-reachable-again",
        "A device that has rebooted is listed as reachable, with its new version.",
        "L",
        "log of a real upgrade, 2022: the manager itself waits up to 30 minutes for it",
        "It is waited for until the limit of the task, then counts as failed, and no retry reboots it again.",
    ),
    (
        "ended-task-can-be-read-by-its-id",
        "A task that has ended can still be read by its id.",
        "C",
        "every public client waits for done by the id",
        "After three refusals in a row, the versions that the devices show decide.",
    ),
    (
        "failed-validation-changes-nothing",
        "A task whose validation has failed says so in validation, and has changed no device.",
        "C",
        "sample in catalystwan's tests, edited there by hand",
        "Without a row, a device counts as failed, unless it is as wanted.",
    ),
    (
        "task-of-the-manager-survives-its-restart",
        "The task in which a manager activates itself can be read after its restart.",
        "C",
        "Cisco's Ansible collection reads it by the same id",
        "No news is no verdict; after three refusals in a row, the versions decide.",
    ),
    (
        "health-follows-a-reboot",
        "The health calls show the sessions of a device as before within the wait for it.",
        "U",
        f"how old their values may be: {_UNKNOWN}",
        "The device counts as worse, or its values as unknown: the upgrade stops before the next wave.",
    ),
    (
        "busy-device-takes-no-second-action",
        "A second action on a device that a task works on is refused, or waits.",
        "U",
        _UNKNOWN,
        "Nothing: running tasks are read first, and a busy device is left out.",
    ),
    (
        "needed-version-is-not-removed",
        "The manager refuses to remove the running or the default version of a device.",
        "U",
        f"{_UNKNOWN}; public clients refuse it themselves",
        "Nothing: the package refuses it too, and sends nothing.",
    ),
    (
        "cancelled-task-ends-what-has-not-begun",
        "Cancelling a task ends it on devices on which it has not begun.",
        "U",
        _UNKNOWN,
        "A device whose action goes on counts by its own versions, as any other.",
    ),
):
    _in_action(*_row)
