"""Run by Python of another environment: a life in the software repository, as users of catalystwan 0.41.6 lead it.

Or, as the first argument says, an upgrade: an image of the manager, or of a remote server, is installed on the
edges of the inventory and activated.
"""

from __future__ import annotations

import json
import sys

from catalystwan.session import create_manager_session  # type: ignore[import-not-found]


def repository(url: str, username: str, password: str, kept: str, deleted: str) -> None:
    name = deleted.rpartition("/")[2]
    with create_manager_session(url, username, password) as session:
        for image in (kept, deleted):
            session.api.repository.upload_image(image)
        listed = [one.available_files for one in session.api.repository.get_all_software_images()]
        version = session.api.repository.get_image_version(name)
        session.api.repository.delete_image(name)
        left = [one.available_files for one in session.api.repository.get_all_software_images()]
    print(json.dumps({"listed": listed, "version": version, "left": left}))  # noqa: T201


def upgrade(url: str, username: str, password: str, server: str, file: str) -> None:
    with create_manager_session(url, username, password) as session:
        known = session.endpoints.configuration_device_inventory.get_device_details("vedges")
        devices = known.filter(personality="vedge")
        image = {"remote_server_name": server, "remote_image_filename": file} if server else {"image": file}
        install = session.api.software.install(devices, downgrade_check=not server, **image)
        installed = install.wait_for_completed(interval_seconds=1)
        activated = session.api.software.activate(devices, "20.12.5").wait_for_completed(interval_seconds=1)
        steps = [[one.status for one in done.sub_tasks_data] for done in (installed, activated)]
    print(json.dumps({"results": [installed.result, activated.result], "steps": steps}))  # noqa: T201


{"repository": repository, "upgrade": upgrade}[sys.argv[1]](*sys.argv[2:])
