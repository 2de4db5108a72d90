"""Run by Python of another environment: a client waits for a task, and this prints what it made of it.

Only intervals and limits are shortened, by the arguments or constants that the client has for them.
"""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

LIMIT_S, INTERVAL_S = 8, 1


def catalystwan(url: str, username: str, password: str, process_id: str) -> bool:
    from catalystwan.api.task_status_api import Task  # type: ignore[import-not-found]
    from catalystwan.session import create_manager_session  # type: ignore[import-not-found]

    with create_manager_session(url, username, password) as session:
        return bool(Task(session, process_id).wait_for_completed(LIMIT_S, INTERVAL_S).result)


def sastre(url: str, username: str, password: str, process_id: str) -> bool:
    from cisco_sdwan.base.rest_api import Rest  # type: ignore[import-not-found]
    from cisco_sdwan.tasks.common import Task  # type: ignore[import-not-found]

    Task.ACTION_TIMEOUT, Task.ACTION_INTERVAL = LIMIT_S, INTERVAL_S
    with Rest(url, username, password, timeout=10, verify=False) as rest:
        return bool(Task().wait_actions(rest, [(SimpleNamespace(uuid=process_id), "task")], "", False))


def viptela(url: str, username: str, password: str, process_id: str) -> bool:
    from vmanage.api.authentication import Authentication  # type: ignore[import-not-found]
    from vmanage.api.utilities import Utilities  # type: ignore[import-not-found]

    host, port = urlsplit(url).hostname, urlsplit(url).port
    session = Authentication(host=host, user=username, password=password, port=port).login()
    done = Utilities(session, host, port).waitfor_action_completion(process_id)
    return bool(done["action_status"] == "success")


def main(name: str, url: str, username: str, password: str, ca_bundle: str, process_id: str) -> None:
    os.environ["REQUESTS_CA_BUNDLE"] = ca_bundle
    clients = {"catalystwan": catalystwan, "sastre": sastre, "viptela": viptela}
    verdict = "success" if clients[name](url, username, password, process_id) else "failure"
    print(json.dumps({"verdict": verdict}))


main(*sys.argv[1:])
