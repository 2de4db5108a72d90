"""The methods of ``Simulator`` that prepare and inspect repository, devices and actions."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_vmanage.simulator.manager import Manager
from airflow_provider_vmanage.simulator.repository import Image, Repository
from airflow_provider_vmanage.simulator.upgrade.book import ReceivedAction


class RepositoryControls:
    """Images, records and remote servers of the software repository."""

    _manager: Manager

    @property
    def repository(self) -> Repository:
        """The store that the manager's pages read. Two simulators share one if it is set before they start."""
        return self._manager.repository

    @repository.setter
    def repository(self, repository: Repository) -> None:
        self._manager.repository = repository

    @property
    def images(self) -> list[Image]:
        """Every stored file and repository URL, also those that a fault keeps out of the lists."""
        return self.repository.images

    def add_image(self, file_name: str, content: bytes = b"image", **fields: Any) -> Image:
        """Put an image in the repository, as if it had been uploaded.

        :param fields: Fields of ``Image`` to set (``version``, ``platform_family``, ``image_type``,
            ``updated_on``, ...); ``url=`` makes a repository URL without content; files of one ``group=`` share
            a record in ``/software``.
        """
        if "url" in fields:
            return self.repository.add_entry(file_name, **{"version_type": "remote", **fields})
        return self.repository.add_content(file_name, content, **fields)

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Show a record in both lists exactly as given, for dialects the simulator does not speak."""
        self.repository.raw_records.append(dict(record))
        self.repository.save()

    def set_metadata(self, file_name: str, **fields: Any) -> None:
        """Show these metadata for a file, also for one that is uploaded later.

        :param fields: ``checksum``, ``checksumType``, ``description``, ``tags``, ...
        """
        self.repository.metadata[file_name] = fields

    def add_remote_server(self, name: str, **fields: Any) -> str:
        """Add a remote server, and return its id.

        :param fields: More of the record, by the manager's keys: ``remoteServerUrl``, ``remoteServerPort``, ...
        """
        server_id = str(uuid.uuid4())
        record = {"remoteServerId": server_id, "remoteServerName": name, **fields}
        self.repository.remote_servers[server_id] = record
        return server_id

    @property
    def remote_servers(self) -> list[dict[str, Any]]:
        """Every remote server, with its password."""
        return list(self.repository.remote_servers.values())


class DeviceControls:
    """Devices of the simulated fabric, and the actions that clients sent."""

    _manager: Manager

    def add_device(
        self, host_name: str, device_type: str = "vedge", version: str = "20.9.4", **fields: Any
    ) -> dict[str, Any]:
        """Add a device, and return its record, which shows what actions change.

        :param device_type: ``vedge``, ``vsmart``, ``vbond`` or ``vmanage``.
        :param fields: More of the record: ``reachability``, ``defaultVersion``, ``availableVersions``, ``site_id``,
            ...; ``colours`` and ``hub``; and the knobs of ``behave``.
        """
        return self._manager.devices.add(host_name, device_type, version, **fields).record

    def behave(self, device: str, **knobs: Any) -> None:
        """Change how a device behaves from now on: ``fails_at="download"``, ``lies=True``, ``stays_down=30``, ...

        :param device: Host name, uuid or system IP.
        :param knobs: Fields of ``Behaviour``.
        :raises ValueError: No such device.
        :raises TypeError: No such knob.
        """
        found = self._manager.devices.find(device)
        found.behaviour = replace(found.behaviour, **knobs)

    def share_devices(self, other: DeviceControls) -> None:
        """Show the devices and tasks of another simulator, as a node of the same cluster; before this one starts."""
        self._manager.devices, self._manager.tasks = other._manager.devices, other._manager.tasks

    def add_undeployed_device(self, model: str = "vedge-C8000V") -> dict[str, Any]:
        """Add a device that never came up: ``/system/device/vedges`` alone shows it, last and with few fields."""
        return self._manager.devices.add_undeployed(model)

    def remove_devices(self) -> None:
        """Remove all devices but the manager itself."""
        self._manager.devices.clear()

    @property
    def devices(self) -> list[dict[str, Any]]:
        """The records of all devices, the manager first."""
        return [device.record for device in self._manager.devices.all]

    @property
    def actions(self) -> list[ReceivedAction]:
        """Every device of every action that was sent, in order of arrival, refused ones too."""
        return list(self._manager.tasks.received)
