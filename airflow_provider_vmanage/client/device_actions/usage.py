"""What uses an image: devices, the manager itself, its running and scheduled tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from airflow_provider_vmanage.client.device_actions.software_tasks import SoftwareTask, list_software_tasks
from airflow_provider_vmanage.client.devices import Device, list_devices
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageCancelledError,
    VManageConfigurationError,
    VManageError,
    VManageInUseError,
    VManageProtocolError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.versions import UNKNOWN_VERSION, Comparable, comparable, may_be_same

#: age in seconds from which the usage is read again while images are deleted one after the other
USAGE_MAX_AGE_S = 60.0

#: how many devices an error names
MAX_NAMED_DEVICES = 10

#: errors that stop the reading, since they say nothing about the use of an image
_NOT_ABOUT_USE = (VManageCancelledError, VManageAuthenticationError, VManageConfigurationError)


@dataclass(frozen=True)
class Usage:
    """What needs images at one moment.

    :param devices: from the three lists.
    :param problem: why the devices or tasks could not be read; every image then counts as in use.
    :param manager_version: the release that the manager itself runs (``platformVersion``).
    :param tasks: running and scheduled tasks that may work with images.
    :param unread: what could not be listed if there is a problem.
    """

    devices: tuple[Device, ...] = ()
    problem: VManageError | None = None
    manager_version: str | None = None
    tasks: tuple[SoftwareTask, ...] = ()
    unread: str = "devices"

    def reason(self, image: SoftwareImage) -> str | None:
        """Return why the image counts as in use, or ``None`` if it does not.

        A stored image whose version the manager does not know (``--``) may be what a device runs.
        """
        return "; ".join([*self._permanent(image), *self._temporary(image)]) or None

    def refuse(self, image: SoftwareImage, fix: str) -> None:
        """Raise an error if the image is in use, or counts as in use.

        :param fix: what the reader can do, for the error.
        :raises VManageInUseError: retryable if the only reason is a task, or a list that may be readable later.
        """
        permanent, temporary = self._permanent(image), self._temporary(image)
        if permanent or temporary:
            text = f"{image.describe()} {'; '.join([*permanent, *temporary])}: {fix}"
            raise VManageInUseError(text, retryable=not permanent) from self.problem

    def users_of(self, version: str) -> str | None:
        """Return the names of what runs, boots or may need the version, the first of many, or ``None``."""
        names = self._users_of(version)
        return _join_names(names) if names else None

    def _permanent(self, image: SoftwareImage) -> list[str]:
        """Return the reasons that a later try would still find."""
        reasons = []
        if self.problem is not None and not self.problem.retryable:
            reasons.append(self._not_listed())
        is_elsewhere = image.is_repository_url or image.remote_server_ids or image.version_type not in (None, "vmanage")
        if not is_elsewhere and image.version in (None, UNKNOWN_VERSION):
            reasons.append("counts as in use, since its version is not known")
        if names := self._users_of(image.version or ""):
            reasons.append(f"is in use on {_join_names(names)}")
        if names := self._possible_users(image):
            reasons.append(f"may be in use on {_join_names(names)}, where a version cannot be read")
        return reasons

    def _temporary(self, image: SoftwareImage) -> list[str]:
        listed = [self._not_listed()] if self.problem is not None and self.problem.retryable else []
        return [*listed, *(reason for task in self.tasks if (reason := task.reason(image)))]

    def _not_listed(self) -> str:
        return f"counts as in use, since the {self.unread} could not be listed ({self.problem})"

    def _users_of(self, version: str) -> list[str]:
        key = comparable(version)
        return sorted({name for one, names in self._users.items() if may_be_same(one, key) for name in names})

    @cached_property
    def _users(self) -> dict[Comparable, set[str]]:
        """Return the names of what runs, boots or may need a version, by version."""
        users: dict[Comparable, set[str]] = {}
        if self.manager_version:
            users[comparable(self.manager_version)] = {"the manager itself"}
        for device in self.devices:
            for version in device.needed:
                users.setdefault(comparable(version), set()).add(device.name)
        return users

    def _possible_users(self, image: SoftwareImage) -> list[str]:
        families = set(image.platform_family)
        odd = (
            one
            for one in self._odd_devices
            if not families or one.platform_family is None or one.platform_family in families
        )
        return sorted({device.name for device in odd})

    @cached_property
    def _odd_devices(self) -> list[Device]:
        return [device for device in self.devices if device.may_need_more]


def read_usage(session: ManagerSession) -> Usage:
    """Return the present uses of images; four calls, and one for each task that may work with images.

    If a list cannot be read, or all device lists are empty, the result has a problem: a manager lists at least itself.

    :raises VManageAuthenticationError: the login was refused.
    :raises VManageCancelledError: the session was aborted.
    """
    unread = "devices"
    devices: tuple[Device, ...] = ()
    try:
        devices = _devices(session)
        unread = "running tasks"
        tasks = tuple(list_software_tasks(session, devices))
        return Usage(devices, None, session.server.version, tasks)
    except _NOT_ABOUT_USE:
        raise
    except VManageError as err:
        return Usage(devices, err, unread=unread)


class CachedUsage:
    """The usage of images, read again if it is older than a minute.

    :param session: with the manager.
    """

    def __init__(self, session: ManagerSession) -> None:
        self._session = session
        self._clock = session.clock.monotonic
        self._usage: Usage | None = None
        self._read_at = 0.0

    def now(self) -> Usage:
        """Return the present uses of images.

        :raises VManageError: as :func:`read_usage`.
        """
        if self._usage is None or self._clock() - self._read_at > USAGE_MAX_AGE_S:
            self._usage, self._read_at = read_usage(self._session), self._clock()
        return self._usage


def _devices(session: ManagerSession) -> tuple[Device, ...]:
    devices = tuple(list_devices(session))
    if not devices:
        raise VManageProtocolError("The lists of devices are all empty, and a manager lists at least itself")
    return devices


def _join_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED_DEVICES} more" if len(names) > MAX_NAMED_DEVICES else ""
    return f"{', '.join(names[:MAX_NAMED_DEVICES])}{more}"
