"""Time limits of software tasks: ``/settings/configuration/softwareMaintenance`` (client code; all values are text)."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_vmanage.simulator import responses

PATH = "/dataservice/settings/configuration/softwareMaintenance"
# Ranges: catalystwan 0.41.6; that a manager refuses others is inferred.
_RANGES = {"downloadTimeoutInMin": (60, 360), "activateTimeoutInMin": (30, 180), "controlPps": (300, 65535)}


class SettingsPages:
    """The limits that the manager has for download and activation."""

    def __init__(self) -> None:
        self._limits = {name: str(lowest) for name, (lowest, _) in _RANGES.items()}

    def routes(self) -> list[Route]:
        """The routes of these pages."""
        return [Route(PATH, self.show, methods=["GET"]), Route(PATH, self.change, methods=["PUT", "POST"])]

    async def show(self, request: Request) -> Response:
        """The limits in force."""
        return responses.envelope([self._limits])

    async def change(self, request: Request) -> Response:
        """Set those that the body names."""
        try:
            given = {name: int(value) for name, value in dict(json.loads(await request.body())).items()}
        except (ValueError, TypeError):
            given = {"": 0}
        for name, value in given.items():
            lowest, highest = _RANGES.get(name, (1, 0))
            if not lowest <= value <= highest:
                wanted = ", ".join(f"{n} ({a} to {b})" for n, (a, b) in _RANGES.items())
                return responses.error(400, "Failed to save settings", f"Takes {wanted}", "SIM-SETTINGS")
        self._limits.update({name: str(value) for name, value in given.items()})
        return responses.envelope([self._limits])
