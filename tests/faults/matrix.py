"""The columns and words of the fault matrix: what every operation shall make of every fault. Its rows are in rows.py.

Each expectation was decided from the rules that README.md and docs/uploads.md promise, before it was run.
tests/faults/test_matrix.py runs every cell; ``make pages`` writes the table into docs/fault-matrix.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

API = "/dataservice"
ACTION = f"{API}/device/action"
SOFTWARE = f"{ACTION}/software"


@dataclass(frozen=True)
class Operation:
    """One column.

    :param about: what is done, for the page.
    :param method: of the request that the fault affects.
    :param path: pattern of its path.
    :param nth: which such request it affects first (1-based).
    :param read: the request of a fault that only a response with data can have.
    """

    about: str
    method: str
    path: str
    nth: int = 1
    read: tuple[str, str] | None = None


LIST = ("GET", SOFTWARE)
DEVICES = ("GET", f"{ACTION}/install/devices/vedge")
STATUS = ("GET", f"{ACTION}/status/change_partition-*")

OPERATIONS = {
    "login": Operation(
        "the first call of a task logs in", "POST", "/j_security_check", read=("GET", f"{API}/client/server")
    ),
    "list": Operation("`ListImagesOperator`", *LIST, read=LIST),
    "poke": Operation("`ImageVersionSensor`: one poke", *LIST, read=LIST),
    "trigger": Operation("`ImageVersionTrigger`: one poll, the last one that may fail", *LIST, read=LIST),
    "test": Operation("the connection's *Test*", *LIST, read=LIST),
    "add": Operation("`AddRepoOperator`: the change itself", "POST", SOFTWARE, read=LIST),
    "upload": Operation("`UploadImageOperator`: the transfer", "POST", f"{SOFTWARE}/package", read=LIST),
    "delete": Operation("`DeleteImageOperator`: the change itself", "DELETE", f"{SOFTWARE}/*", read=LIST),
    "confirm": Operation("`AddRepoOperator`: the list that confirms the change", *LIST, nth=2, read=LIST),
    "logout": Operation("the end of a task that has done its work", "POST", "/logout"),
    "download": Operation("`DownloadImageOperator`: the transfer", "GET", f"{SOFTWARE}/package/*", read=LIST),
    "install": Operation("`InstallSoftwareOperator`: the action itself", "POST", f"{ACTION}/install", read=DEVICES),
    "activate": Operation(
        "`ActivateSoftwareOperator`, deferred: the action itself", "POST", f"{ACTION}/changepartition", read=DEVICES
    ),
    "default": Operation(
        "`SetDefaultSoftwareOperator`: the action itself", "POST", f"{ACTION}/defaultpartition", read=DEVICES
    ),
    "remove": Operation(
        "`RemoveSoftwareOperator`: the action itself", "POST", f"{ACTION}/removepartition", read=DEVICES
    ),
    "task": Operation("`DeviceTaskTrigger`: a poll of the manager's task", *STATUS, read=STATUS),
    "version": Operation("`DeviceVersionSensor`: one poke", *DEVICES, read=DEVICES),
    "plan": Operation("`PlanUpgradeOperator`: the list of devices", *DEVICES, read=DEVICES),
    "upgrade": Operation(
        "`UpgradeDevicesOperator`, one wave: the activation", "POST", f"{ACTION}/changepartition", read=DEVICES
    ),
    "check": Operation("`python -m airflow_provider_vmanage check`: one of its reads", *DEVICES, read=DEVICES),
}

#: the operations on devices, the last ones of OPERATIONS
ON_DEVICES = ("install", "activate", "default", "remove", "task", "version", "plan", "upgrade", "check")

#: what an outcome means; a star behind it: a session may stay open until the manager closes it
OUTCOMES = {
    "ok": "the task succeeds, and the manager's list, or the device, shows the effect",
    "retry": "the task fails; Airflow's retry can succeed, and does nothing twice",
    "final": "the task fails at once, without retry",
    "wait": "the wait goes on: the image is not listed yet, or there is no news of the manager's task",
    "no": "the connection test, or the check, fails and gives the reason",
    "differs": "the check ends, and its report shows the difference and its effect",
    "blocked": "the plan names the device, with the reason, and leaves it out",
}

#: why a cell is left out
LEFT_OUT = {
    "s": "before the login there is no session that could expire",
    "t": "a manager expects no XSRF token with a read",
    "u": "only an upload or a download has a body long enough to be interrupted",
    "b": "the server reads a small request as a whole before it resets: see *reset before anything is done*",
    "c": "the connection and the certificate were accepted at the login",
    "p": "releases differ in where a logout leads, so any page or redirect counts as success",
    "d": "the response to a logout carries no data",
    "e": "the operation reads no list of images",
    "l": "the list before the change would fail first: see *add URL* and *upload*",
    "n": "the operation adds nothing that could be listed late",
    "o": "the simulator never lists an image that is deleted",
    "g": "the login before it succeeded",
    "v": "the operation trusts one list: an empty list is a list without the image",
    "a": "the same request by the same code: see *activate*",
    "f": "the check compares single responses: another shape of the same is run",
    "i": "the operation is about images, not devices",
    "x": "the operation does not depend on it",
    "k": "the manager's words are all that the wait knows: see *activate*",
    "r": "nothing reloads",
    "h": "only an upgrade compares health",
    "m": "only an upload and an upgrade have a window",
    "w": "each poll would take seconds of real time: *reset, always* covers the same code",
}


@dataclass(frozen=True)
class Row:
    """One fault.

    :param group: heading it stands under.
    :param name: what happens.
    :param fault: name of a fault of the simulator, or of one of tests/faults/fault_injection.py.
    :param expected: outcome or reason to leave it out (``-`` and its letter), by operation.
    :param times: how many requests it affects; None: every one.
    :param options: of the fault.
    :param on_data: whether it affects the request that has data in its response instead.
    :param extra: extras of the connection.
    :param says: what the error must name.
    :param large: whether the upload is larger than what the kernel buffers.
    :param again: whether the next try has to send the action again: the device shows that nothing was done.
    """

    group: str
    name: str
    fault: str
    expected: dict[str, str]
    times: int | None = 1
    options: dict[str, Any] = field(default_factory=dict)
    on_data: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    large: bool = False
    again: bool = False
