"""A vManage to run on a laptop: for tests, for demos, and for DAGs under development.

Behaves as public sources say a real manager does; what no source documents is invented and labelled so
(``docs/simulator.md`` lists it). Needs the extra ``airflow-provider-vmanage[simulator]``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_vmanage.simulator.exchange import ReceivedRequest
    from airflow_provider_vmanage.simulator.faults.book import FAULTS, Fault
    from airflow_provider_vmanage.simulator.releases import RELEASES, Release
    from airflow_provider_vmanage.simulator.repository import Image
    from airflow_provider_vmanage.simulator.simulator import Counters, Simulator

__all__ = ["FAULTS", "RELEASES", "Counters", "Fault", "Image", "ReceivedRequest", "Release", "Simulator"]

_PACKAGE = "airflow_provider_vmanage.simulator"
_MODULES = {
    "FAULTS": "faults.book",
    "RELEASES": "releases",
    "Counters": "simulator",
    "Fault": "faults.book",
    "Image": "repository",
    "ReceivedRequest": "exchange",
    "Release": "releases",
    "Simulator": "simulator",
}


def __getattr__(name: str) -> object:
    """The public name, imported when first asked for.

    :raises ModuleNotFoundError: The extra is not installed; the message says how to install it.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{_PACKAGE}.{_MODULES[name]}"), name)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.startswith("airflow_provider_vmanage"):
            raise
        advice = "pip install 'airflow-provider-vmanage[simulator]'"
        raise ModuleNotFoundError(f"the simulator needs {exc.name}: {advice}", name=exc.name) from exc
