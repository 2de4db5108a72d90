"""Run by Python of another environment: sastre 1.28 in the software repository, and with tasks on devices.

Sastre has no upload of its own, so its session, with the header that it sets on it removed, does that one. Nor does it
reboot devices: its REST class sends that, and its tasks wait for it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from cisco_sdwan.base.models_vmanage import (  # type: ignore[import-not-found]
    ControlInventory,
    Device,
    EdgeInventory,
)
from cisco_sdwan.base.rest_api import Rest  # type: ignore[import-not-found]
from cisco_sdwan.tasks.common import Task  # type: ignore[import-not-found]

SOFTWARE = "device/action/software"


def upload(rest: Rest, image: str) -> None:
    with Path(image).open("rb") as file:
        response = rest.session.post(
            f"{rest.base_url}/dataservice/{SOFTWARE}/package",
            files={"file": (Path(image).name, file, "application/x-gzip")},
            headers={"Content-Type": None},
            verify=rest.verify,
            timeout=60,
        )
    response.raise_for_status()


def names(rest: Rest) -> dict[str, str]:
    return {one["availableFiles"].strip("[]"): one["versionId"] for one in rest.get(SOFTWARE)["data"]}


def repository(
    url: str, username: str, password: str, kept: str, deleted: str, ca_bundle: str, api_key: str = ""
) -> None:
    with Rest(url, username or None, password or None, apikey=api_key or None, timeout=60, verify=ca_bundle) as rest:
        for image in (kept, deleted):
            upload(rest, image)
        listed = names(rest)
        rest.delete(SOFTWARE, listed[Path(deleted).name])
        print(json.dumps({"listed": list(listed), "left": list(names(rest))}))  # noqa: T201


def devices(url: str, username: str, password: str, ca_bundle: str, *reboot: str) -> None:
    with Rest(url, username, password, timeout=60, verify=ca_bundle) as rest:
        lists = {
            "device": sorted(name for _, name in Device.get_raise(rest)),
            "edges": sorted(entry.name for entry in EdgeInventory.get_raise(rest).filtered_iter()),
            "controllers": sorted(entry.name for entry in ControlInventory.get_raise(rest).filtered_iter()),
        }
        verdicts = [waited(rest, device_id) for device_id in reboot]
    print(json.dumps({**lists, "verdicts": verdicts}))  # noqa: T201


def waited(rest: Rest, device_id: str) -> bool:
    device = {"deviceId": device_id, "deviceIP": "10.0.0.1"}
    task = rest.post({"action": "reboot", "deviceType": "vedge", "devices": [device]}, "device/action/reboot")
    return bool(Task().wait_actions(rest, [(SimpleNamespace(uuid=task["id"]), "reboot")], "reboot", False, rapid=True))


{"repository": repository, "devices": devices}[sys.argv[1]](*sys.argv[2:])
