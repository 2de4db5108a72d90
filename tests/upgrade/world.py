"""A fleet of a simulated manager with a clock of its own, its plan, and upgrades of it that take no real time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from airflow_provider_vmanage.client.device_actions.notes import ActionNotes, NoNotes
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings, Timeouts
from airflow_provider_vmanage.client.upgrade.fleet_health import read_health
from airflow_provider_vmanage.client.upgrade.fleet_upgrade import FleetUpgrade
from airflow_provider_vmanage.client.upgrade.opening import open_upgrade, read_devices
from airflow_provider_vmanage.client.upgrade.outcome import UpgradeOutcome
from airflow_provider_vmanage.client.upgrade.packing import pack, unpack
from airflow_provider_vmanage.client.upgrade.plan import make_plan, read_fleet
from airflow_provider_vmanage.client.upgrade.plan_result import plan_result
from airflow_provider_vmanage.client.upgrade.planned import parse_plan
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.wish import parse_wish
from airflow_provider_vmanage.simulator import Simulator

OLD, NEW, IMAGE = "17.09.04.0.4733", "17.12.04.0.6740", "17.12.04.0.6740.1708"

EVENING = 1_800_000_000.0


class Clock:
    """Seconds since 1970 that only pass when something waits."""

    def __init__(self) -> None:
        self.now = EVENING

    def time(self) -> float:
        return self.now

    __call__ = monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


class World:
    """A simulated manager, and what an operator would do with it.

    :param options: of the simulator.
    """

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.vm = Simulator(clock=self.clock, **{"seconds_per_minute": 60.0, **options})
        self.kept: list[str] = []
        self.deferred: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> World:
        self._stack.enter_context(self.vm)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def connect(self) -> ManagerSession:
        """Return a session whose waits pass on the clock of the manager."""
        settings = ManagerSettings(
            requests_per_second=1000.0,  # or a test would really wait
            base_url=self.vm.url,
            username=self.vm.username,
            password=self.vm.password,
            ca_bundle=self.vm.ca_bundle,
            timeouts=Timeouts(connect=10.0, read=20.0, upload_read=20.0),
        )
        session = self._stack.enter_context(ManagerSession(settings, clock=self.clock))
        session.sleep = self.clock.sleep  # type: ignore[method-assign]
        return session

    def edges(self, count: int, *, sites: int | None = None, **fields: Any) -> list[str]:
        """Add edges on the old version and the image of the new one; return their names."""
        return list(add_edges(self.vm, count, sites=sites, **fields))

    def plan(
        self, version: str = NEW, *, wave_sizes: Any = (1, "50%"), max_devices: int = 5000, **wish: Any
    ) -> dict[str, Any]:
        """Return the plan that an operator would."""
        session = self.connect()
        asked = parse_wish(version, **wish)
        fleet = read_fleet(session)
        plan = make_plan(asked, fleet, wave_sizes=wave_sizes, max_devices=max_devices)
        result = plan_result(plan, fleet, read_health(session), manager=self.vm.url, version=version)
        return json.loads(json.dumps(result))

    def policy(self, **changes: Any) -> UpgradePolicy:
        """Return a policy; ``window`` and ``wave_minutes`` are in minutes."""
        if "window" in changes:
            changes["not_after"] = self.clock() + 60 * changes.pop("window")
        if (minutes := changes.pop("wave_minutes", None)) is not None:
            changes["wave_seconds"] = 60.0 * minutes
        return UpgradePolicy(**{"poll_interval": 90.0, "settle_timeout": 900.0, **changes})

    def upgrade(
        self,
        plan: dict[str, Any],
        *,
        notes: ActionNotes | None = None,
        session: ManagerSession | None = None,
        from_kept: bool = False,
        is_retry: bool = False,
        is_deferred: bool = False,
        **policy: Any,
    ) -> UpgradeOutcome:
        """Run an upgrade to its end and return its outcome.

        :param from_kept: go on from what the last one has kept.
        :param is_retry: of a run that has kept nothing.
        :param is_deferred: every wait ends the process, as it does where a task is deferred.
        """
        session = session or self.connect()
        planned, allowed = parse_plan(plan), self.policy(**policy)
        notes = notes or NoNotes()
        kept = unpack(self.kept[-1], planned) if from_kept and self.kept else None
        state = open_upgrade(session, planned, allowed, kept=kept, notes=notes.read(), is_retry=is_retry)

        def new_steps() -> FleetUpgrade:
            keep = lambda state: self.keep(pack(state, planned))  # noqa: E731
            return FleetUpgrade(session, notes, planned, allowed, keep=keep)

        steps = new_steps()
        while not (state := steps.advance(state)).has_ended:
            session.sleep(steps.seconds_to_wait(state))
            if is_deferred:
                self.deferred.append(pack(state, planned))
                state, steps = unpack(self.deferred[-1], planned), new_steps()
        return UpgradeOutcome(planned, allowed, state, read_devices(session, planned.rows))

    def keep(self, packed: str) -> None:
        """Keep a state as the task state store would."""
        self.kept.append(packed)

    def running(self) -> Counter[str]:
        """Return how many edges run which version."""
        return Counter(one["version"] for one in self.vm.devices if one["device-type"] == "vedge")

    def posts(self) -> Counter[tuple[str, str, str]]:
        """Return how often each action was sent for each device and version."""
        return Counter((one.action, one.device, one.version) for one in self.vm.actions)


def add_edges(vm: Simulator, count: int, *, sites: int | None = None, **fields: Any) -> dict[str, int]:
    """Add edges on the old version and the image of the new one; return their sites by name."""
    vm.add_image("edge.bin", version=IMAGE, platform_family=("vedge-x86",))
    site_of = {f"edge-{number + 1}": 100 + number % (sites or count) for number in range(count)}
    for name, site in site_of.items():
        vm.add_device(name, "vedge", OLD, site_id=str(site), **fields)
    return site_of


def actions_of(outcome: UpgradeOutcome) -> dict[str, str]:
    """Return how each device has ended, by its name."""
    return {row["device"]: row["action"] for row in outcome.rows()}


def reason_of(outcome: UpgradeOutcome, device: str) -> str:
    """Return why a device has ended as it has."""
    return next(row["reason"] or "" for row in outcome.rows() if row["device"] == device)


def waves_of(plan: dict[str, Any]) -> Sequence[list[str]]:
    """Return the names of the devices of each wave."""
    return [[row["device"] for row in wave] for wave in plan["waves"]]
