"""Whether an image is in use, and by whom: what devices run, boot or may need."""

from __future__ import annotations

import time
from dataclasses import dataclass

from airflow_provider_vmanage.client.devices import Device, devices_that_need, list_devices
from airflow_provider_vmanage.client.errors import VManageCancelledError, VManageError, VManageInUseError
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession

#: seconds for which lists of devices are believed while images are deleted one after the other
FRESH = 60.0

#: how many devices an error names
NAMED = 10


@dataclass(frozen=True)
class Usage:
    """The software of all devices at one moment.

    :param devices: of the three lists.
    :param problem: why the lists could not be read; every image counts as in use then.
    """

    devices: tuple[Device, ...] = ()
    problem: VManageError | None = None

    def reason(self, image: SoftwareImage) -> str | None:
        """Return why the image counts as in use, or ``None`` where it does not.

        A version that the manager does not know (``--``) fits no device.
        """
        if self.problem is not None:
            return f"counts as in use, since the devices could not be listed ({self.problem})"
        names = devices_that_need(self.devices, image.version or "")
        if not names:
            return None
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"is in use on {', '.join(names[:NAMED])}{more}"

    def refuse(self, image: SoftwareImage, mend: str) -> None:
        """Do nothing where the image is not in use.

        :param mend: what the reader can do, for the error.
        :raises VManageInUseError: it is, or counts as in use.
        """
        reason = self.reason(image)
        if reason is not None:
            passes = self.problem is not None and self.problem.retryable
            raise VManageInUseError(f"{image.describe()} {reason}: {mend}", retryable=passes) from self.problem


def read_usage(session: ManagerSession) -> Usage:
    """Return what the devices use now; three calls. Lists that cannot be read are told by the result.

    :raises VManageCancelledError: told to stop.
    """
    try:
        return Usage(tuple(list_devices(session)))
    except VManageCancelledError:
        raise
    except VManageError as err:
        return Usage(problem=err)


class FreshUsage:
    """What the devices use, read again where it is older than a minute.

    :param session: with the manager.
    """

    def __init__(self, session: ManagerSession) -> None:
        self._session = session
        self._usage: Usage | None = None
        self._read_at = 0.0

    def now(self) -> Usage:
        """Return what the devices use.

        :raises VManageCancelledError: told to stop.
        """
        if self._usage is None or time.monotonic() - self._read_at > FRESH:
            self._usage, self._read_at = read_usage(self._session), time.monotonic()
        return self._usage
