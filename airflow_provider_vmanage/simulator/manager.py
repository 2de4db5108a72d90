"""The state of one simulated manager, shared by all of its pages."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_vmanage.simulator.devices.store import DeviceStore
from airflow_provider_vmanage.simulator.login import Login
from airflow_provider_vmanage.simulator.outage import Outage
from airflow_provider_vmanage.simulator.releases import Release
from airflow_provider_vmanage.simulator.repository import Repository
from airflow_provider_vmanage.simulator.sessions import SessionStore
from airflow_provider_vmanage.simulator.upgrade.book import TaskBook


@dataclass
class Tenants:
    """The tenants of a multi-tenant manager; without any, the manager has a single tenant.

    :param known: Records of ``GET /dataservice/tenant``.
    :param open: Tenant id by VSessionId, for the switches made so far.
    """

    known: list[dict[str, Any]] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)

    def switch(self, tenant_id: str) -> str | None:
        """A new VSessionId for the tenant; None if there is no such tenant."""
        if tenant_id not in [str(t["tenantId"]) for t in self.known]:
            return None
        session = base64.b64encode(uuid.uuid4().bytes).decode()
        self.open[session] = tenant_id
        return session


@dataclass
class Manager:
    """Everything the pages of the manager read and change."""

    release: Release
    username: str
    sessions: SessionStore
    login: Login
    repository: Repository
    devices: DeviceStore
    tenants: Tenants
    tasks: TaskBook
    outage: Outage
    ranges: bool = False

    @property
    def version(self) -> str:
        """The release that the manager runs, which its own activation changes."""
        return str(self.devices.own.record["version"])

    def advance(self) -> None:
        """Let tasks and devices go on up to now."""
        self.tasks.advance()
        self.devices.advance()


def tenants_from(given: Iterable[str | Mapping[str, Any]]) -> Tenants:
    """Tenants by name or as records; what a record lacks is filled in from its name."""
    return Tenants([_tenant(t) for t in given])


def _tenant(given: str | Mapping[str, Any]) -> dict[str, Any]:
    record = {"name": given} if isinstance(given, str) else dict(given)
    name = str(record["name"])
    # The keys that catalystwan 0.41.6 and sastre 1.28 read.
    filled = {
        "desc": name,
        "orgName": name,
        "subDomain": f"{name}.example.com",
        "tenantId": str(uuid.uuid4()),
    }
    return {**filled, **record}
