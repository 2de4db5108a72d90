"""Actions on devices as the manager's *Software Upgrade* page starts them: their kinds, targets and request bodies.

Pure: nothing is read or sent here. The bodies follow Cisco's OpenAPI descriptions of 2022 and of release 26.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_provider_vmanage.client.errors import VManageProtocolError

#: first release whose documentation requires ``input.data`` in an installation (Cisco, "Process Install")
LIST_INPUT_SINCE = (20, 18)


class ActionKind(Enum):
    """The four actions, by the last part of their path; each value is (path, start of the process id)."""

    INSTALL = ("install", "software_install")
    ACTIVATE = ("changepartition", "change_partition")
    SET_DEFAULT = ("defaultpartition", "default_partition")
    REMOVE = ("removepartition", "delete_partition")

    @property
    def path(self) -> str:
        """Return the path of the POST, below ``/dataservice``."""
        return f"device/action/{self.value[0]}"

    @property
    def id_prefix(self) -> str:
        """Return the prefix of this action's process ids, without the dash."""
        return self.value[1]


@dataclass(frozen=True)
class Target:
    """One device of an action.

    :param device_id: ``uuid`` of the device.
    :param ip: ``local-system-ip``, or ``system-ip`` where the device has no other.
    :param version: the version in the device's own spelling, where a request names one.
    """

    device_id: str
    ip: str
    version: str = ""


@dataclass(frozen=True)
class ImageInput:
    """The image that an installation takes.

    :param version: ``versionName`` of a local image, ``versionId`` of a remote one.
    :param family: ``vmanage`` or ``vedge`` before release 20.18, the devices' ``platformFamily`` from then on.
    :param remote_server_id: of a remote image; ``None`` for one that is stored on the manager.
    """

    version: str
    family: str | None = None
    remote_server_id: str | None = None


def install_body(
    targets: Sequence[Target],
    images: Sequence[ImageInput],
    *,
    device_type: str,
    release: tuple[int, int] | None,
    activate: bool = False,
) -> dict[str, Any]:
    """Return the body of ``POST device/action/install``.

    A remote image always takes the list form, which is the only one that names a remote server. Whether releases from
    20.18 on still accept the flat form is not known, so they get the documented one.

    :param targets: the devices, all of one type.
    :param images: one for each family of devices, all local or all remote. The flat form holds the first.
    :param device_type: ``vedge``, ``controller`` or ``vmanage``.
    :param release: of the manager; an unknown one gets the list form, which the newest documentation requires.
    :param activate: reboot into the new version.
    """
    is_remote = images[0].remote_server_id is not None
    as_list = is_remote or release is None or release >= LIST_INPUT_SINCE
    common = {
        "vEdgeVPN": 0,
        "vSmartVPN": 0,
        "versionType": "remote" if is_remote else "vmanage",
        "reboot": activate,
        "sync": True,
    }
    flat = _without_none(family=images[0].family, version=images[0].version)
    named = {"data": [_image_row(image) for image in images]} if as_list else flat
    return {
        "action": "install",
        "input": {**common, **named},
        "devices": [_device(one) for one in targets],
        "deviceType": device_type,
    }


def partition_body(kind: ActionKind, targets: Sequence[Target], *, device_type: str) -> dict[str, Any]:
    """Return the body that activates, sets as default or removes a version; the same in all documented releases.

    :param kind: any but an installation.
    :param targets: the devices, all of one type. Several targets of one device are several versions to remove.
    :param device_type: ``vedge``, ``controller`` or ``vmanage``.
    """
    if kind is ActionKind.REMOVE:
        versions: dict[tuple[str, str], list[str]] = {}
        for one in targets:
            versions.setdefault((one.device_id, one.ip), []).append(one.version)
        devices = [{"deviceId": key[0], "deviceIP": key[1], "version": listed} for key, listed in versions.items()]
    else:
        devices = [{**_device(one), "version": one.version} for one in targets]
    return {"action": kind.value[0], "devices": devices, "deviceType": device_type}


def process_id_of(body: Any) -> str:
    """Return the id of the task that a POST has started.

    It is ``id``; for some actions the documents disagree and show ``task_id``.

    :raises VManageProtocolError: neither is there.
    """
    for name in ("id", "task_id"):
        value = body.get(name) if isinstance(body, Mapping) else None
        if isinstance(value, str) and value.strip():
            return value.strip()
    raise VManageProtocolError("The manager accepted the action and returned no id of a task")


def _image_row(image: ImageInput) -> dict[str, Any]:
    if image.remote_server_id is None:
        return _without_none(family=image.family, version=image.version)
    return _without_none(
        family=image.family,
        version=image.version,
        versionId=image.version,
        remoteServerId=image.remote_server_id,
    )


def _device(target: Target) -> dict[str, Any]:
    return {"deviceId": target.device_id, "deviceIP": target.ip}


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
