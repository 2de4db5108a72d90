"""What an upgrade is allowed: failures, time, checks. Checked before anything is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from airflow_provider_vmanage.client.arguments import parse_seconds
from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.health import CHECKS, parse_checks
from airflow_provider_vmanage.client.upload.deadline import parse_not_after

_MAY_BE_ZERO = ("pause", "stable_for")


@dataclass(frozen=True)
class UpgradePolicy:
    """The arguments of an upgrade, checked.

    :param max_failures: devices that may fail before no further wave begins: a number, or a fraction of all devices.
    :param not_after: moment by which the last wave has to end, in seconds since 1970; ``None`` for no window.
    :param wave_seconds: what a wave takes; ``None`` for an estimate.
    :param checks: health checks that are made.
    :param settle_timeout: seconds that devices may take to become as healthy as before.
    :param stable_for: seconds for which they have to stay so.
    :param pause: seconds between two waves.
    :param set_default: confirm the version on healthy devices.
    :param rollback: activate the earlier version where only the health failed.
    :param accept_failures: failures within the budget end in success.
    :param skip_blocked: leave out devices that cannot be reached or are busy when their wave begins.
    :param timeout: seconds for each task of the manager, and for devices to come back.
    :param poll_interval: seconds between two polls.
    """

    max_failures: int | Fraction = 0
    not_after: float | None = None
    wave_seconds: float | None = None
    checks: tuple[str, ...] = CHECKS
    settle_timeout: float = 1800.0
    stable_for: float = 60.0
    pause: float = 0.0
    set_default: bool = True
    rollback: bool = False
    accept_failures: bool = False
    skip_blocked: bool = False
    timeout: float = 7200.0
    poll_interval: float = 30.0

    def is_exceeded(self, failures: int, devices: int) -> bool:
        """Return whether that many failures among that many devices are too many."""
        limit = self.max_failures * devices if isinstance(self.max_failures, Fraction) else self.max_failures
        return failures > limit


def parse_policy(
    *,
    max_failures: Any,
    not_after: datetime | str | None,
    wave_minutes: Any,
    checks: Any,
    **seconds_and_flags: Any,
) -> UpgradePolicy:
    """Return the policy.

    :param seconds_and_flags: the other fields of :class:`UpgradePolicy`; flags are booleans by now.
    :raises VManageConfigurationError: naming field, value and fix.
    """
    moment = parse_not_after(not_after)
    minutes = None if wave_minutes in (None, "") else parse_seconds(wave_minutes, "wave_minutes")
    rest: dict[str, Any] = {
        name: value if isinstance(value, bool) or (name in _MAY_BE_ZERO and value == 0) else parse_seconds(value, name)
        for name, value in seconds_and_flags.items()
    }
    return UpgradePolicy(
        max_failures=parse_max_failures(max_failures),
        not_after=None if moment is None else moment.timestamp(),
        wave_seconds=None if minutes is None else minutes * 60,
        checks=parse_checks(checks),
        **rest,
    )


def parse_max_failures(value: Any) -> int | Fraction:
    """Return a number of devices as an integer, a percentage as a fraction.

    :raises VManageConfigurationError: neither a number from 0 nor a percentage to 100.
    """
    text = str(value).strip()
    if found := re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?)\s*%", text, re.ASCII):
        part = Fraction(found[1]) / 100
        if part <= 1:
            return part
    elif not isinstance(value, bool) and re.fullmatch(r"\d{1,6}", text, re.ASCII):
        return int(text)
    raise VManageConfigurationError(f'max_failures is {value!r}: give a number from 0, or a percentage such as "5%"')
