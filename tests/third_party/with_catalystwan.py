"""Run by Python of another environment: a life in the software repository, as users of catalystwan 0.41.6 lead it.

Or, as the first argument says, an upgrade: an image of the manager, or of a remote server, is installed on the
edges of the inventory and activated; or a whole maintenance window of one role, from install to reboot; or remote
servers come and go; or the manager activates a version of itself and restarts, while its running tasks are listed.
"""

from __future__ import annotations

import json
import sys

from catalystwan.api.device_action_api import RebootAction  # type: ignore[import-not-found]
from catalystwan.api.task_status_api import Task  # type: ignore[import-not-found]
from catalystwan.endpoints.configuration.software_actions import RemoteServer  # type: ignore[import-not-found]
from catalystwan.session import ManagerSession, create_manager_session  # type: ignore[import-not-found]
from catalystwan.utils.personality import Personality  # type: ignore[import-not-found]


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


def window(url: str, username: str, password: str, inventory: str, personality: str, image: str, version: str) -> None:
    with create_manager_session(url, username, password) as session:
        known = session.endpoints.configuration_device_inventory.get_device_details(inventory)
        devices = known.filter(personality=personality)
        software, partition = session.api.software, session.api.partition
        steps = [
            lambda: software.install(devices, image=image),
            lambda: software.activate(devices, version),
            lambda: partition.set_default_partition(devices),
            lambda: partition.remove_partition(devices),
            lambda: reboot(session, personality),
        ]
        results = [step().wait_for_completed(interval_seconds=1).result for step in steps]
        health = session.api.devices.get().filter(personality=Personality(personality))
        seen = [[one.hostname, one.is_reachable] for one in health]
    print(json.dumps({"results": results, "devices": seen}))  # noqa: T201


def reboot(session: ManagerSession, personality: str) -> Task:
    action = RebootAction(session, session.api.devices.get().filter(personality=Personality(personality))[0])
    action.execute()
    return Task(session, action.action_id)


def servers(url: str, username: str, password: str) -> None:
    with create_manager_session(url, username, password) as session:
        calls = session.endpoints.configuration_software_actions
        fields = {"remote_server_url": "10.0.0.1", "remote_server_user": "u", "remote_server_password": "p"}
        calls.add_new_remote_server(RemoteServer(remote_server_name="files", remote_server_vpn=0, **fields))
        (added,) = calls.get_list_of_remote_servers()
        same = calls.get_remote_server(added.remote_server_id).remote_server_name
        calls.remove_remote_server(added.remote_server_id)
        left = len(calls.get_list_of_remote_servers())
    print(json.dumps({"added": added.remote_server_name, "same": same, "left": left}))  # noqa: T201


def restart(url: str, username: str, password: str, version: str) -> None:
    with create_manager_session(url, username, password) as session:
        managers = session.endpoints.configuration_device_inventory.get_device_details("controllers")
        session.restart_imminent()
        task = session.api.software.activate(managers.filter(personality="vmanage"), version)
        tasks = session.endpoints.configuration_dashboard_status.find_running_tasks().running_tasks
        done = task.wait_for_completed(interval_seconds=1)
        left = session.endpoints.configuration_dashboard_status.find_running_tasks().running_tasks
    running = [[one.process_id == task.task_id, one.action] for one in tasks]
    print(json.dumps({"result": done.result, "running": running, "left": len(left)}))  # noqa: T201


LIVES = {"repository": repository, "servers": servers, "restart": restart, "upgrade": upgrade, "window": window}
LIVES[sys.argv[1]](*sys.argv[2:])
