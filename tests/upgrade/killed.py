"""An upgrade that is killed at one moment, and the try after it, which goes on from what outlived the kill."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from airflow_provider_vmanage.client.upgrade.outcome import UpgradeOutcome
from tests.client.action_support import Forgetful, Kill, Killed, Notes
from tests.upgrade.world import World

#: what the next try says of a reboot of which nothing shows whether it was sent
UNKNOWN = "An earlier try may have sent the action"


@dataclass(frozen=True)
class Case:
    """An upgrade of three edges in two waves.

    :param has_store: whether notes and state outlive a kill.
    :param is_deferred: every wait ends the process, as it does where a task is deferred.
    :param meanwhile: seconds between the kill and the next try.
    :param knobs: how the second edge behaves.
    :param rollback: whether an ill device goes back to its earlier version.
    """

    has_store: bool
    is_deferred: bool
    meanwhile: float = 0.0
    knobs: tuple[tuple[str, Any], ...] = ()
    rollback: bool = False
    max_failures: int = 1


class KilledUpgrade:
    """A run that is killed at a moment, and the one after it.

    :param at: which moment; ``None`` for a run that is not killed.
    """

    def __init__(self, case: Case, at: int | None) -> None:
        self.case = case
        self.notes = Notes() if case.has_store else Forgetful()
        self.outcome: UpgradeOutcome | None = None
        kill = Kill(at)
        with World() as self.world:
            self._keep = self.world.keep
            self.world.edges(3)
            self.world.vm.behave("edge-2", **dict(case.knobs))
            plan = self.world.plan(wave_sizes=(1, 2))
            try:
                self.outcome = self._run(plan, kill)
            except Killed:
                self.world.clock.sleep(case.meanwhile)
                self.outcome = self._run(plan, Kill(None), is_retry=True)
            self.posts = self.world.posts()
            self.edges = {
                one["host-name"]: (one["version"], one["defaultVersion"])
                for one in self.world.vm.devices
                if one["device-type"] == "vedge"
            }
        self.moments = kill.moments

    @property
    def counts(self) -> Counter[str]:
        """Return how many devices have ended how."""
        assert self.outcome
        return Counter(row["action"] for row in self.outcome.rows())

    @property
    def is_unknown(self) -> bool:
        """Return whether it stopped since nothing shows whether a reboot was sent."""
        assert self.outcome
        return any(UNKNOWN in one for one in self.outcome.state.warnings)

    def _run(self, plan: dict[str, Any], kill: Kill, *, is_retry: bool = False) -> UpgradeOutcome:
        session = self.world.connect()
        kill.arm(session)
        self.notes.kill = kill
        self.world.keep = kill.around("keep", self._keep)  # type: ignore[method-assign]
        return self.world.upgrade(
            plan,
            notes=self.notes,
            session=session,
            from_kept=self.case.has_store,
            is_retry=is_retry and not self.case.has_store,
            is_deferred=self.case.is_deferred,
            rollback=self.case.rollback,
            max_failures=self.case.max_failures,
            poll_interval=300.0,
        )
