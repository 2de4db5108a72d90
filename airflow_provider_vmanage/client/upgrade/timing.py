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

    For the first wave of a role: the manager's limits. For later ones: the longest wave so far, plus a quarter.

    :param rows: the devices of the wave.
    """
    if policy.wave_seconds is not None:
        return policy.wave_seconds
    role = rows[0].role
    done = [
        wave.ended_at - wave.started_at
        for wave, planned in zip(state.waves, plan.waves, strict=False)
        if wave.ended_at is not None and planned[0].role == role
    ]
    if done:
        return max(done) * _MARGIN
    download, activate = state.limits or (0.0, 0.0)
    once = download * any(row.step == "install+activate" for row in rows)
    once += activate * any(row.step != "set_default" for row in rows)
    return once * (len(rows) if role in CONTROLLERS else 1) + policy.settle_timeout + policy.stable_for
