"""One fleet of a manager, and the tasks on it, one after the other: what is done, and what must be so afterwards."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.simulator import Simulator
from tests.soak.device_worker import attempt_in_a_process
from tests.soak.faults import BEHAVIOURS, WELL, add_fault, faults_of
from tests.soak.operations import SHOWN, Operation, Record
from tests.soak.tally import Tally
from tests.soak.work import Work

VERSIONS = ("17.09.04.0.4733", "17.12.04.0.6740")
SECONDS_PER_MINUTE = 0.1

#: seconds: a fleet that has nothing to do any more is at rest by then
REST_S = 60.0

QUICK: dict[str, Any] = {"timeout": 25.0, "poll_interval": 0.3}


class Fleet(Work):
    """Four edges of a manager, and tasks on them, one after the other."""

    def __init__(self, number: int, folder: Path, seed: int) -> None:
        super().__init__(f"fleet {number}", seed, attempt_in_a_process, folder)
        self.number, self.store = number, folder / f"store-{number}.json"
        self.begun: list[int] = []

    def begin(self, vm: Simulator, connection: str, end: float, tally: Tally) -> None:
        """Add the devices, and work on them."""
        self.vm = vm
        self.devices = self.own_devices()
        self.records = {device["uuid"]: device for device in self.devices}
        super().begin(vm, connection, end, tally)

    def own_devices(self) -> list[dict[str, Any]]:
        """Add the devices, and return their records."""
        records = []
        for index in range(4):
            site = str(100 * (self.number + 1) + index % 3)
            more = {"site-id": site, "defaultVersion": VERSIONS[0]}
            records.append(self.vm.add_device(f"fleet{self.number}-edge-{index}", "vedge", VERSIONS[0], **more))
        return records

    def operate(self) -> None:
        self.begun.append(len(self.vm.actions))
        for device in self.devices:
            self.vm.behave(device["uuid"], **self.random.choice(BEHAVIOURS))
        if self.random.random() < 0.1:
            self.occupy(self.random.choice(self.devices))
        self.carry_out(self.next_operation())
        self.come_to_rest()

    def next_operation(self) -> Operation:
        """Choose a task that has something to do."""
        has_store = self.random.random() < 0.7
        common = {**QUICK, "deferrable": self.random.random() < 0.6}
        possible = self.possible()
        if self.random.random() < 0.4 or not possible:
            return Operation("upgrade", common, has_store)
        kind, version = self.random.choice(list(possible))
        some = self.random.sample(self.devices, 2)  # with others on which there is nothing to do, or which do not fit
        chosen = {device["host-name"] for device in (*possible[kind, version], *some)}
        arguments = {**common, "devices": sorted(chosen), "version": version, "allow_downgrade": True}
        if kind == "install":
            arguments["activate"] = self.random.random() < 0.4
        return Operation(kind, {**arguments, "skip_blocked": True}, has_store)

    def possible(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Return the devices on which something can be done, by kind of the task and version."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for device in self.devices:
            runs, boots, has = device["version"], device["defaultVersion"], device["availableVersions"]
            other = VERSIONS[0] if runs == VERSIONS[1] else VERSIONS[1]
            found["activate" if other in has else "install", other].append(device)
            if boots != runs:
                found["default", runs].append(device)
            elif other in has:
                found["remove", other].append(device)
        return found

    def carry_out(self, operation: Operation) -> None:
        """Run a task to its end; an upgrade after its plan."""
        if operation.kind == "upgrade":
            self.tally.add("upgrades")
            plan = self.run_task(Operation("plan", self.plan_arguments(), has_store=True))
            if plan["end"] != "success":
                self.tally.add("plans failed")
                return
            arguments = {**operation.arguments, **self.upgrade_arguments(plan["result"])}
            operation = Operation("upgrade", arguments, operation.has_store)
        response = self.run_task(operation)
        self.check(operation, response)

    def plan_arguments(self) -> dict[str, Any]:
        running = Counter(device["version"] for device in self.devices)
        return {
            "version": self.random.choice([one for one in VERSIONS if one != running.most_common(1)[0][0]]),
            "devices": [device["host-name"] for device in self.devices],
            "wave_sizes": self.random.choice(([1, 3], [2], [1, "50%"])),
            "allow_downgrade": True,
        }

    def upgrade_arguments(self, plan: Any) -> dict[str, Any]:
        return {
            "plan": plan,
            "max_failures": self.random.choice((0, 1, 4, 4)),
            "rollback": self.random.random() < 0.5,
            "skip_blocked": self.random.random() < 0.5,
            "settle_timeout": 5.0,
            "stable_for": 0.3,
            "pause": self.random.choice((0, 0, 0.5)),
        }

    def run_task(self, operation: Operation) -> dict[str, Any]:
        """Run a task as Airflow does: tries, triggers, and what comes after them, each in a process."""
        self.store.unlink(missing_ok=True)
        step: dict[str, Any] = {"step": "execute"}
        tries = 1
        while True:
            if self.random.random() < 0.25:
                add_fault(self.vm, self.random, faults_of(operation.kind, self.random), self.tally)
            response = self.run_step(operation, step, tries)
            end = response["end"]
            self.tally.add("kills", end == "killed")
            self.tally.expect(end != "crashed", f"{self.name}: a process of {operation.kind} crashed, see its log")
            if end == "deferred":
                step = {"step": "trigger", "trigger": response["trigger"]}
            elif end == "event":
                step = {"step": "resume", "event": response["event"]}
            elif end == "killed" and step["step"] == "trigger":
                continue  # another triggerer takes it over
            elif end in ("success", "failed") or tries > operation.retries:
                self.tally.add(f"{end} at the end")
                return response
            else:
                tries += 1
                self.tally.add("retries")
                if tries == 3:
                    self.repair()
                step = {"step": "execute"}

    def run_step(self, operation: Operation, step: dict[str, Any], tries: int) -> dict[str, Any]:
        """Run one step, which may be killed after a time or at a change of its store: later tries less often."""
        choice = self.random.random() * tries
        after = self.random.random() * self.random.choice((0.1, 0.5, 2.0)) if choice < 0.25 else None
        at = self.random.randrange(10) if 0.25 < choice < 0.5 else None
        task = {"kind": operation.kind, "arguments": operation.arguments}
        store = str(self.store) if operation.has_store else None
        return self.ask({**step, **task, "store": store, "kill_after": after, "kill_at": at})

    def check(self, operation: Operation, response: dict[str, Any]) -> None:
        """No success that the devices do not show: read from the manager itself."""
        result = response.get("result") or response.get("done") or {}
        rows = result.get("devices", []) if isinstance(result, dict) else result
        for row in rows:
            claim = operation.claims(row)
            is_shown = claim is None or SHOWN[claim](self.records[row["device_id"]], row["version"])
            self.tally.add("success not shown", not is_shown)
            self.tally.expect(
                is_shown, f"{row['device']} is {row['action']} by {operation.kind}: {self.records[row['device_id']]}"
            )
        if response["end"] == "success":
            is_whole = operation.kind != "upgrade" or all(operation.claims(row) == "upgraded" for row in rows)
            self.tally.expect(is_whole, f"an upgrade has succeeded with {rows}")
            self.tally.expect(rows != [] or operation.kind == "upgrade", f"{operation.kind} without rows")
            left = self.store.read_text() if self.store.exists() else "{}"
            is_right = operation.may_leave(json.loads(left))
            self.tally.expect(is_right, f"{operation.kind} has succeeded, and its store holds {left[:200]}")
        if operation.kind == "upgrade":
            self.count(operation, rows)

    def count(self, operation: Operation, rows: list[Record]) -> None:
        planned = sum(len(wave) for wave in operation.arguments["plan"]["waves"])
        done = sum(operation.claims(row) == "upgraded" for row in rows)
        failed = sum(row["action"] in ("failed", "rolled_back") for row in rows)
        self.tally.add("as planned", done)
        self.tally.add("failed", failed)
        self.tally.add("left", planned - done - failed)

    def repair(self) -> None:
        """Let all devices behave well from now on."""
        for device in self.devices:
            self.vm.behave(device["uuid"], **WELL)

    def come_to_rest(self) -> None:
        """Repair what fails, and wait until no task works on the fleet, as a person does before going on."""
        self.repair()
        deadline = time.monotonic() + REST_S
        while time.monotonic() < deadline:
            if not self.running() and all(device["reachability"] == "reachable" for device in self.devices):
                return
            time.sleep(0.2)
        self.tally.expect(False, f"{self.name} did not come to rest")

    def occupy(self, device: dict[str, Any]) -> None:
        """Reboot a device, as somebody else may do at any time: it is busy, and then out of reach."""
        self.tally.add("faults")
        target = {"deviceId": device["uuid"], "deviceIP": device["local-system-ip"]}
        body = {"action": "reboot", "deviceType": "vedge", "devices": [target]}
        with contextlib.suppress(VManageError), ManagerSession(settings_of(self.vm)) as session:
            session.request("POST", "device/action/reboot", json=body)

    def running(self) -> set[str]:
        """Return the tasks of the manager that work on the fleet."""
        ours = {one.process_id for one in self.vm.actions if one.device in self.records}
        try:
            with ManagerSession(settings_of(self.vm)) as session:
                body = session.request("GET", "device/action/status/tasks").body
            return {task["processId"] for task in body["runningTasks"]} & ours
        except (VManageError, KeyError, TypeError):
            return {"unknown"}


class ManagerItself(Fleet):
    """Activates versions of the manager itself, which is unavailable meanwhile."""

    def own_devices(self) -> list[dict[str, Any]]:
        manager = self.vm.devices[0]
        manager["availableVersions"] = ["20.18.2"]
        return [manager]

    def operate(self) -> None:
        time.sleep(self.random.uniform(2.0, 10.0))  # the others are to get on in between
        with self.tally.outage(self.vm):
            super().operate()

    def next_operation(self) -> Operation:
        """Activate the other version."""
        manager = self.devices[0]
        arguments = {"devices": [manager["host-name"]], "version": manager["availableVersions"][0]}
        common = {**QUICK, "allow_downgrade": True, "deferrable": self.random.random() < 0.6}
        return Operation("activate", {**common, **arguments}, has_store=self.random.random() < 0.7)

    def occupy(self, device: dict[str, Any]) -> None:
        """Do nothing: it is busy enough."""


def settings_of(vm: Simulator) -> ManagerSettings:
    return ManagerSettings(base_url=vm.url, username=vm.username, password=vm.password, ca_bundle=vm.ca_bundle)
