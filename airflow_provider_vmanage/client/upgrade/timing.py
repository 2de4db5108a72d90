"""How long a wave may take, so that none begins that cannot end inside the window."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageRejectedError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.upgrade.planned import CONTROLLERS, PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.policy import UpgradePolicy
from airflow_provider_vmanage.client.upgrade.progress import UpgradeState

_PATH = "settings/configuration/softwareMaintenance"

#: of the longest wave so far
_MARGIN = 1.25


def read_limits(session: ManagerSession) -> tuple[float, float]:
    """Return the manager's limits for a download and an activation, in seconds; one call (catalystwan 0.41.6).

    :raises VManageConfigurationError: the manager does not show them, and no default of a manager is known.
    :raises VManageError: as any read.
    """
    try:
        rows = session.request("GET", _PATH).rows
        row = rows[0] if rows else {}
        download, activate = (60.0 * int(row[f"{name}TimeoutInMin"]) for name in ("download", "activate"))
        if min(download, activate) > 0:
            return download, activate
    except VManageRejectedError as err:
        if err.retryable:
            raise
    except (KeyError, TypeError, ValueError):
        pass
    raise VManageConfigurationError(
        "wave_minutes is missing, and the manager does not show its limits for software tasks: give wave_minutes, or "
        "leave out not_after"
    )


def seconds_of_wave(
    plan: PlannedUpgrade, policy: UpgradePolicy, state: UpgradeState, rows: Sequence[PlannedRow]
) -> float:
    """Return how long a wave takes at most.

    The longest wave of the same role so far, plus a quarter, where one has upgraded a device, and has installed on it
    if this one installs: a wave that only confirmed, or failed early, predicts nothing. Else the manager's limits.
    Controllers are upgraded one after another, so their number counts.

    :param rows: the devices of the wave.
    """
    if policy.wave_seconds is not None:
        return policy.wave_seconds
    role, installs = rows[0].role, any(row.step == "install+activate" for row in rows)
    number = len(rows) if role in CONTROLLERS else 1
    done = [
        (wave.ended_at - wave.started_at) / (len(planned) if role in CONTROLLERS else 1)
        for wave, planned in zip(state.waves, plan.waves, strict=False)
        if wave.ended_at is not None and planned[0].role == role and _is_whole(state, planned, installs=installs)
    ]
    if done:
        return max(done) * _MARGIN * number
    download, activate = state.limits or (0.0, 0.0)
    once = download * installs + activate * any(row.step != "set_default" for row in rows)
    return once * number + policy.settle_timeout + policy.stable_for


def _is_whole(state: UpgradeState, planned: Sequence[PlannedRow], *, installs: bool) -> bool:
    """Return whether a device of a wave went through all steps."""
    steps = {"install", "activate"} if installs else {"activate"}
    return any(state.of(row).action == "upgraded" and steps <= state.of(row).times.keys() for row in planned)
