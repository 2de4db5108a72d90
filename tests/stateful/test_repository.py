"""Random sequences of all operators, against the simulator and a simple model of what a repository holds.

After every step the manager holds exactly what the model says, nothing that a device needs was ever deleted unless that
was asked for, check mode has sent no change, and what was done is not done again by the same task.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_vmanage.client.errors import VManageInUseError, VManageTooManyDeletionsError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import (
    AddRemoteImageOperator,
    AddRepoOperator,
    ApplyRepositoryOperator,
    DeleteImageOperator,
    ListImagesOperator,
    PlanRepositoryOperator,
    PruneImagesOperator,
    RemoteServerOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.operators.software_upgrade import ListDeviceSoftwareOperator
from airflow_provider_vmanage.simulator import Simulator

VERSIONS = ("20.9.1", "20.9.2", "20.12.1", "20.12.2")
FILES = {f"vmanage-{version}-x86_64.tar.gz": version for version in VERSIONS}
URLS = ("https://a.example.com/", "https://b.example.com/")
SERVERS = ("files", "mirror")
SEEN = {"steps": 0}

files = st.sampled_from(sorted(FILES))
versions = st.sampled_from(VERSIONS)
servers = st.sampled_from(SERVERS)


class Repository(RuleBasedStateMachine):
    """The manager, and what the model says it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.vm = self.stack.enter_context(Simulator(version="20.12.4"))
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        for name in FILES:
            (self.folder / name).write_bytes(name.encode())
        connection = {"conn_type": "vmanage", "host": self.vm.url, "login": "admin", "password": self.vm.password}
        connection["extra"] = {"ca_bundle": self.vm.ca_bundle}
        os.environ["AIRFLOW_CONN_VMANAGE_DEFAULT"] = json.dumps(connection)
        self.stored: set[str] = set()
        self.entries: dict[str, str] = {}
        self.servers: dict[str, str] = {}
        self.remote: set[tuple[str, str]] = set()
        self.in_use: set[str] = set()

    def teardown(self) -> None:
        os.environ.pop("AIRFLOW_CONN_VMANAGE_DEFAULT")
        self.stack.close()

    # -- how a task is run -----------------------------------------------------------------------------------------

    def task(self, kind: Callable[..., Any], **arguments: Any) -> Any:
        task = kind(task_id="t", **arguments)
        sentinel = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
        return task.execute({}, **sentinel)

    def outcome(self, kind: Callable[..., Any], **arguments: Any) -> Any:
        """The row of a task, or the type of the error that no retry fixes."""
        try:
            return self.task(kind, **arguments)
        except VManageFailException as err:
            return type(err.error)

    def changed(self, kind: Callable[..., Any], **arguments: Any) -> Any:
        """Run a task in check mode, for real, and again; return what the real run did."""
        SEEN["steps"] += 1
        before, sent = self.holds(), self.writes()
        would = self.outcome(kind, check_mode=True, **arguments)
        assert (self.holds(), self.writes()) == (before, sent), "check mode has changed something"
        does = self.outcome(kind, **arguments)
        if isinstance(does, dict):
            assert (would["applied"], does["applied"]) == (False, True)
            assert (would["action"], would["changed"]) == (does["action"], does["changed"])
            after = self.holds()
            if arguments.get("if_exists") != "replace":
                assert self.outcome(kind, **arguments)["changed"] is False, "done twice"
            assert self.holds() == after
        elif isinstance(would, dict):
            assert would.get("refused"), "check mode promised what the real run refused"
        return does

    def writes(self) -> int:
        return sum(one.method != "GET" and "/action/" in one.path for one in self.vm.requests)

    def holds(self) -> list[tuple[str, str]]:
        return sorted((one.file_name, one.url or "") if one.url else (one.file_name, "") for one in self.vm.images)

    def uses(self, version: str) -> bool:
        return version in self.in_use

    # -- what users do ---------------------------------------------------------------------------------------------

    @initialize(names=st.sets(files))
    def begin(self, names: set[str]) -> None:
        for name in sorted(names):
            self.vm.add_image(name)
        self.stored = set(names)

    @rule(name=files, if_exists=st.sampled_from(["skip", "fail"]))
    def upload(self, name: str, if_exists: str) -> None:
        if if_exists == "fail" and name not in self.stored:
            if_exists = "skip"
        row = self.changed(UploadImageOperator, source=str(self.folder / name), if_exists=if_exists)
        if if_exists == "skip":
            assert row["action"] == ("unchanged" if name in self.stored else "uploaded")
            self.stored.add(name)

    @rule(name=files)
    def replace(self, name: str) -> None:
        row = self.changed(UploadImageOperator, source=str(self.folder / name), if_exists="replace")
        if name in self.stored and self.uses(FILES[name]):
            assert row is VManageInUseError
        else:
            assert row["action"] == ("replaced" if name in self.stored else "uploaded")
            self.stored.add(name)

    @rule(name=files, allow_in_use=st.sampled_from([False, False, True]))
    def delete(self, name: str, allow_in_use: bool) -> None:
        row = self.outcome_of_delete(name, allow_in_use)
        if name in self.stored and self.uses(FILES[name]) and not allow_in_use:
            assert row is VManageInUseError
        else:
            assert row["action"] == ("deleted" if name in self.stored else "unchanged")
            self.stored.discard(name)

    def outcome_of_delete(self, name: str, allow_in_use: bool) -> Any:
        # A remote image may have the same name, which makes it ambiguous: the model keeps remote names apart.
        return self.changed(DeleteImageOperator, file_name=name, allow_in_use=allow_in_use)

    @rule(name=versions, url=st.sampled_from(URLS), replace=st.booleans())
    def add_url(self, name: str, url: str, replace: bool) -> None:
        row = self.changed(
            AddRepoOperator, version_name=f"entry-{name}", version_url=url, if_exists="replace" if replace else "skip"
        )
        old = self.entries.get(f"entry-{name}")
        if old not in (None, url) and not replace:
            assert not isinstance(row, dict)
        else:
            assert row["action"] == ("added" if old is None else "unchanged" if old == url else "replaced")
            self.entries[f"entry-{name}"] = url

    @rule(name=servers, url=st.sampled_from(["10.0.0.1", "10.0.0.2"]))
    def have_server(self, name: str, url: str) -> None:
        row = self.changed(RemoteServerOperator, name=name, url=url)
        old = self.servers.get(name)
        assert row["action"] == ("added" if old is None else "unchanged" if old == url else "updated")
        self.servers[name] = url

    @rule(name=servers)
    def drop_server(self, name: str) -> None:
        row = self.changed(RemoteServerOperator, name=name, state="absent")
        if any(server == name for server, _ in self.remote):
            assert row is VManageInUseError
        else:
            assert row["action"] == ("deleted" if name in self.servers else "unchanged")
            self.servers.pop(name, None)

    @rule(name=servers, version=versions)
    def add_remote(self, name: str, version: str) -> None:
        file_name = f"{name}-{version}.bin"
        row = self.changed(AddRemoteImageOperator, remote_server=name, file_name=file_name)
        if name in self.servers:
            assert row["action"] == ("unchanged" if (name, file_name) in self.remote else "added")
            self.remote.add((name, file_name))
        else:
            assert not isinstance(row, dict)

    @rule(keep=st.integers(1, 3), limit=st.integers(0, 4))
    def prune(self, keep: int, limit: int) -> None:
        known = sorted(self.stored, key=lambda name: VERSIONS.index(FILES[name]))
        goes = {name for name in known[: max(len(known) - keep, 0)] if not self.uses(FILES[name])}
        row = self.changed(PruneImagesOperator, keep=keep, max_deletions=limit)
        if len(goes) > limit:
            assert row is VManageTooManyDeletionsError
        else:
            assert {one["file_name"] for one in row["removed"]} == goes
            self.stored -= goes

    @rule(names=st.sets(files, min_size=1), exact=st.booleans())
    def plan_and_apply(self, names: set[str], exact: bool) -> None:
        wanted = [str(self.folder / name) for name in sorted(names)]
        before = self.writes()
        plan = self.task(PlanRepositoryOperator, images=wanted, exact=exact, protect=["entry-*", "*.bin"])
        assert self.writes() == before
        goes = {name for name in self.stored - names if not self.uses(FILES[name])} if exact else set()
        assert {one["file_name"] for one in plan["add"]} == names - self.stored
        assert {one["file_name"] for one in plan["remove"]} == goes
        row = self.changed(ApplyRepositoryOperator, plan=plan)
        assert {one["file_name"] for one in row["removed"]} == goes
        self.stored = (self.stored | names) - goes

    @rule(version=versions, kind=st.sampled_from(["vedge", "vsmart", "vmanage"]), unavailable=st.booleans())
    def device(self, version: str, kind: str, unavailable: bool) -> None:
        SEEN["steps"] += 1
        if unavailable:
            fields = {"reachability": "unreachable", "availableVersions": [version]}
            self.vm.add_device(f"d{len(self.vm.requests)}", kind, "1.1.1", **fields)
        else:
            self.vm.add_device(f"d{len(self.vm.requests)}", kind, version)
        self.in_use.add(version)

    @precondition(lambda self: self.in_use)
    @rule()
    def devices_leave(self) -> None:
        SEEN["steps"] += 1
        self.vm.remove_devices()
        self.in_use.clear()

    @rule()
    def poll(self) -> None:
        SEEN["steps"] += 1
        rows = self.task(ListImagesOperator)
        assert {row["file_name"] for row in rows if row["version_type"] == "vmanage"} == self.stored
        running = {row["running"] for row in self.task(ListDeviceSoftwareOperator)}
        assert running <= {*self.in_use, "1.1.1", self.vm.version}

    # -- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def the_manager_holds_what_the_model_says(self) -> None:
        images = self.vm.images
        assert {one.file_name for one in images if one.path} == self.stored
        assert {one.version: one.url for one in images if not one.path and not one.remote_server_id} == self.entries
        assert {(one.version_type, one.file_name) for one in images if one.remote_server_id} == self.remote
        assert {one["remoteServerName"]: one["remoteServerUrl"] for one in self.vm.remote_servers} == self.servers

    @invariant()
    def every_session_was_logged_out(self) -> None:
        assert self.vm.counters.open_sessions == 0


@pytest.mark.timeout(300)
def test_random_sequences_of_all_operators_do_what_the_model_says(
    recorded_sleeps: list[float], record_property: Callable[[str, object], None]
) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Repository,
        settings=settings(
            max_examples=int(os.environ.get("MODEL_EXAMPLES", "5")),
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("steps", SEEN["steps"])
    assert SEEN["steps"] > 30
