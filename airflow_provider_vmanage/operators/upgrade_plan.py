"""The operator that plans an upgrade; DAGs import it from ``operators.software_upgrade``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.links import SoftwareUpgradeLink
from airflow_provider_vmanage.operators.vmanage import VManageOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanUpgradeOperator(VManageOperator):
    """Plan an upgrade: which devices, in which waves, what each needs, and what blocks it.

    Changes nothing; a retry is safe. Validators come first, then controllers, then edges; no wave holds two roles, and
    a manager is planned alone. A device that runs and boots the version is ``unchanged``. One that the manager cannot
    reach, that a task works on, that no image fits, or that would be downgraded is ``blocked`` with a reason, and is in
    no wave.

    Returns ``manager``, ``release``, ``version``, ``waves`` (lists of rows), ``unchanged`` and ``blocked`` (rows),
    ``warnings``, ``baseline`` (health of the devices in waves, by their ids), ``baseline_problems``, ``applied`` and
    ``changed`` (both false), and ``markdown`` (the plan as a page, for a person who approves it).

    :param version: as the repository or the device spells it, or a mapping from platform family to version (templated);
        without it, that of the rows in ``devices``.
    :param devices: host names, system IPs, uuids, or rows of a list or plan (templated). Each stands for exactly one
        device. Without it, all devices of ``device_type``.
    :param device_type: the manager's list to plan for (templated): ``vedge`` (all edges, those with IOS XE too),
        ``controller`` (controllers and validators) or ``vmanage``.
    :param sites: only devices of these site ids (templated).
    :param platform_family: only this family, such as ``c8000v`` (templated).
    :param running: only devices that run a version of this pattern, such as ``17.09.*`` (templated).
    :param exclude: leave these out: host names, system IPs or uuids (templated).
    :param wave_sizes: devices in each wave (templated): numbers, or percentages of the devices of a role that change,
        rounded up. The last one repeats, and each role begins again with the first.
    :param one_per_site: no two devices of one site in a wave, even if waves get smaller (templated): the reload of an
        upgrade does not close BGP gracefully. Devices without a site count as one site.
    :param max_devices: fail if more devices than this would change (templated).
    :param allow_downgrade: plan also where the version is older than the running one (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, an unknown device, site or version, too many devices, refused login, no
        permission. No retry.
    :raises VManageError: unavailable, or a response that is not a list. A retry is safe.
    """

    template_fields: Sequence[str] = (
        "version",
        "devices",
        "device_type",
        "sites",
        "platform_family",
        "running",
        "exclude",
        "wave_sizes",
        "one_per_site",
        "max_devices",
        "allow_downgrade",
        "vmanage_conn_id",
    )
    operator_extra_links = (SoftwareUpgradeLink(),)

    def __init__(
        self,
        *,
        version: str | Mapping[str, str] | None = None,
        devices: Sequence[str | dict[str, Any]] | str | None = None,
        device_type: str = "vedge",
        sites: Sequence[str | int] | str | None = None,
        platform_family: str | None = None,
        running: str | None = None,
        exclude: Sequence[str] | str = (),
        wave_sizes: Sequence[int | str] | str = (1, "10%", "50%"),
        one_per_site: bool | str = True,
        max_devices: int | str = 50,
        allow_downgrade: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.version = version
        self.devices = devices
        self.device_type = device_type
        self.sites = sites
        self.platform_family = platform_family
        self.running = running
        self.exclude = exclude
        self.wave_sizes = wave_sizes
        self.one_per_site = one_per_site
        self.max_devices = max_devices
        self.allow_downgrade = allow_downgrade

    def work(self, context: Context) -> dict[str, Any]:
        """Return the plan."""
        from airflow_provider_vmanage.client.arguments import parse_max_devices
        from airflow_provider_vmanage.client.upgrade.plan_result import plan_upgrade
        from airflow_provider_vmanage.client.upgrade.wish import parse_wish
        from airflow_provider_vmanage.reports.upgrade_approval import (
            LOG_COLUMNS,
            count_plan,
            plan_rows,
            render_upgrade_plan,
        )

        wish = parse_wish(
            self.version,
            devices=self.devices,
            device_type=self.device_type,
            sites=self.sites,
            platform_family=self.platform_family,
            running=self.running,
            exclude=self.exclude,
        )
        plan = plan_upgrade(
            self.hook.get_conn(),
            wish,
            wave_sizes=self.wave_sizes,
            one_per_site=self.flag(self.one_per_site, "one_per_site"),
            max_devices=parse_max_devices(self.max_devices),
            allow_downgrade=self.flag(self.allow_downgrade, "allow_downgrade"),
        )
        self.log.info("plan: %s", count_plan(plan))
        for text in (*plan["warnings"], *plan["baseline_problems"]):
            self.log.warning("%s", text)
        self.log_table(LOG_COLUMNS, plan_rows(plan))
        return {**plan, "markdown": render_upgrade_plan(plan)}
