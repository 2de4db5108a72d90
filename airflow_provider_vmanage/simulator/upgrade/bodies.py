"""What the body of an action asks for. Paths and bodies: OpenAPI of 2022 and 26.1, Cisco's page "Process Install"."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow_provider_vmanage.simulator.devices.device import LISTS, Device
from airflow_provider_vmanage.simulator.upgrade import course
from airflow_provider_vmanage.simulator.upgrade.course import Course, Image

Find = Callable[[Device, dict[str, Any], bool], "Image | str"]


class BadAction(Exception):
    """The body asks for nothing that can be done."""


@dataclass(frozen=True)
class Kind:
    """One kind of action.

    :param task: How ids begin (Ansible roles, python-viptela).
    :param name: For people; of these *Software Install* and *Reboot* have a source.
    """

    task: str
    name: str


KINDS = {
    "install": Kind("software_install", "Software Install"),
    "changepartition": Kind("change_partition", "Change Partition"),
    "defaultpartition": Kind("default_partition", "Set Default Partition"),
    "removepartition": Kind("delete_partition", "Delete Partition"),
    "deactivate": Kind("deactivate", "Deactivate"),
    "reboot": Kind("reboot", "Reboot"),
}


@dataclass(frozen=True)
class Wanted:
    """One device of a body.

    :param start: Makes the course of the device.
    """

    device_id: str
    version: Any
    start: Callable[[Device], Course]


def read_body(content: bytes) -> dict[str, Any]:
    """The object in a body.

    :raises BadAction: There is none.
    """
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadAction("the body is a JSON object")
    return body


def read_action(action: str, body: dict[str, Any], find: Find) -> list[Wanted]:
    """The devices of an action and what is to be done with each.

    :param find: The image that an entry of ``input`` means for a device, remote or not.
    :raises BadAction: The body lacks something.
    """
    if body.get("deviceType") not in [*LISTS.values()]:
        raise BadAction("deviceType is vedge, controller or vmanage")
    devices = objects(body.get("devices"), "devices")
    for one in devices:
        text(one, "deviceId")
    if action == "install":
        start, version = _install(body.get("input"), find)
        return [Wanted(one["deviceId"], version, start) for one in devices]
    return [_one(action, one) for one in devices]


def form_of(action: str, body: dict[str, Any]) -> str | None:
    """How an install names its version: ``flat`` (documented before 20.18) or ``list`` (required from then on)."""
    if action != "install":
        return None
    return "list" if "data" in body["input"] else "flat"


def reboots(action: str, body: dict[str, Any]) -> bool:
    """Whether the devices of a body are to reboot."""
    return action in ("changepartition", "reboot") or (action == "install" and body["input"].get("reboot") is True)


def _one(action: str, one: dict[str, Any]) -> Wanted:
    if action == "reboot":
        return Wanted(one["deviceId"], None, course.reboot)
    if action == "removepartition":
        versions = _texts(one, "version")
        return Wanted(one["deviceId"], versions, partial(course.remove, versions=versions))
    version = text(one, "version")
    courses = {"changepartition": course.activate, "defaultpartition": course.set_default}
    return Wanted(one["deviceId"], version, partial(courses.get(action, course.deactivate), version=version))


def _install(wanted: object, find: Find) -> tuple[Callable[[Device], Course], Any]:
    if not isinstance(wanted, dict):
        raise BadAction("input is an object")
    images = objects(wanted["data"], "input.data") if "data" in wanted else [wanted]
    versions = [text(image, "version") for image in images]
    remote = wanted.get("versionType") == "remote"

    def found(device: Device) -> Image | str:
        family = device.record.get("platformFamily")
        return find(device, next((i for i in images if i.get("family") == family), images[0]), remote)

    start = partial(course.install, find=found, activate=wanted.get("reboot") is True)
    return start, versions[0] if len(versions) == 1 else versions


def objects(given: object, name: str) -> list[dict[str, Any]]:
    """A list of objects, of one at least.

    :raises BadAction: It is none.
    """
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise BadAction(f"{name} is a list of objects, of one at least")
    return given


def text(given: dict[str, Any], name: str) -> str:
    """A text that is not empty.

    :raises BadAction: It is none.
    """
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise BadAction(f"{name} is a text")
    return value


def _texts(given: dict[str, Any], name: str) -> list[str]:
    values = given.get(name)
    if not isinstance(values, list) or not values or not all(isinstance(v, str) and v for v in values):
        raise BadAction(f"{name} is a list of texts")
    return values
