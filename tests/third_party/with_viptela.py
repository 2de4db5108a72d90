"""Run by Python of another environment: python-viptela 0.3.10, with images, lists and a reboot that it waits for.

It has no call of its own for images of the repository or for a reboot: its class for requests sends those.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vmanage.api.authentication import Authentication  # type: ignore[import-not-found]
from vmanage.api.device import Device  # type: ignore[import-not-found]
from vmanage.api.http_methods import HttpMethods  # type: ignore[import-not-found]
from vmanage.api.utilities import Utilities  # type: ignore[import-not-found]


def main(url: str, username: str, password: str, image: str, device_id: str) -> None:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    session = Authentication(host=host, user=username, password=password, port=port).login()
    device, utilities = Device(session, host, port), Utilities(session, host, port)

    def action(method: str, path: str, **arguments: Any) -> Any:
        return HttpMethods(session, f"{url}/dataservice/device/action/{path}").request(method, **arguments)["json"]

    with Path(image).open("rb") as file:
        action("POST", "software/package", files={"file": file})
    listed = [one["availableFiles"].strip("[]") for one in action("GET", "software")["data"]]
    lists = {name: [one["host-name"] for one in device.get_device_list(name)] for name in ("vedges", "controllers")}
    reachable = {one["host-name"]: one["reachability"] for one in device.get_device_status_list()}
    body = {"action": "reboot", "deviceType": "vedge", "devices": [{"deviceId": device_id, "deviceIP": "10.0.0.1"}]}
    task = action("POST", "reboot", payload=json.dumps(body))["id"]
    running = utilities.get_active_count()
    done = utilities.waitfor_action_completion(task)
    counts = [running["activeTaskCount"], utilities.get_active_count()["activeTaskCount"]]
    result = {"listed": listed, **lists, "reachable": reachable, "done": done["action_status"], "active": counts}
    print(json.dumps(result))  # noqa: T201


main(*sys.argv[1:])
