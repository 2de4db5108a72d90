"""Lists of devices: inventory, upgrade page, health. All read the one store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import responses
from airflow_provider_vmanage.simulator.devices import health, history, inventory
from airflow_provider_vmanage.simulator.devices.device import LISTS, Device
from airflow_provider_vmanage.simulator.devices.store import DeviceStore

DEVICE = "/dataservice/device"
ACTION = DEVICE + "/action"
Row = dict[str, Any]

# The lists of one action with ``deviceId``: in all but install, uptime-date is text (OpenAPI 26.1).
_OF_ACTION = ("install", "changepartition", "removepartition", "deactivate", "reboot")
_FILTERS = ("site-id", "personality", "deviceId", "system-ip", "reachability", "device-type")


class DevicePages:
    """Device lists and health calls, each a fleet-wide one of the manager's own store."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store
        self._calls = 0

    def routes(self) -> list[Route]:
        """The routes of these pages."""
        pages = {
            DEVICE: self.devices,
            DEVICE + "/counters": self.counters,
            DEVICE + "/tloc": self.tlocs,
            DEVICE + "/system/info": self.system_info,
            DEVICE + "/reachable": self.reachable(True),
            DEVICE + "/unreachable": self.reachable(False),
            DEVICE + "/reboothistory/details": self.reboots,
            DEVICE + "/crashlog/details": self.crashes,
            "/dataservice/system/device/{list_name}": self.system_devices,
            ACTION + "/install/devices/{list_name}": self.install_devices,
            ACTION + "/reboot/devices/{list_name}": self.reboot_devices,
            **{f"{ACTION}/{name}": self.of_action(name) for name in _OF_ACTION},
        }
        return [Route(path, page, methods=["GET"]) for path, page in pages.items()]

    async def devices(self, request: Request) -> Response:
        """Every device that has come up; at each call another seventh of them shows its boot a minute earlier."""
        self._calls += 1
        devices, fabric = self._survey()
        rows = [health.device_row(d, fabric, (n + self._calls) % 7 == 0) for n, d in enumerate(devices)]
        wanted = {name: request.query_params[name] for name in _FILTERS if name in request.query_params}
        return responses.envelope([r for r in rows if all(str(r.get(n)) == v for n, v in wanted.items())])

    async def counters(self, request: Request) -> Response:
        """Sessions as numbers."""
        devices, fabric = self._survey(request)
        return responses.envelope([health.counters_row(d, fabric) for d in devices])

    async def tlocs(self, request: Request) -> Response:
        """Sessions by colour."""
        devices, fabric = self._survey(request)
        rows = [row for d in devices for row in health.tloc_rows(d, fabric)]
        colour = request.query_params.get("color")
        return responses.envelope([row for row in rows if colour in (None, row["color"])])

    async def system_info(self, request: Request) -> Response:
        """The full records of the devices that ``deviceId`` names, which may be repeated; else of all (invented)."""
        devices, fabric = self._survey(request)
        return responses.envelope([health.info_row(d, fabric) for d in devices])

    def reachable(self, wanted: bool) -> Callable[[Request], Any]:
        """A page with the full records of the devices that are reachable, or of the others."""

        async def page(request: Request) -> Response:
            devices, fabric = self._survey()
            personality = request.query_params.get("personality")
            shown = [d for d in devices if d.reachable is wanted and personality in (None, d.record["personality"])]
            return responses.envelope([health.info_row(d, fabric) for d in shown])

        return page

    async def reboots(self, request: Request) -> Response:
        """Every reboot so far."""
        return responses.envelope(history.reboot_rows(self._survey()[0]))

    async def crashes(self, request: Request) -> Response:
        """Every core file."""
        return responses.envelope(history.crash_rows(self._survey()[0]))

    async def system_devices(self, request: Request) -> Response:
        """Configuration and certificates."""
        name = request.path_params["list_name"]
        if name not in inventory.NAMES:
            return _no_list(name)
        return responses.envelope(inventory.inventory(self._store, name, request.query_params))

    async def install_devices(self, request: Request) -> Response:
        """The devices a software action can go to."""
        name = request.path_params["list_name"]
        return responses.envelope(self._records(name)) if name in LISTS.values() else _no_list(name)

    async def reboot_devices(self, request: Request) -> Response:
        """The same without versions, and with services (OpenAPI 26.1)."""
        name = request.path_params["list_name"]
        if name not in LISTS.values():
            return _no_list(name)
        return responses.envelope([_without_versions(record) for record in self._records(name)])

    def of_action(self, action: str) -> Callable[[Request], Any]:
        """The list of one action for the devices that ``deviceId`` names."""

        async def page(request: Request) -> Response:
            wanted = request.query_params.getlist("deviceId")
            records = [d.record for d in self._store.all if _is_one_of(d, wanted)]
            return responses.envelope([_for_action(record, action) for record in records])

        return page

    def _records(self, name: str) -> list[Row]:
        return [device.record for device in self._store.of_list(name)]

    def _survey(self, request: Request | None = None) -> tuple[list[Device], health.Fabric]:
        """The devices that are asked for, and the sums over all."""
        devices = [d for d in self._store.all if d.present]
        fabric = health.survey(devices, self._store.clock())
        wanted = request.query_params.getlist("deviceId") if request else []
        return [d for d in devices if not wanted or _is_one_of(d, wanted)], fabric


def _is_one_of(device: Device, wanted: list[str]) -> bool:
    return device.record.get("system-ip") in wanted or device.record.get("uuid") in wanted


def _for_action(record: Row, action: str) -> Row:
    services: Row = {"availableServices": []}
    if action == "reboot":
        return _without_versions(record)
    if action == "install":
        row = {name: value for name, value in record.items() if name != "current-partition"}
        return {**row, **services, "downloadedImages": [], "downloadedServices": []}
    return {**record, "uptime-date": str(record.get("uptime-date"))}


def _without_versions(record: Row) -> Row:
    versions = ("version", "current-partition", "defaultVersion", "availableVersions")
    return {**{n: v for n, v in record.items() if n not in versions}, "availableServices": []}


def _no_list(name: str) -> Response:
    return responses.error(400, "Unknown device type", f"No list of {name}", "SIM-UNKNOWN-DEVICE-LIST")  # invented
