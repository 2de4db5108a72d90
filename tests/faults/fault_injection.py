"""Inject a fault of the matrix just before the request that its cell is about."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import trustme
from airflow.sdk.execution_time import supervisor

from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.http.connection import ManagerConnection
from airflow_provider_vmanage.client.http.responses import Call
from airflow_provider_vmanage.simulator import Simulator
from tests.faults.device_operations import EDGE, window_that_is_over, window_that_is_too_short
from tests.faults.matrix import OPERATIONS, Row
from tests.faults.other_servers import broken_port, shared_name

if TYPE_CHECKING:
    import pytest

LOGIN = "/j_security_check"
STATUS_OF_TASKS = "device/action/status"

#: extras of the connection: an image that is not listed after a minute is no more likely to be after half an hour
PATIENCE = {"upload_read_timeout": 60}


class FaultInjection:
    """One cell's fault: prepared before its operation, injected once its request is about to be sent.

    :param row: the fault.
    :param operation: name of the operation.
    :param vm: the manager.
    :param stack: ends what the fault starts.
    """

    def __init__(self, row: Row, operation: str, vm: Simulator, stack: ExitStack) -> None:
        self.row, self.operation, self.vm, self._stack = row, OPERATIONS[operation], vm, stack
        self.host = vm.url
        self.extra: dict[str, Any] = {"ca_bundle": vm.ca_bundle, **PATIENCE, **row.extra}
        self.injected = False
        self.options_of: dict[str, dict[str, Any]] = {}
        self.nodes = [vm]
        self.wake: Callable[[], None] = lambda: None
        self._seen = 0
        self._act: Callable[[], None] = self._switch_on
        special = getattr(self, f"_prepare_{row.fault}", None)
        if special is not None:
            special()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Check each request on its way to the one that the fault affects."""
        send = ManagerConnection.send

        def watched(connection: ManagerConnection, call: Call, **options: Any) -> Any:
            self._check(call)
            return send(connection, call, **options)

        monkeypatch.setattr(ManagerConnection, "send", watched)

    def break_lookup(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the connection be in a secrets backend that fails, until the end."""
        if self.row.fault == "no_lookup":
            monkeypatch.delenv("AIRFLOW_CONN_VMANAGE_DEFAULT")
            monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [_FailingBackend()])

    def end(self) -> None:
        """Everything is well again; a person or time has removed what a refused login left."""
        refused_logins.forget_all()
        self.vm.faults.clear()
        self.vm.start()
        self.vm.repository.raw_records.clear()
        if self.row.fault in ("unreachable", "lies"):
            self._edge["reachability"] = "reachable"
            self.vm.behave(EDGE, lies=False)
        self.options_of = {}
        self.host, self.extra = self.vm.url, {"ca_bundle": self.vm.ca_bundle, **PATIENCE}
        self._act = lambda: None

    @property
    def is_before_anything_is_sent(self) -> bool:
        """Whether nothing may be begun, on the device or with an upload."""
        return self.row.fault in ("unreachable", "busy", "short_window")

    def _check(self, call: Call) -> None:
        method, path = self._target
        if self.injected or call.method != method or not fnmatchcase(call.path, path):
            return
        self._seen += 1
        if self._seen == self.operation.nth:
            self.injected = True
            self._act()

    @property
    def _target(self) -> tuple[str, str]:
        if self.row.on_data and self.operation.read:
            return self.operation.read
        return self.operation.method, self.operation.path

    def _switch_on(self) -> None:
        method, path = self._target
        fault, options = self.row.fault, dict(self.row.options)
        self.vm.faults.add(fault, times=self.row.times, method=method, path=path, **options)

    # -- faults that the simulator has no single switch for -----------------------------------------------------------

    def _prepare_dead_and_refused(self) -> None:
        def act() -> None:
            method, path = self._target
            self.vm.faults.add("expired_a", method=method, path=path)
            self.vm.faults.add("login_refused", times=None)

        self._act = act

    def _prepare_dead_and_starting(self) -> None:
        def act() -> None:
            method, path = self._target
            if path != LOGIN:
                self.vm.faults.add("expired_a", method=method, path=path)
            self.vm.faults.add("status", path=LOGIN, times=None, **self.row.options)
            self.vm.faults.add("http_503", path="client/server/ready", times=None)

        self._act = act

    def _prepare_no_lookup(self) -> None:
        self.injected = True

    def _prepare_other_node(self) -> None:
        other = Simulator()  # under the same authority, as all of this process
        other.repository = self.vm.repository
        other.share_devices(self.vm)
        self.nodes.append(self._stack.enter_context(other))
        name = self._stack.enter_context(shared_name(self.vm))
        self.host = name.url
        self._act = lambda: name.point_to(other)

    def _prepare_down(self) -> None:
        self._act = self.vm.stop

    def _prepare_down_for_a_while(self) -> None:
        self._act = self.vm.stop
        self.wake = lambda: self.vm.start() if self.injected else None

    def _prepare_restart(self) -> None:
        def act() -> None:
            self.vm.expire_sessions()
            self.vm.stop()
            self.vm.faults.add("http_503", path="*")

        self._act = act
        self.wake = lambda: self.vm.start() if self.injected else None

    def _prepare_other_authority(self) -> None:
        file = self.vm.storage / "another.pem"
        trustme.CA().cert_pem.write_to_path(str(file))
        self.extra = {"ca_bundle": str(file)}
        self.injected = True

    def _prepare_no_tls(self) -> None:
        plain = self._stack.enter_context(Simulator(tls=False))
        self.host = plain.url.replace("http:", "https:")
        self.injected = True

    def _prepare_broken_handshake(self) -> None:
        self.host = self._stack.enter_context(broken_port())
        self.injected = True

    def _prepare_record(self) -> None:
        self.vm.add_record(self.row.options)
        self.injected = True

    def _prepare_many_records(self) -> None:
        records = [{"versionId": f"id-{n}", "availableFiles": f"image-{n}.bin"} for n in range(10_000)]
        self.vm.repository.raw_records.extend(records)
        self.injected = True

    def _prepare_late_listing(self) -> None:
        self._prepare_unlisted(hidden_lists=3)

    def _prepare_never_listing(self) -> None:
        if self.operation is OPERATIONS["delete"]:
            self._act = lambda: self.vm.faults.add("status", times=None, method="DELETE", path="*", status=200)
        self._prepare_unlisted(hidden_lists=None)

    def _prepare_unlisted(self, **changes: Any) -> None:
        if self.operation in (OPERATIONS["poke"], OPERATIONS["trigger"]):
            repository = self.vm.repository
            self._act = lambda: [repository.update(image, **changes) for image in repository.images].clear()

    # -- devices, tasks and windows: they are so before the operation begins ------------------------------------------

    def _prepare_unreachable(self) -> None:
        self._edge["reachability"] = "unreachable"
        self.injected = True

    def _prepare_busy(self) -> None:
        task = "reboot-5e0c1d1e"
        row = {"uuid": self._edge["uuid"], "system-ip": self._edge["system-ip"], "status": "In progress"}
        running = {"processId": task, "action": "reboot", "name": "Reboot", "userSessionUserName": "somebody"}
        self._respond(f"{STATUS_OF_TASKS}/tasks", {"runningTasks": [running]}, times=None)
        status = {"data": [row], "validation": {"status": "Validation success"}, "summary": {"status": "in_progress"}}
        self._respond(f"{STATUS_OF_TASKS}/{task}", status, times=None)
        self.injected = True

    def _prepare_no_rows(self) -> None:
        body = {"data": [], "validation": {"status": "Validation success"}, "summary": {"status": "in_progress"}}
        self._respond(f"{STATUS_OF_TASKS}/*-*", body, times=2)
        self.injected = True

    def _prepare_lies(self) -> None:
        self._behave(lies=True)
        self.options_of["activate"] = {"timeout": 1}  # in which the device does not come to run the version

    def _prepare_stays_down(self) -> None:
        self._behave(stays_down=math.inf)

    def _prepare_worse_health(self) -> None:
        self.vm.add_device("edge-2", "vedge")  # or there were no tunnels
        self._behave(loses_colour="biz-internet")

    def _prepare_short_window(self) -> None:
        self.options_of["upgrade"] = window_that_is_too_short()
        self.options_of["upload"] = window_that_is_over()
        self.injected = True

    def _behave(self, **knobs: Any) -> None:
        self.vm.behave(EDGE, **knobs)
        self.injected = True

    def _respond(self, path: str, body: dict[str, Any], times: int | None) -> None:
        options = {"status": 200, "body": body, "content_type": "application/json"}
        self.vm.faults.add("status", times=times, method="GET", path=path, **options)

    @property
    def _edge(self) -> dict[str, Any]:
        return next(device for device in self.vm.devices if device["host-name"] == EDGE)


class _FailingBackend:
    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        raise ConnectionError("unavailable")
