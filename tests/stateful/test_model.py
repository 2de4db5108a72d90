"""Random sequences of all operators, in each release, against a simple model of a manager, its images and devices.

After every step the manager holds what the model says, and so do the devices. No action was sent twice for a device,
or while another one was at work on it; no success is claimed that a device does not show; nothing was deleted that is
in use or was not asked for; check mode and a refused task have changed nothing.

Some steps meet a trouble: a lost reply, a restart of the manager, a worker killed between any two requests, a task
killed by hand, and devices that fail, lie, come back with their old version, or are busy.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.device_rules import DeviceRules
from tests.stateful.repository_rules import RepositoryRules
from tests.stateful.upgrade_rules import UpgradeRules
from tests.stateful.virtual_time import VirtualTime
from tests.stateful.wire import Wire


class Model(RepositoryRules, DeviceRules, UpgradeRules):
    """All of it."""


@pytest.mark.each_release
@pytest.mark.timeout(300)
def test_random_tasks_do_what_the_model_says(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, counts = VirtualTime(), {"steps": 0}
    clock.install(monkeypatch)
    Wire.install(monkeypatch)
    machine = type("ModelOfRelease", (Model,), {"preset": release, "clock": clock, "counts": counts})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        seed(1)(machine),
        settings=settings(
            max_examples=1,
            stateful_step_count=16,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # 16 steps are read sooner than they are shortened
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert counts["steps"] >= 15
