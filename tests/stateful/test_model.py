"""Random sequences of all operators and sensors, in each release, against a simple model of a manager and its devices.

After every step the manager holds what the model says, and so do the devices. No action was sent twice for a device
in one try, or while another one was at work on it; none rebooted a device again that an earlier try may have rebooted,
except without a task state store after a killed worker (docs/devices.md); no success is claimed that a device does not
show; nothing was deleted that is in use or was not asked for; check mode and a refused task have changed nothing.

Some steps meet a trouble: a lost reply, a page in its place, a restart of the manager, a worker killed between any two
requests, a task killed by hand, a task that does not show its devices, and devices that fail, lie, come back with their
old version, or are busy.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.device_rules import DeviceRules
from tests.stateful.reading_rules import ReadingRules
from tests.stateful.repository_rules import RepositoryRules
from tests.stateful.upgrade_rules import UpgradeRules
from tests.stateful.virtual_time import VirtualTime
from tests.stateful.wire import Wire

STEPS = int(os.environ.get("MODEL_STEPS", "2000"))
SEED = int(os.environ.get("MODEL_SEED", "1"))


class Model(RepositoryRules, ReadingRules, DeviceRules, UpgradeRules):
    """All of it."""


def run_model(
    release: str, monkeypatch: pytest.MonkeyPatch, *, number: int | str, sequences: int, steps: int
) -> dict[str, int]:
    """Run so many sequences of so many steps, chosen by a number; return what was counted."""
    clock, counts = VirtualTime(), {"steps": 0}
    machine = type("ModelOfRelease", (Model,), {"preset": release, "clock": clock, "counts": counts})
    with monkeypatch.context() as patch:
        clock.install(patch)
        Wire.install(patch)
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            seed(f"{release} {number}")(machine),  # each release has sequences of its own
            settings=settings(
                max_examples=sequences,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=(Phase.generate,),  # a sequence is read sooner than it is shortened
                suppress_health_check=list(HealthCheck),
            ),
        )
    return counts


@pytest.mark.each_release
@pytest.mark.timeout(300)
def test_random_tasks_do_what_the_model_says(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_model(release, monkeypatch, number=1, sequences=1, steps=16)["steps"] >= 15


@pytest.mark.model
@pytest.mark.timeout(3600)
def test_thousands_of_random_tasks_do_what_the_model_says(
    release: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    wanted, counts, rounds = -(-STEPS // 4), Counter[str](), 0
    while counts["steps"] < wanted:  # Hypothesis may end a sequence early
        sequences = -(-(wanted - counts["steps"]) // 25)
        counts.update(run_model(release, monkeypatch, number=f"{SEED} {rounds}", sequences=sequences, steps=26))
        rounds += 1
    record_property("model", f"release {release}, seed {SEED}: {dict(counts)}")
