"""Uploads, deletions, repository URLs, remote servers, prunes and plans, against the model of a repository."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from airflow_provider_vmanage.client.errors import (
    VManageInUseError,
    VManageRejectedError,
    VManageTooManyDeletionsError,
)
from airflow_provider_vmanage.operators.software_repository import (
    AddRemoteImageOperator,
    AddRepoOperator,
    ApplyRepositoryOperator,
    DeleteImageOperator,
    PlanRepositoryOperator,
    PruneImagesOperator,
    RemoteServerOperator,
    UploadImageOperator,
)
from tests.operators.test_software_upgrade import Store
from tests.stateful.fleet_model import VERSIONS, file_of
from tests.stateful.manager import Manager, troubles, versions
from tests.stateful.wire import Trouble

URLS = ("https://a.example.com/", "https://b.example.com/")

servers = st.sampled_from(["files", "mirror"])

has_servers = precondition(lambda self: self.vm.release.has_remote_servers)


class RepositoryRules(Manager):
    """What users do with the repository."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, str] = {}
        self.servers: dict[str, str] = {}
        self.remote: set[tuple[str, str]] = set()
        self.is_troubled = False
        for version in VERSIONS:
            self.source(version).write_bytes(version.encode())

    def source(self, version: str) -> Any:
        return self.folder / file_of(version)

    def holds(self) -> set[tuple[str, ...]]:
        """Return all that the manager keeps, each once; a copy too many has a number."""
        images = [(one.file_name or "", one.version or "", one.url or "") for one in self.vm.images]
        counted = {(*one, str(number)) for number, one in enumerate_copies(images)}
        return counted | {(str(one["remoteServerName"]), str(one["remoteServerUrl"])) for one in self.vm.remote_servers}

    def changed(self, trouble: Trouble, kind: Callable[..., Any], **arguments: Any) -> Any:
        """Run a task, in check mode before it or again after it by turns; return its row, or the type of its error."""
        self.ask_for({})
        make = partial(kind, task_id="t", **arguments)
        self.is_troubled = bool(trouble.kind)
        if self.is_troubled:
            return self.changed_in_trouble(trouble, make)
        before = self.holds()
        would = None
        if self.counts["steps"] % 2:
            would = self.run(partial(make, check_mode=True))
            assert self.holds() == before, "check mode has changed something"
        outcome = self.run(make, store=Store())
        if outcome.error:
            assert self.holds() == before, "a refused task has changed something"
            assert would is None or would.error or would.result.get("refused"), "check mode promised more"
            return outcome.kind
        if would is not None:
            names = ("action", "changed")
            assert [would.result[name] for name in names] == [outcome.result[name] for name in names]
        elif arguments.get("if_exists") != "replace":
            after = self.holds()
            assert self.done(make)["changed"] is False, "done twice"
            assert self.holds() == after
        return outcome.result

    def changed_in_trouble(self, trouble: Trouble, make: Callable[..., Any]) -> Any:
        """Run a task that meets some trouble, and once more after it: together they do it, and nothing else."""
        before, store = self.holds(), Store() if trouble.has_store else None
        self.wire.begin(trouble)
        first = self.run(make, store=store)
        between = self.holds()
        self.clock.sleep(trouble.later)
        self.end_step()
        second = self.run(make, store=store)
        after = self.holds()
        assert before & after <= between <= before | after, "something else has changed"
        if first.error is None:
            assert between == after, "a success was none"
            return first.result
        return second.kind or second.result

    def says(self, row: Any, word: str) -> bool:
        """Return whether a row reports so; what a troubled try has done is unchanged for the next one."""
        return row["action"] == word or (self.is_troubled and row["action"] == "unchanged")

    def is_used(self, version: str) -> bool:
        return any(version in edge.uses for edge in self.edges.values())

    # -- what users do ---------------------------------------------------------------------------------------------

    @initialize(stored=st.sets(versions), number=st.integers(0, 1_000_000))
    def begin(self, stored: set[str], number: int) -> None:
        assume(number)  # Hypothesis begins with the simplest sequence of all, which proves nothing
        for version in sorted(stored):
            self.vm.add_image(file_of(version), version.encode())
        self.stored = set(stored)

    @rule(version=versions, trouble=troubles)
    def upload(self, version: str, trouble: Trouble) -> None:
        row = self.changed(trouble, UploadImageOperator, source=str(self.source(version)), if_exists="skip")
        assert self.says(row, "unchanged" if version in self.stored else "uploaded")
        self.stored.add(version)

    @rule(version=versions)
    def replace(self, version: str) -> None:
        row = self.changed(Trouble(), UploadImageOperator, source=str(self.source(version)), if_exists="replace")
        if version in self.stored and self.is_used(version):
            assert row is VManageInUseError
        else:
            assert row["action"] == ("replaced" if version in self.stored else "uploaded")
            self.stored.add(version)

    @rule(version=versions, allow_in_use=st.sampled_from([False, False, True]), trouble=troubles)
    def delete(self, version: str, allow_in_use: bool, trouble: Trouble) -> None:
        row = self.changed(trouble, DeleteImageOperator, file_name=file_of(version), allow_in_use=allow_in_use)
        if version in self.stored and self.is_used(version) and not allow_in_use:
            assert row is VManageInUseError
        else:
            assert self.says(row, "deleted" if version in self.stored else "unchanged")
            self.stored.discard(version)

    @rule(version=versions, url=st.sampled_from(URLS), replace=st.booleans(), trouble=troubles)
    def add_url(self, version: str, url: str, replace: bool, trouble: Trouble) -> None:
        name, how = f"entry-{version}", "replace" if replace else "skip"
        old = self.entries.get(name)
        if replace and old not in (None, url):
            trouble = Trouble()  # it deletes first, and what is between is neither
        row = self.changed(trouble, AddRepoOperator, version_name=name, version_url=url, if_exists=how)
        if not self.vm.release.url_body:
            assert issubclass(row, VManageRejectedError)
        elif old not in (None, url) and not replace:
            assert not isinstance(row, dict)
        else:
            assert self.says(row, "added" if old is None else "unchanged" if old == url else "replaced")
            self.entries[name] = url

    @has_servers
    @rule(name=servers, url=st.sampled_from(["10.0.0.1", "10.0.0.2"]), trouble=troubles)
    def have_server(self, name: str, url: str, trouble: Trouble) -> None:
        row = self.changed(trouble, RemoteServerOperator, name=name, url=url)
        old = self.servers.get(name)
        if old not in (None, url) and any(server == name for server, _ in self.remote):
            assert row is VManageInUseError
            return
        assert self.says(row, "added" if old is None else "unchanged" if old == url else "updated")
        self.servers[name] = url

    @has_servers
    @rule(name=servers, trouble=troubles)
    def drop_server(self, name: str, trouble: Trouble) -> None:
        row = self.changed(trouble, RemoteServerOperator, name=name, state="absent")
        if any(server == name for server, _ in self.remote):
            assert row is VManageInUseError
        else:
            assert self.says(row, "deleted" if name in self.servers else "unchanged")
            self.servers.pop(name, None)

    @has_servers
    @rule(name=servers, version=versions, trouble=troubles)
    def add_remote(self, name: str, version: str, trouble: Trouble) -> None:
        file_name = f"{name}-{version}.bin"
        row = self.changed(trouble, AddRemoteImageOperator, remote_server=name, file_name=file_name)
        if name in self.servers:
            assert self.says(row, "unchanged" if (name, file_name) in self.remote else "added")
            self.remote.add((name, file_name))
        else:
            assert not isinstance(row, dict)

    @rule(keep=st.integers(1, 3), limit=st.integers(0, 4), trouble=troubles)
    def prune(self, keep: int, limit: int, trouble: Trouble) -> None:
        known = sorted(self.stored, key=VERSIONS.index)
        goes = {one for one in known[: max(len(known) - keep, 0)] if not self.is_used(one)}
        if self.preset == "16.3.1":
            goes = set()  # its records name no platform family, so nothing is known to be older
        row = self.changed(trouble, PruneImagesOperator, keep=keep, max_deletions=limit)
        if len(goes) > limit:
            assert row is VManageTooManyDeletionsError or self.is_troubled
            goes = goes if self.is_troubled and isinstance(row, dict) else set()
        elif not self.is_troubled:
            assert {one["file_name"] for one in row["removed"]} == set(map(file_of, goes))
        self.stored -= goes

    @rule(wanted=st.sets(versions, min_size=1), exact=st.booleans(), trouble=troubles)
    def plan_and_apply(self, wanted: set[str], exact: bool, trouble: Trouble) -> None:
        sources, before = [str(self.source(version)) for version in sorted(wanted)], self.holds()
        options = {"images": sources, "exact": exact, "protect": ["entry-*", "*.bin"]}
        plan = self.done(partial(PlanRepositoryOperator, task_id="t", **options))
        assert self.holds() == before
        goes = {one for one in self.stored - wanted if not self.is_used(one)} if exact else set()
        assert {one["file_name"] for one in plan["add"]} == set(map(file_of, wanted - self.stored))
        assert {one["file_name"] for one in plan["remove"]} == set(map(file_of, goes))
        row = self.changed(trouble, ApplyRepositoryOperator, plan=plan)
        if not self.is_troubled:
            assert {one["file_name"] for one in row["removed"]} == set(map(file_of, goes))
        self.stored = (self.stored | wanted) - goes

    # -- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def the_repository_is_as_the_model_says(self) -> None:
        images = self.vm.images
        assert sorted(one.file_name for one in images if one.path) == sorted(map(file_of, self.stored))
        entries = [(one.version, one.url) for one in images if not one.path and not one.remote_server_id]
        assert sorted(entries) == sorted(self.entries.items())
        remote = [(one.version_type, one.file_name) for one in images if one.remote_server_id]
        assert sorted(remote) == sorted(self.remote)
        listed = [(one["remoteServerName"], one["remoteServerUrl"]) for one in self.vm.remote_servers]
        assert sorted(listed) == sorted(self.servers.items())

    @invariant()
    def every_session_was_logged_out(self) -> None:
        assert self.vm.counters.open_sessions == 0


def enumerate_copies(images: list[tuple[str, ...]]) -> list[tuple[int, tuple[str, ...]]]:
    """Return each image with the number of those like it that come before it."""
    return [(images[:place].count(one), one) for place, one in enumerate(images)]
